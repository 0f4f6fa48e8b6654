//! The names a misspelt one was probably meant to be, and how messages list names.

use strsim::{damerau_levenshtein, jaro_winkler};

/// How alike two names must be when they are too many edits apart; 1 is equal.
const ALIKE: f64 = 0.9;

/// The candidates nearest to `typed`, all of them when several are equally near, none when no
/// candidate is plausible. Case and `-` for `_` do not count as differences.
///
/// One edit in three characters is plausible, and so is a long shared beginning.
pub(crate) fn nearest<'a>(typed: &str, candidates: &[&'a str]) -> Vec<&'a str> {
    let typed = plain(typed);
    let limit = (typed.chars().count() / 3).max(1);
    let edits = |name: &str| damerau_levenshtein(&typed, &plain(name));
    match candidates.iter().map(|name| edits(name)).min() {
        Some(fewest) if fewest <= limit => candidates
            .iter()
            .copied()
            .filter(|name| edits(name) == fewest)
            .collect(),
        _ => most_alike(&typed, candidates).into_iter().collect(),
    }
}

/// "did you mean `a` or `b`?", or nothing when no candidate is plausible.
pub(crate) fn did_you_mean(typed: &str, candidates: &[&str]) -> Option<String> {
    let names: Vec<_> = nearest(typed, candidates)
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

/// A remedy, if there is one, and then all valid `noun`s.
pub(crate) fn remedy_and_valid(remedy: Option<String>, noun: &str, names: &[&str]) -> String {
    let names = code_list(names);
    match remedy {
        Some(remedy) => format!("{remedy} Valid {noun}: {names}"),
        None => format!("valid {noun}: {names}"),
    }
}

/// The names as code, with commas between them.
pub(crate) fn code_list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn most_alike<'a>(typed: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let alike = |name: &str| jaro_winkler(typed, &plain(name));
    let best = candidates
        .iter()
        .copied()
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(best) >= ALIKE).then_some(best)
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}
