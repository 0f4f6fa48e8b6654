//! The three macros that declare options, and the traits they implement.
//!
//! One declaration gives the Rust type, its reading and writing, and the entry in the schema that
//! strict checking, suggestions and the reference page use.

use crate::error::ConfigError;
use crate::lines::Lines;
use crate::reader::SectionReader;
use crate::schema::{Key, Variant};

/// A struct whose fields are the keys of a section, or of one variant of it.
pub(crate) trait Options: Sized {
    const DOC: &'static str;
    const KEYS: &'static [Key];

    /// Takes every key from the section: the written value, or else the default.
    fn read(section: &mut SectionReader<'_>) -> Result<Self, ConfigError>;

    fn write(&self, lines: &mut Lines);
}

/// An enum whose variant is chosen by the section's tag.
pub(crate) trait Tagged: Sized {
    const DOC: &'static str;
    const TAG: Key;
    const VARIANTS: &'static [Variant];

    fn read(section: &mut SectionReader<'_>) -> Result<Self, ConfigError>;

    /// Writes the tag, then the keys of the variant.
    fn write(&self, lines: &mut Lines);
}

/// Declares a struct of options.
///
/// ```text
/// options! {
///     /// Doc of the section or variant.
///     pub struct Name, checked by function {
///         /// Doc of the key.
///         key: Type = default, range;
///     }
/// }
/// ```
///
/// `default` is a TOML literal, `required`, `unset` for an `Option`, `("words", expression)` for
/// one that follows from the fields above it, or `("words")` for one that the loader supplies. The
/// range may be left out where every finite number is legal. `function` judges the fields
/// together; it may be left out with its comma.
macro_rules! options {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident $(, checked by $check:path)? {
            $(
                $(#[doc = $doc:literal])*
                $key:ident: $type:ty = $default:tt $(, $range:expr)?;
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                pub $key: $type,
            )*
        }

        impl $crate::options::Options for $name {
            const DOC: &'static str = concat!($($about),*);
            const KEYS: &'static [$crate::schema::Key] = &[$(
                $crate::options::key!([$($doc)*] $key: $type = $default, [$($range)?])
            ),*];

            fn read(
                section: &mut $crate::reader::SectionReader<'_>,
            ) -> Result<Self, $crate::error::ConfigError> {
                // A struct without keys has nothing to take from the section.
                let _ = &section;
                $(
                    let key = $crate::options::key!(
                        [$($doc)*] $key: $type = $default, [$($range)?]
                    );
                    let derived = $crate::options::derived!($default);
                    let $key: $type = section.value(&key, derived)?;
                )*
                let options = Self { $($key),* };
                $($check(&options, section)?;)?
                Ok(options)
            }

            fn write(&self, lines: &mut $crate::lines::Lines) {
                let _ = &lines;
                $(lines.value(stringify!($key), &self.$key);)*
            }
        }
    };
}

/// Declares an enum that a section's tag chooses from; the tag's default is a TOML literal or
/// `required`.
///
/// ```text
/// tagged! {
///     /// Doc of the section.
///     pub enum Name {
///         /// Doc of the tag.
///         tag: "key" = default;
///         /// Doc of the variant.
///         "value" => Variant(Options),
///     }
/// }
/// ```
macro_rules! tagged {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $(#[doc = $tag_doc:literal])*
            tag: $tag:tt = $default:tt;
            $(
                $(#[doc = $doc:literal])*
                $value:literal => $variant:ident($options:ident) $(of $group:ident)?,
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(tag = $tag)]
        pub enum $name {
            $(
                $(#[doc = $doc])*
                #[serde(rename = $value)]
                $variant($options),
            )*
        }

        impl $name {
            /// The value of the section's tag.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $value,)*
                }
            }

            /// Whose options the variant shares.
            #[allow(dead_code)]
            pub(crate) fn group(&self) -> Option<$crate::schema::Group> {
                match self {
                    $(Self::$variant(_) => $crate::options::group!($($group)?),)*
                }
            }
        }

        impl $crate::options::Tagged for $name {
            const DOC: &'static str = concat!($($about),*);
            const TAG: $crate::schema::Key = $crate::schema::Key {
                name: $tag,
                doc: concat!($($tag_doc),*),
                kind: $crate::value::Kind::names(&[$($value),*]),
                default: $crate::options::default!($default),
                range: $crate::range::ANY,
            };
            const VARIANTS: &'static [$crate::schema::Variant] = &[$(
                $crate::schema::Variant {
                    name: $value,
                    doc: concat!($($doc),*),
                    keys: <$options as $crate::options::Options>::KEYS,
                    group: $crate::options::group!($($group)?),
                }
            ),*];

            fn read(
                section: &mut $crate::reader::SectionReader<'_>,
            ) -> Result<Self, $crate::error::ConfigError> {
                let tag: String = section.value(&Self::TAG, None)?;
                $(
                    if tag == $value {
                        return $crate::options::Options::read(section).map(Self::$variant);
                    }
                )*
                Err(section.unknown_name(&Self::TAG, &tag))
            }

            fn write(&self, lines: &mut $crate::lines::Lines) {
                lines.value(Self::TAG.name, &self.name().to_owned());
                match self {
                    $(Self::$variant(options) => $crate::options::Options::write(options, lines),)*
                }
            }
        }
    };
}

/// Declares an enum of names for use as the type of an option.
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $variant:ident = $value:literal,
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub enum $name {
            $(
                $(#[doc = $doc])*
                #[serde(rename = $value)]
                $variant,
            )*
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $value,)*
                })
            }
        }

        impl $crate::value::Value for $name {
            const KIND: $crate::value::Kind = $crate::value::Kind::names(&[$($value),*]);

            fn from_raw(
                raw: &$crate::document::Raw,
            ) -> Result<Self, $crate::value::Problem> {
                match raw {
                    $($crate::document::Raw::String(name) if name == $value => Ok(Self::$variant),)*
                    $crate::document::Raw::String(_) => Err($crate::value::Problem::UnknownName),
                    _ => Err($crate::value::Problem::WrongType),
                }
            }

            fn to_toml(&self) -> Option<String> {
                Some($crate::document::string_text(&self.to_string()))
            }
        }
    };
}

/// The schema entry of one key.
macro_rules! key {
    ([$($doc:literal)*] $key:ident: $type:ty = $default:tt, [$($range:expr)?]) => {
        $crate::schema::Key {
            name: stringify!($key),
            doc: concat!($($doc),*),
            kind: <$type as $crate::value::Value>::KIND,
            default: $crate::options::default!($default),
            range: $crate::options::range!($($range)?),
        }
    };
}

/// A default as the schema shows it.
macro_rules! default {
    (required) => {
        $crate::schema::Default::Required
    };
    (unset) => {
        $crate::schema::Default::Unset
    };
    (($words:literal $(, $value:expr)?)) => {
        $crate::schema::Default::Derived($words)
    };
    ($toml:tt) => {
        $crate::schema::Default::Toml(stringify!($toml))
    };
}

/// The value of a default that is no literal.
macro_rules! derived {
    (unset) => {
        Some(None)
    };
    (($words:literal, $value:expr)) => {
        Some($value)
    };
    ($other:tt) => {
        None
    };
}

/// The group of a variant.
macro_rules! group {
    () => {
        None
    };
    ($group:ident) => {
        Some($crate::schema::Group::$group)
    };
}

/// The range of a key.
macro_rules! range {
    () => {
        $crate::range::ANY
    };
    ($range:expr) => {
        $range
    };
}

pub(crate) use {choice, default, derived, group, key, options, range, tagged};
