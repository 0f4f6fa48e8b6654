//! The declarations of all options as data: which sections exist, and which keys they know.

use crate::options::{Options, Tagged};
use crate::range::Range;
use crate::sections::{
    AudioOptions, Augment, DataCommon, Eval, GraphSpec, ImageOptions, Log, Lora, MaskAugment,
    MaskOptions, ModelSpec, OptimSpec, Run, ScheduleSpec, SeriesOptions, SoundAugment, Source,
    TaskSpec, Train,
};
use crate::value::Kind;

/// Every section, in the order of a printed plan.
pub(crate) const SECTIONS: &[Section] = &[
    Section::plain::<Run>("run"),
    Section::tagged::<Source>("data")
        .with::<DataCommon>()
        .share(&[
            (Group::Images, <ImageOptions as Options>::KEYS),
            (Group::Masks, <MaskOptions as Options>::KEYS),
            (Group::Series, <SeriesOptions as Options>::KEYS),
            (Group::Graphs, <GraphSpec as Options>::KEYS),
        ]),
    Section::plain::<AudioOptions>("data.audio").of(Group::Sounds),
    Section::plain::<Augment>("data.augment").of(Group::Images),
    Section::plain::<MaskAugment>("data.augment").of(Group::Masks),
    Section::plain::<SoundAugment>("data.augment").of(Group::Sounds),
    Section::tagged::<ModelSpec>("model"),
    Section::tagged::<TaskSpec>("task"),
    Section::tagged::<OptimSpec>("optim"),
    Section::tagged::<ScheduleSpec>("schedule"),
    Section::plain::<Train>("train").either(&["epochs", "steps"]),
    Section::plain::<Lora>("lora"),
    Section::plain::<Eval>("eval"),
    Section::plain::<Log>("log"),
];

/// Kinds of samples. Variants that have one in common share options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Images,
    Masks,
    Sounds,
    Series,
    Graphs,
}

impl Group {
    /// What a person calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Masks => "images with masks",
            Self::Sounds => "sounds",
            Self::Series => "series",
            Self::Graphs => "graphs",
        }
    }
}

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
    /// Whose options it shares.
    pub(crate) group: Option<Group>,
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
    /// Keys of all variants of a group.
    pub(crate) shared: &'static [(Group, &'static [Key])],
    /// For a table inside another section: the variants of that section that have it; `None` for all.
    pub(crate) group: Option<Group>,
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
            shared: &[],
            group: None,
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
            shared: &[],
            group: None,
            either: &[],
        }
    }

    const fn with<T: Options>(self) -> Self {
        Self {
            common: T::KEYS,
            ..self
        }
    }

    const fn share(self, shared: &'static [(Group, &'static [Key])]) -> Self {
        Self { shared, ..self }
    }

    const fn of(self, group: Group) -> Self {
        let group = Some(group);
        Self { group, ..self }
    }

    const fn either(self, either: &'static [&'static str]) -> Self {
        Self { either, ..self }
    }

    /// The keys of the section when its tag says `variant`; those of all variants when it says
    /// nothing that is known. A key that several variants share may come up more than once.
    pub(crate) fn keys(&self, variant: Option<&str>) -> Vec<&'static Key> {
        let chosen = self.chosen(variant);
        let is_chosen = |group: Group| chosen.iter().any(|v| v.group == Some(group));
        let shared = self.shared.iter().filter(|(group, _)| is_chosen(*group));
        let own = chosen.iter().flat_map(|variant| variant.keys);
        own.chain(shared.flat_map(|(_, keys)| *keys))
            .chain(self.common)
            .collect()
    }

    /// The tables inside the section when its tag says `variant`, each under the last part of its name; as in
    /// [`keys`](Self::keys) those of all variants when it says nothing that is known.
    pub(crate) fn tables(
        &self,
        variant: Option<&str>,
    ) -> impl Iterator<Item = (&'static str, &'static Section)> {
        let chosen = self.chosen(variant);
        SECTIONS.iter().filter_map(move |inner| {
            let name = inner.name.strip_prefix(self.name)?.strip_prefix('.')?;
            let has = |group| chosen.iter().any(|v| v.group == Some(group));
            inner.group.is_none_or(has).then_some((name, inner))
        })
    }

    /// The variant of that name; all of them if there is none.
    fn chosen(&self, variant: Option<&str>) -> Vec<&'static Variant> {
        let known = variant.filter(|&name| self.variants.iter().any(|v| v.name == name));
        let is_chosen = |v: &&Variant| known.is_none_or(|name| v.name == name);
        self.variants.iter().filter(is_chosen).collect()
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
