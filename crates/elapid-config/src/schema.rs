//! The declarations of all options as data: which sections exist, and which keys they know.

use crate::options::{Options, Tagged};
use crate::range::Range;
use crate::sections::{
    Augment, DataCommon, Eval, Log, ModelSpec, OptimSpec, Run, ScheduleSpec, Source, TaskSpec,
    Train,
};
use crate::value::Kind;

/// Every section, in the order of a printed plan.
pub(crate) const SECTIONS: &[Section] = &[
    Section::plain::<Run>("run"),
    Section::tagged::<Source>("data").with::<DataCommon>(),
    Section::plain::<Augment>("data.augment"),
    Section::tagged::<ModelSpec>("model"),
    Section::tagged::<TaskSpec>("task"),
    Section::tagged::<OptimSpec>("optim"),
    Section::tagged::<ScheduleSpec>("schedule"),
    Section::plain::<Train>("train").either(&["epochs", "steps"]),
    Section::plain::<Eval>("eval"),
    Section::plain::<Log>("log"),
];

/// One option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    pub(crate) range: Range,
}

/// What an option is when nobody sets it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    /// It must be set.
    Required,
    /// It stays unset.
    Unset,
    /// This value, as one would write it in a file.
    Toml(&'static str),
    /// A value that follows from others, as the words say.
    Derived(&'static str),
}

/// One value of a section's tag, and the keys that come with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [Key],
}

/// A `[section]` of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// The name between the brackets; dotted for a table inside another section.
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// The key that chooses a variant.
    pub(crate) tag: Option<Key>,
    pub(crate) variants: &'static [Variant],
    /// Keys that do not depend on the tag.
    pub(crate) common: &'static [Key],
    /// Keys that stand for one another: a file that sets one replaces its parent's other.
    pub(crate) either: &'static [&'static str],
}

impl Section {
    const fn plain<T: Options>(name: &'static str) -> Self {
        let (doc, common) = (T::DOC, T::KEYS);
        Self {
            name,
            doc,
            tag: None,
            variants: &[],
            common,
            either: &[],
        }
    }

    const fn tagged<T: Tagged>(name: &'static str) -> Self {
        let (doc, tag, variants) = (T::DOC, Some(T::TAG), T::VARIANTS);
        Self {
            name,
            doc,
            tag,
            variants,
            common: &[],
            either: &[],
        }
    }

    const fn with<T: Options>(self) -> Self {
        Self {
            common: T::KEYS,
            ..self
        }
    }

    const fn either(self, either: &'static [&'static str]) -> Self {
        Self { either, ..self }
    }

    /// The keys of the section when its tag says `variant`; those of all variants when it says
    /// nothing that is known. A key that several variants share may come up more than once.
    pub(crate) fn keys(&self, variant: Option<&str>) -> Vec<&'static Key> {
        let known = variant.filter(|&name| self.variants.iter().any(|v| v.name == name));
        let chosen = self
            .variants
            .iter()
            .filter(|v| known.is_none_or(|name| v.name == name));
        chosen
            .flat_map(|variant| variant.keys)
            .chain(self.common)
            .collect()
    }

    /// The tables inside the section, each under the last part of its name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static str, &'static Section)> {
        SECTIONS.iter().filter_map(|inner| {
            let name = inner.name.strip_prefix(self.name)?.strip_prefix('.')?;
            Some((name, inner))
        })
    }
}

impl Variant {
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known.name == key)
    }
}

impl Key {
    /// A line one could write to set the key.
    pub(crate) fn example(&self) -> String {
        let value = match (self.default, self.kind.names) {
            (Default::Toml(text), _) => text.to_owned(),
            (_, [first, ..]) => format!("\"{first}\""),
            _ => self.kind.example.to_owned(),
        };
        format!("`{} = {value}`", self.name)
    }
}
