//! How mmsegmentation names and shapes the weights of backbone, pyramid and heads.

use burn::tensor::TensorData;

use super::Checkpoint;

/// The last layer of a head of mmsegmentation.
const SCORES: &str = "decode_head.conv_seg.weight";
/// A layer that only UperNet has.
const UPERNET: &str = "decode_head.fpn_bottleneck.conv.weight";
/// What stands in front of the names of heads.
const HEADS: [&str; 2] = ["decode_head.", "auxiliary_head."];

/// UperNet told from its weights. What they do not tell is which value of a block it reads, and the weight of the auxiliary
/// head's loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderDescription {
    /// Number of classes.
    pub classes: usize,
    /// Channels inside the head.
    pub width: usize,
    /// Channels inside the auxiliary head, if there is one.
    pub auxiliary: Option<usize>,
}

/// The UperNet of a file, whatever stands in front of its names; nothing if the file has none.
pub(super) fn describe(file: &Checkpoint) -> Option<DecoderDescription> {
    let prefix = file.keys().find_map(|name| name.strip_suffix(UPERNET))?;
    let shape = |name: &str| {
        let data = file.get(&format!("{prefix}{name}"))?;
        data.shape()[..].get(..2).map(|sides| [sides[0], sides[1]])
    };
    let [classes, width] = shape(SCORES)?;
    let auxiliary = shape("auxiliary_head.conv_seg.weight").map(|[_, width]| width);
    Some(DecoderDescription {
        classes,
        width,
        auxiliary,
    })
}

/// The official name of a parameter of a pyramid or of a dense head; `None` for all other paths.
pub(super) fn official_name(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('.').collect();
    let is_head =
        |pair: &[&str]| pair[0] == "head" && matches!(pair[1], "pyramid" | "decoder" | "auxiliary");
    let at = parts.windows(2).position(is_head)?;
    let last = parts.len() - 1;
    let inner = parts.iter().enumerate().skip(at + 2);
    let inner = inner.filter(|(at, name)| *at == last || !name.starts_with(char::is_uppercase));
    let inner: Vec<&str> = inner.map(|(_, name)| *name).collect();
    let named: Vec<&str> = match (parts[at + 1], &inner[..]) {
        ("pyramid", ["fpn1", "first", rest @ ..]) => [&["fpn1", "0"], rest].concat(),
        ("pyramid", ["fpn1", "norm", rest @ ..]) => [&["fpn1", "1"], rest].concat(),
        ("pyramid", ["fpn1", "second", rest @ ..]) => [&["fpn1", "3"], rest].concat(),
        ("pyramid", ["fpn2", rest @ ..]) => [&["fpn2", "0"], rest].concat(),
        // Number 0 of each is the pooling.
        ("decoder", ["psp_modules", scale, rest @ ..]) => {
            [&["decode_head", "psp_modules", *scale, "1"], rest].concat()
        }
        ("decoder", rest) => [&["decode_head"], rest].concat(),
        ("auxiliary", rest) => [&["auxiliary_head"], rest].concat(),
        (_, rest) => rest.to_vec(),
    };
    Some([&parts[..at], &named].concat().join("."))
}

/// A file of mmsegmentation with names and shapes as [`official_name`](super::official_name) and our layers have them: what is
/// below `backbone.` beside the heads, and convolutions of one token as matrices. Other files stay as they are.
pub fn dense_weights(file: Checkpoint) -> Checkpoint {
    let Some(prefix) = file.keys().find_map(|name| name.strip_suffix(SCORES)) else {
        return file;
    };
    let prefix = prefix.to_owned();
    let fitted = file.into_iter().map(|(name, data)| {
        let Some(rest) = name.strip_prefix(&prefix) else {
            return (name, data);
        };
        let data = match data.shape()[..] {
            [outputs, inputs, 1, 1] if is_of_head(rest) => reshaped(data, vec![outputs, inputs]),
            _ => data,
        };
        let rest = rest.strip_prefix("backbone.").unwrap_or(rest);
        (format!("{prefix}{rest}"), data)
    });
    fitted.collect()
}

/// Whether the weights, named by [`official_name`](super::official_name), have a head that mmsegmentation knows.
pub(super) fn has_official_head(weights: &Checkpoint) -> bool {
    weights.contains_key(UPERNET)
}

/// Whether a name is of pyramid or heads.
pub(super) fn is_dense(name: &str) -> bool {
    is_of_head(name) || name.starts_with("fpn1.") || name.starts_with("fpn2.")
}

fn is_of_head(name: &str) -> bool {
    HEADS.iter().any(|head| name.starts_with(head))
}

/// A tensor of pyramid or heads as mmsegmentation stores it: with the count of batches beside a running variance, which is unknown
/// and therefore 0.
pub(super) fn arranged(name: String, data: TensorData) -> Vec<(String, TensorData)> {
    let name = match is_of_head(&name) {
        true => name,
        false => format!("backbone.{name}"),
    };
    let data = match data.shape()[..] {
        [outputs, inputs] => reshaped(data, vec![outputs, inputs, 1, 1]),
        _ => data,
    };
    let mut all = Vec::new();
    if let Some(norm) = name.strip_suffix("running_var") {
        let none = TensorData::new(vec![0_i64], Vec::<usize>::new());
        all.push((format!("{norm}num_batches_tracked"), none));
    }
    all.push((name, data));
    all
}

fn reshaped(data: TensorData, shape: Vec<usize>) -> TensorData {
    TensorData::new(data.iter::<f32>().collect(), shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_mmsegmentation() {
        for (path, name) in [
            ("head.pyramid.fpn1.first.weight", Some("fpn1.0.weight")),
            (
                "model.head.pyramid.fpn1.norm.running_var",
                Some("model.fpn1.1.running_var"),
            ),
            ("head.pyramid.fpn1.second.bias", Some("fpn1.3.bias")),
            ("head.pyramid.fpn2.bias", Some("fpn2.0.bias")),
            (
                "head.decoder.UperNet.psp_modules.3.conv.weight",
                Some("decode_head.psp_modules.3.1.conv.weight"),
            ),
            (
                "head.decoder.UperNet.fpn_convs.0.bn.running_mean",
                Some("decode_head.fpn_convs.0.bn.running_mean"),
            ),
            (
                "head.decoder.Light.taps.1.norm.weight",
                Some("decode_head.taps.1.norm.weight"),
            ),
            (
                "head.auxiliary.convs.0.conv.weight",
                Some("auxiliary_head.convs.0.conv.weight"),
            ),
            ("head.weight", None),
            ("backbone.Vim.pos_embed", None),
        ] {
            assert_eq!(official_name(path).as_deref(), name, "{path}");
        }
    }

    #[test]
    fn a_file_goes_in_and_out() {
        let tensor = |shape: &[usize]| {
            let values = (0..shape.iter().product::<usize>()).map(|at| at as f32);
            TensorData::new(values.collect::<Vec<_>>(), shape.to_vec())
        };
        let file = Checkpoint::from([
            (
                "state_dict.backbone.pos_embed".to_owned(),
                tensor(&[1, 4, 2]),
            ),
            (
                "state_dict.backbone.fpn1.1.running_var".to_owned(),
                tensor(&[2]),
            ),
            (format!("state_dict.{SCORES}"), tensor(&[3, 2, 1, 1])),
            (format!("state_dict.{UPERNET}"), tensor(&[2, 8, 3, 3])),
            (
                "state_dict.auxiliary_head.conv_seg.weight".to_owned(),
                tensor(&[3, 5, 1, 1]),
            ),
            ("optimizer.x".to_owned(), tensor(&[1])),
        ]);
        let expected = DecoderDescription {
            classes: 3,
            width: 2,
            auxiliary: Some(5),
        };
        assert_eq!(describe(&file), Some(expected));
        let flat = dense_weights(file.clone());
        assert_eq!(flat["state_dict.pos_embed"].shape()[..], [1, 4, 2]);
        assert_eq!(flat[&format!("state_dict.{SCORES}")].shape()[..], [3, 2]);
        assert!(flat.contains_key("optimizer.x"));
        assert_eq!(dense_weights(flat.clone()), flat);
        let (name, data) = (
            SCORES.to_owned(),
            flat[&format!("state_dict.{SCORES}")].clone(),
        );
        assert_eq!(
            arranged(name, data)[0].1,
            file[&format!("state_dict.{SCORES}")]
        );
        let counted = arranged("fpn1.1.running_var".to_owned(), tensor(&[2]));
        let names: Vec<&str> = counted.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "backbone.fpn1.1.num_batches_tracked",
                "backbone.fpn1.1.running_var"
            ]
        );
        assert!(counted[0].1.shape().is_empty());
    }
}
