//! `[lora]`: low-rank adapters in place of the weights themselves.

use serde::Serialize;

use crate::document::{Raw, string_text};
use crate::options::options;
use crate::range::{above, within};
use crate::value::{Form, Kind, Problem, Value};

options! {
    /// Low-rank adapters (arXiv:2106.09685): matrices W stay as they are, and W + alpha / rank · U V is used, of
    /// which U and V are trained. The head is always trained as a whole.
    pub struct Lora {
        /// Rank of the adapters; left out, there are none, and the weights themselves are trained.
        rank: Option<usize> = unset, within(1.0, 4096.0);
        /// Adapters count alpha / rank times; left out, alpha is the rank, and they count once.
        alpha: Option<f64> = unset, above(0.0);
        /// What parameters with adapters do; of these, the matrices get them.
        targets: Vec<ParamRole> = ["matrix"];
        /// What parameters do that are trained as a whole beside the adapters; all others stay as they are.
        train: Vec<ParamRole> = [];
    }
}

macro_rules! roles {
    ($($(#[doc = $doc:literal])* $role:ident = $name:literal,)*) => {
        /// What a parameter does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub enum ParamRole {
            $(
                $(#[doc = $doc])*
                #[serde(rename = $name)]
                $role,
            )*
        }

        impl ParamRole {
            const NAMES: &'static [&'static str] = &[$($name),*];

            fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$role),)*
                    _ => None,
                }
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$role => $name,)*
                }
            }
        }
    };
}

roles! {
    /// The decay of the states, `A_log`.
    SsmA = "ssm_a",
    /// The skip coefficient, `D`.
    SsmD = "ssm_d",
    /// The projection of the step size, and its bias.
    Dt = "dt",
    /// Depthwise convolutions.
    Conv = "conv",
    /// Norms and layer scales.
    Norm = "norm",
    /// Biases of everything else.
    Bias = "bias",
    /// Patch and token embeddings.
    Embed = "embed",
    /// Position embeddings.
    Position = "position",
    /// Class tokens.
    ClassToken = "class_token",
    /// All other matrices: the projections into, inside and out of a block.
    Matrix = "matrix",
}

/// Any number of them.
impl Value for Vec<ParamRole> {
    const KIND: Kind = Kind {
        names: ParamRole::NAMES,
        ..Kind::new(Form::Names, "array of names", "[\"matrix\", \"dt\"]")
    };

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        let Raw::Array(values) = raw else {
            return Err(Problem::WrongType);
        };
        let role = |value: &Raw| match value {
            Raw::String(name) => ParamRole::from_name(name).ok_or_else(|| {
                let names: Vec<String> = ParamRole::NAMES
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect();
                Problem::Refused(format!("an array of names among {}", names.join(", ")))
            }),
            _ => Err(Problem::WrongType),
        };
        values.iter().map(role).collect()
    }

    fn to_toml(&self) -> Option<String> {
        let names: Vec<String> = self.iter().map(|role| string_text(role.name())).collect();
        Some(format!("[{}]", names.join(", ")))
    }
}
