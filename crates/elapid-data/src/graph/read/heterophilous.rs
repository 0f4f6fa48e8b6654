//! Roman-empire, Amazon-ratings, Minesweeper, Tolokers and Questions (Platonov et al., arXiv:2302.11640;
//! `yandex-research/heterophilous-graphs`), and the older sets of the same repository.

use std::path::Path;

use super::graph;
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSplits, by_masks};
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Parts};
use crate::npz::read_npz;

/// The graph of an `.npz` archive, with edges both ways, and its split `split`, 0 to 9.
///
/// # Errors
///
/// A file that is missing, damaged or not of this layout, or a split that it does not have.
pub fn splits(path: &Path, split: usize) -> Result<GraphSplits, DataError> {
    let wrong = |problem: String| DataError::layout(path, problem);
    let features = read_npz(path, "node_features")?;
    let [nodes, width] = features.shape[..] else {
        let dims = features.shape.len();
        return Err(wrong(format!(
            "`node_features` has {dims} dimensions, expected 2"
        )));
    };
    let labels = whole(path, &read_npz(path, "node_labels")?.values, "node_labels")?;
    if labels.len() != nodes {
        let len = labels.len();
        return Err(wrong(format!("{len} labels for {nodes} nodes")));
    }
    let ends = whole(path, &read_npz(path, "edges")?.values, "edges")?;
    let end = |id: i32| {
        u32::try_from(id).map_err(|_| wrong(format!("an edge to node {id}, expected 0 or above")))
    };
    let edges = ends
        .chunks_exact(2)
        .map(|pair| Ok([end(pair[0])?, end(pair[1])?]))
        .collect::<Result<_, DataError>>()?;
    let parts = Parts {
        nodes,
        edges,
        node_features: Some(Features::Floats {
            values: features.values.iter().map(|&x| x as f32).collect(),
            width,
        }),
        edge_features: None,
    };
    let graph = graph(path, parts, EdgePolicy::MIRRORED, |edge| {
        format!("row {edge} of `edges`")
    })?;
    let mask = |key: &str| -> Result<Vec<bool>, DataError> {
        let masks = read_npz(path, key)?;
        let rows = masks.values.len() / nodes;
        if split >= rows {
            let problem = format!(
                "`{key}` has {rows} splits, expected at least {} for data.split = {split}",
                split + 1
            );
            return Err(wrong(problem));
        }
        let row = &masks.values[split * nodes..(split + 1) * nodes];
        Ok(row.iter().map(|&x| x != 0.0).collect())
    };
    let masks = [
        mask("train_masks")?,
        mask("val_masks")?,
        mask("test_masks")?,
    ];
    let classes = labels.iter().max().map_or(0, |&label| label + 1);
    let classes = (0..classes).map(|class| class.to_string()).collect();
    let name = path.display().to_string();
    let masks = masks.each_ref().map(Vec::as_slice);
    by_masks(
        graph,
        &labels,
        masks,
        classes,
        card("heterophilous")?,
        &name,
    )
}

fn whole(path: &Path, values: &[f64], key: &str) -> Result<Vec<i32>, DataError> {
    let value = |&value: &f64| {
        let is_whole = value.fract() == 0.0 && value.abs() < f64::from(i32::MAX);
        is_whole.then_some(value as i32).ok_or_else(|| {
            DataError::layout(path, format!("`{key}` has {value}, expected whole numbers"))
        })
    };
    values.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::path::PathBuf;

    use tempfile::TempDir;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;
    use crate::npy;

    type Arrays<'a> = Vec<(&'a str, Vec<usize>, Vec<f64>)>;

    fn arrays() -> Arrays<'static> {
        vec![
            (
                "node_features",
                vec![4, 2],
                vec![0.0, 1.0, 1.0, 0.0, 0.5, 0.5, 2.0, 2.0],
            ),
            ("node_labels", vec![4], vec![0.0, 1.0, 2.0, 1.0]),
            ("edges", vec![3, 2], vec![0.0, 1.0, 1.0, 2.0, 2.0, 3.0]),
            (
                "train_masks",
                vec![2, 4],
                vec![1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
            ),
            (
                "val_masks",
                vec![2, 4],
                vec![0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            ),
            (
                "test_masks",
                vec![2, 4],
                vec![0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
            ),
        ]
    }

    fn archive(folder: &TempDir, arrays: &Arrays<'_>) -> PathBuf {
        let path = folder.path().join("set.npz");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, shape, values) in arrays {
            let options =
                SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            zip.start_file(format!("{name}.npy"), options).unwrap();
            zip.write_all(&npy::bytes(shape, values)).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn a_split_of_an_archive_is_read() {
        let folder = TempDir::new().unwrap();
        let path = archive(&folder, &arrays());
        let splits = splits(&path, 1).unwrap();
        assert_eq!(splits.train.classes().len(), 3);
        let sample = splits.train.get(0).unwrap();
        assert_eq!((sample.graph.nodes(), sample.graph.edges()), (4, 6));
        let labels = crate::graph::Targets::Nodes(vec![-1, -1, 2, 1].into());
        assert_eq!(sample.targets, labels);
        let error = super::splits(&path, 2).unwrap_err().to_string();
        assert!(
            error.contains("has 2 splits, expected at least 3"),
            "{error}"
        );
    }

    #[test]
    fn overlapping_masks_and_dangling_edges_are_refused() {
        let folder = TempDir::new().unwrap();
        let mut overlap = arrays();
        overlap[5].2[1] = 1.0;
        let error = splits(&archive(&folder, &overlap), 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(
                "node 1 is in the splits `train` and `test`, as are 0 other nodes in two"
            ),
            "{error}"
        );
        let mut dangling = arrays();
        dangling[2].2[5] = 4.0;
        let error = splits(&archive(&folder, &dangling), 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("row 2 of `edges`: node 4 is not there"),
            "{error}"
        );
    }
}
