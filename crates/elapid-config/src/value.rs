//! How each Rust type of an option is read from and written as TOML.

use crate::document::{Raw, float_text, string_text};

/// A type that an option can have.
pub(crate) trait Value: Sized {
    /// What messages and the reference page call the type.
    const KIND: Kind;

    /// Judges form only; the option's range is checked on [`numbers`](Self::numbers).
    fn from_raw(raw: &Raw) -> Result<Self, Problem>;

    /// The value as TOML, or `None` for one that is written by leaving the key out.
    fn to_toml(&self) -> Option<String>;

    /// The numbers inside, to hold against the option's range.
    fn numbers(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// What a value looks like in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Boolean,
    Integer,
    Number,
    Text,
    /// Numbers in brackets.
    Numbers,
    /// Two numbers in brackets.
    Pair,
    IntegerOrAuto,
    Interval,
    /// One of a few strings.
    Name,
    /// Any number of a few strings, in brackets.
    Names,
}

/// What a value of a type looks like to a reader of messages and reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) form: Form,
    /// A noun without article.
    pub(crate) noun: &'static str,
    /// A legal value, as TOML.
    pub(crate) example: &'static str,
    /// The only legal strings; empty when the type is not a choice of names.
    pub(crate) names: &'static [&'static str],
}

impl Kind {
    pub(crate) const fn new(form: Form, noun: &'static str, example: &'static str) -> Self {
        Self {
            form,
            noun,
            example,
            names: &[],
        }
    }

    /// A choice of names; there is at least one.
    pub(crate) const fn names(names: &'static [&'static str]) -> Self {
        Self {
            form: Form::Name,
            noun: "name",
            example: "",
            names,
        }
    }

    /// The noun with its article.
    pub(crate) fn a_noun(&self) -> String {
        let article = if self.noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {}", self.noun)
    }
}

/// Why a TOML value is not a value of a type.
pub(crate) enum Problem {
    WrongType,
    /// A string that is none of the legal names.
    UnknownName,
    /// A number below what the type can hold; the option's range says so.
    OutOfRange,
    /// Of the right type, but not what the text says it must be.
    Refused(String),
}

impl Value for bool {
    const KIND: Kind = Kind::new(Form::Boolean, "boolean", "true");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::Boolean(value) => Ok(*value),
            _ => Err(Problem::WrongType),
        }
    }

    fn to_toml(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for u64 {
    const KIND: Kind = Kind::new(Form::Integer, "integer", "16");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::Integer(value) if *value < 0 => Err(Problem::OutOfRange),
            Raw::Integer(value) => {
                let too_large = |_| Problem::Refused(format!("at most {}", u64::MAX));
                Self::try_from(*value).map_err(too_large)
            }
            _ => Err(Problem::WrongType),
        }
    }

    fn to_toml(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn numbers(&self) -> Vec<f64> {
        vec![*self as f64]
    }
}

impl Value for usize {
    const KIND: Kind = u64::KIND;

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        let too_large = |_| Problem::Refused(format!("at most {}", usize::MAX));
        Self::try_from(u64::from_raw(raw)?).map_err(too_large)
    }

    fn to_toml(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn numbers(&self) -> Vec<f64> {
        vec![*self as f64]
    }
}

impl Value for f64 {
    const KIND: Kind = Kind::new(Form::Number, "number", "0.1");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::Float(value) => Ok(*value),
            Raw::Integer(value) => Ok(*value as f64),
            _ => Err(Problem::WrongType),
        }
    }

    fn to_toml(&self) -> Option<String> {
        Some(float_text(*self))
    }

    fn numbers(&self) -> Vec<f64> {
        vec![*self]
    }
}

impl Value for String {
    const KIND: Kind = Kind::new(Form::Text, "string", "\"name\"");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::String(value) => Ok(value.clone()),
            _ => Err(Problem::WrongType),
        }
    }

    fn to_toml(&self) -> Option<String> {
        Some(string_text(self))
    }
}

/// One number per channel, so never an empty array.
impl Value for Vec<f64> {
    const KIND: Kind = Kind::new(Form::Numbers, "array of numbers", "[0.5, 0.5, 0.5]");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::Array(values) if values.is_empty() => Err(Problem::Refused(
                "an array of at least one number".to_owned(),
            )),
            Raw::Array(values) => values.iter().map(f64::from_raw).collect(),
            _ => Err(Problem::WrongType),
        }
    }

    fn to_toml(&self) -> Option<String> {
        let values: Vec<_> = self.iter().map(|value| float_text(*value)).collect();
        Some(format!("[{}]", values.join(", ")))
    }

    fn numbers(&self) -> Vec<f64> {
        self.clone()
    }
}

impl Value for [f64; 2] {
    const KIND: Kind = Kind::new(Form::Pair, "array of two numbers", "[0.9, 0.999]");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        let wrong_length = |_| Problem::Refused("an array of exactly two numbers".to_owned());
        Self::try_from(Vec::from_raw(raw)?).map_err(wrong_length)
    }

    fn to_toml(&self) -> Option<String> {
        self.to_vec().to_toml()
    }

    fn numbers(&self) -> Vec<f64> {
        self.to_vec()
    }
}

impl Value for [usize; 2] {
    const KIND: Kind = Kind::new(Form::Pair, "array of two integers", "[16, 16]");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        let wrong_length = || Problem::Refused("an array of exactly two integers".to_owned());
        match raw {
            Raw::Array(values) => {
                let values: Result<Vec<usize>, _> = values.iter().map(usize::from_raw).collect();
                Self::try_from(values?).map_err(|_| wrong_length())
            }
            _ => Err(Problem::WrongType),
        }
    }

    fn to_toml(&self) -> Option<String> {
        Some(format!("[{}, {}]", self[0], self[1]))
    }

    fn numbers(&self) -> Vec<f64> {
        self.iter().map(|number| *number as f64).collect()
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        T::from_raw(raw).map(Some)
    }

    fn to_toml(&self) -> Option<String> {
        self.as_ref().and_then(T::to_toml)
    }

    fn numbers(&self) -> Vec<f64> {
        self.as_ref().map_or_else(Vec::new, T::numbers)
    }
}
