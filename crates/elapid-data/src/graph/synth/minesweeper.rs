//! Minesweeper (Platonov et al., arXiv:2302.11640).

use super::permutation;
use crate::card::card;
use crate::error::DataError;
use crate::graph::dataset::{GraphSplits, by_masks};
use crate::graph::features::Features;
use crate::graph::graph::{EdgePolicy, Graph, Parts};
use crate::random::{purpose, stream};
use crate::transform::require;

/// Side of the board that is published.
pub const SIDE: usize = 100;

/// Numbers of a node: whether it is hidden, and whether 0, 1, 2, 3, 4 or more neighbours are mines; at most 5 are told apart.
const WIDTH: usize = 7;

/// A board of `side × side` fields, a fifth of which are mines: which are they? Fields are adjacent to the eight around them.
///
/// Half of the fields, mines or not, are hidden; the others tell how many of their neighbours are mines. `split` from 0 to 9
/// says which half of the fields is trained on, which quarter is for validation and which for the test. Every node, edge and
/// mask of the published file obeys these rules; where its mines are is another draw.
///
/// # Errors
///
/// A board smaller than 4 fields a side or larger than 1,000, or a split above 9.
pub fn splits(side: usize, split: usize, seed: u64) -> Result<GraphSplits, DataError> {
    require((4..=1000).contains(&side), "side", side, "4 to 1000")?;
    require(split < 10, "split", split, "0 to 9")?;
    let fields = side * side;
    let draw = |what: u64| permutation(fields, &mut stream(seed, &[purpose::GRAPHS, what]));
    let chosen = |order: &[usize], count: usize| {
        let mut is_chosen = vec![false; fields];
        order[..count]
            .iter()
            .for_each(|&field| is_chosen[field] = true);
        is_chosen
    };
    let mines = chosen(&draw(0), fields / 5);
    let hidden = chosen(&draw(1), fields / 2);
    let edges = edges(side);
    let mut around = vec![0; fields];
    for &[a, b] in &edges {
        around[a as usize] += usize::from(mines[b as usize]);
        around[b as usize] += usize::from(mines[a as usize]);
    }
    let mut values = vec![0.0; fields * WIDTH];
    for (field, row) in values.chunks_mut(WIDTH).enumerate() {
        let hot = if hidden[field] {
            0
        } else {
            1 + around[field].min(5)
        };
        row[hot] = 1.0;
    }
    let parts = Parts {
        nodes: fields,
        edges,
        node_features: Some(Features::Floats {
            values,
            width: WIDTH,
        }),
        edge_features: None,
    };
    let graph = Graph::new(parts, EdgePolicy::MIRRORED).map_err(|fault| DataError::Sample {
        sample: "the board".to_owned(),
        reason: fault.to_string(),
    })?;
    let labels: Vec<i32> = mines.iter().map(|&is_mine| i32::from(is_mine)).collect();
    let order = draw(2 + split as u64);
    let (half, quarter) = (fields / 2, fields / 4);
    let mask = |from: usize, to: usize| {
        let mut mask = vec![false; fields];
        order[from..to].iter().for_each(|&field| mask[field] = true);
        mask
    };
    let masks = [
        mask(0, half),
        mask(half, half + quarter),
        mask(half + quarter, fields),
    ];
    let masks = masks.each_ref().map(Vec::as_slice);
    let card = card("minesweeper")?;
    let classes = card.classes.clone();
    by_masks(graph, &labels, masks, classes, card, "the board")
}

/// Each pair of adjacent fields once.
fn edges(side: usize) -> Vec<[u32; 2]> {
    let field = |row: usize, column: usize| (row * side + column) as u32;
    let mut edges = Vec::with_capacity(4 * side * side);
    for (row, column) in (0..side).flat_map(|row| (0..side).map(move |column| (row, column))) {
        let own = field(row, column);
        if column + 1 < side {
            edges.push([own, field(row, column + 1)]);
        }
        if row + 1 < side {
            let columns = column.saturating_sub(1)..=(column + 1).min(side - 1);
            edges.extend(columns.map(|below| [own, field(row + 1, below)]));
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::targets::Targets;

    fn labels(set: &Arc<crate::graph::GraphDataset>) -> Vec<i32> {
        match set.get(0).unwrap().targets {
            Targets::Nodes(labels) => labels.to_vec(),
            _ => panic!("classes of nodes expected"),
        }
    }

    #[test]
    fn the_board_has_the_published_numbers() {
        let splits = splits(SIDE, 0, 1).unwrap();
        let graph = splits.train.get(0).unwrap().graph;
        assert_eq!((graph.nodes(), graph.edges()), (10_000, 2 * 39_402));
        let Features::Floats { values, width: 7 } = graph.node_features() else {
            panic!("seven numbers expected");
        };
        let hidden: f32 = values.iter().step_by(7).sum();
        assert_eq!(hidden, 5000.0);
        assert_eq!(values.iter().sum::<f32>(), 10_000.0);
        let parts = [&splits.train, splits.valid.as_ref().unwrap(), &splits.test].map(labels);
        let sizes = parts
            .each_ref()
            .map(|part| part.iter().filter(|&&l| l >= 0).count());
        assert_eq!(sizes, [5000, 2500, 2500]);
        let mines: usize = parts.iter().flatten().filter(|&&label| label == 1).count();
        assert_eq!(mines, 2000);
        // What fields tell is true.
        let mine = |field: usize| parts.iter().any(|part| part[field] == 1);
        for field in 0..10_000 {
            let around = graph
                .into_node(field)
                .iter()
                .filter(|&&other| mine(other as usize));
            let told = values[field * 7..(field + 1) * 7]
                .iter()
                .position(|&x| x == 1.0);
            assert!(told == Some(0) || told == Some(1 + around.count().min(5)));
        }
    }

    #[test]
    fn splits_share_the_board() {
        let [first, second] = [0, 1].map(|split| splits(20, split, 1).unwrap());
        let graphs = [&first, &second].map(|splits| splits.train.get(0).unwrap().graph);
        assert_eq!(graphs[0].node_features(), graphs[1].node_features());
        assert_ne!(labels(&first.train), labels(&second.train));
        let error = splits(20, 10, 1).unwrap_err().to_string();
        assert_eq!(error, "split is 10, expected 0 to 9");
    }
}
