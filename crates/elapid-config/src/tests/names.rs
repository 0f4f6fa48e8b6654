//! Every declared key is accepted, and every slip in its spelling is caught with the right remedy.

use super::{MINIMAL, parse};
use crate::ErrorKind;
use crate::schema::{Default, Group, Key, SECTIONS, Section};

/// An experiment with `lines` in `section`, whose tag is `variant`, and no more than needed
/// elsewhere.
fn experiment(section: &Section, variant: Option<&str>, lines: &[String]) -> String {
    let mut document = MINIMAL.parse::<toml::Table>().unwrap();
    if section.group == Some(Group::Masks) {
        document["data"]["name"] = "shapes".into();
    }
    let mut own = String::new();
    if let (Some(tag), Some(variant)) = (section.tag, variant) {
        own.push_str(&format!("{} = \"{variant}\"\n", tag.name));
    }
    let required = |key: &&Key| matches!(key.default, Default::Required);
    for key in section.keys(variant).into_iter().filter(required) {
        own.push_str(&format!("{}\n", line(key)));
    }
    let length = |line: &String| line.starts_with("epochs =") || line.starts_with("steps =");
    if section.name == "train" && !lines.iter().any(length) {
        own.push_str("epochs = 1\n");
    }
    for line in lines {
        if !own.lines().any(|known| known == line) {
            own.push_str(&format!("{line}\n"));
        }
    }
    if section.name.contains('.') {
        if section.group == Some(Group::Sounds) {
            let source = "name = \"audio_folder\"\npath = \"sounds\"";
            document.insert("data".into(), source.parse::<toml::Table>().unwrap().into());
        }
        return format!("{document}\n[{}]\n{own}", section.name);
    }
    document.remove(section.name);
    format!("[{}]\n{own}\n{document}", section.name)
}

fn line(key: &Key) -> String {
    key.example().trim_matches('`').to_owned()
}

/// Calls `check` with every section, each of its variants and each key they have.
fn for_every_key(check: impl Fn(&Section, Option<&str>, &Key)) {
    for section in SECTIONS {
        let variants: Vec<_> = match section.variants {
            [] => vec![None],
            variants => variants.iter().map(|variant| Some(variant.name)).collect(),
        };
        for variant in variants {
            for key in section.keys(variant) {
                check(section, variant, key);
            }
        }
    }
}

/// One letter dropped, doubled, swapped with the next or replaced, at every position.
fn slips(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let edit = |change: &dyn Fn(&mut Vec<char>)| {
        let mut letters = letters.clone();
        change(&mut letters);
        letters.into_iter().collect::<String>()
    };
    let mut slips = Vec::new();
    for at in 0..letters.len() {
        slips.push(edit(&|letters| {
            letters.remove(at);
        }));
        slips.push(edit(&|letters| letters.insert(at, letters[at])));
        slips.push(edit(&|letters| letters[at] = 'q'));
        if at + 1 < letters.len() {
            slips.push(edit(&|letters| letters.swap(at, at + 1)));
        }
    }
    slips.retain(|slip| !slip.is_empty() && slip != name);
    slips
}

#[test]
fn every_key_is_accepted() {
    for_every_key(|section, variant, key| {
        let mut lines = vec![line(key)];
        if key.name.starts_with("window_") && section.name == "data" {
            lines.push("view = \"windows\"".to_owned());
        }
        let text = experiment(section, variant, &lines);
        parse(&text).unwrap_or_else(|error| panic!("{error}\nin\n{text}"));
    });
}

#[test]
fn every_slip_is_refused_and_the_key_suggested() {
    for_every_key(|section, variant, key| {
        for slip in slips(key.name) {
            let text = experiment(section, variant, &[format!("{slip} = 1")]);
            let error = parse(&text).unwrap_err();
            assert_eq!(error.kind, ErrorKind::UnknownKey, "{error}");
            let hint = error.hint.clone().unwrap();
            let question = hint.split_once('?').unwrap_or_else(|| panic!("{error}")).0;
            assert!(question.contains(&format!("`{}`", key.name)), "{error}");
        }
    });
}

#[test]
fn every_slip_in_a_section_is_refused_and_the_section_suggested() {
    for section in SECTIONS
        .iter()
        .filter(|section| !section.name.contains('.'))
    {
        for slip in slips(section.name) {
            let error = parse(&format!("{MINIMAL}\n[{slip}]\n")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::UnknownSection, "{error}");
            let question = error.hint.clone().unwrap();
            assert!(question.contains(&format!("`{}`", section.name)), "{error}");
            assert!(question.starts_with("did you mean"), "{error}");
        }
    }
}

#[test]
fn names_are_declared_once() {
    for_every_key(|section, variant, key| {
        let keys = section.keys(variant);
        let tables = section.tables(variant).map(|(name, _)| name);
        let names = keys.iter().map(|key| key.name).chain(tables);
        let names = names.chain(section.tag.map(|tag| tag.name));
        let same = names.filter(|name| *name == key.name).count();
        assert_eq!(same, 1, "`{}` in [{}] {variant:?}", key.name, section.name);
    });
}
