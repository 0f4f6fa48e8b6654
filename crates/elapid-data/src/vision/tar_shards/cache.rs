//! The places of images in large archives, kept in the user's cache directory: to read through a thousand archives takes
//! minutes on a network file system.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::str::Lines;
use std::time::SystemTime;

use super::archive::{Label, Member};
use super::shards::{Shard, Stamp};
use crate::listing_cache::{keep, settled_before};

/// First line of the file; another number for another form.
const HEADER: &str = "elapid archives 1";
/// Last line of the file.
const END: &str = "end";

/// What was noted of the archives of a folder, by name.
pub(super) type Kept = BTreeMap<String, Shard>;

/// What a file says of archives; each is as it was only while its stamp is.
pub(super) fn read(file: &Path) -> Kept {
    let text = fs::read_to_string(file).ok();
    text.and_then(|text| parse(&text)).unwrap_or_default()
}

/// Notes the places of all images, unless one of their archives changed just now.
pub(super) fn write(file: &Path, shards: &[Shard]) {
    let settled = settled_before(SystemTime::now());
    let is_old = |shard: &Shard| 0 < shard.stamp.modified && shard.stamp.modified < settled;
    if shards.iter().all(is_old)
        && let Some(text) = to_text(shards)
    {
        // Without the file the next run reads the archives anew, which harms nothing.
        let _ = keep(file, &text);
    }
}

/// A line an archive, and a line an image behind it; `None` if a name cannot stand in a line.
fn to_text(shards: &[Shard]) -> Option<String> {
    let mut text = format!("{HEADER}\n{}\n", shards.len());
    for Shard {
        name,
        stamp,
        members,
    } in shards
    {
        let (bytes, modified) = (stamp.bytes, stamp.modified);
        let count = members.len();
        writeln!(text, "{bytes} {modified} {count} {}", plain(name)?).ok()?;
        for member in members {
            write!(text, "{} {} ", member.offset, member.bytes).ok()?;
            match &member.label {
                None => text.push('-'),
                Some(Label::Number(number)) => write!(text, "#{number}").ok()?,
                Some(Label::Name(name)) => write!(text, "={}", plain(name)?).ok()?,
            }
            writeln!(text, "\t{}", plain(&member.name)?).ok()?;
        }
    }
    text += END;
    text.push('\n');
    Some(text)
}

fn plain(name: &str) -> Option<&str> {
    (!name.contains(['\n', '\r', '\t'])).then_some(name)
}

/// `None` if the text is of another form, or cut off.
fn parse(text: &str) -> Option<Kept> {
    let mut lines = text.lines();
    (lines.next()? == HEADER).then_some(())?;
    let count: usize = lines.next()?.parse().ok()?;
    let shards = (0..count).map(|_| shard(&mut lines));
    let shards = shards.collect::<Option<Vec<_>>>()?;
    (lines.next()? == END && lines.next().is_none()).then_some(())?;
    let named = shards.into_iter().map(|shard| (shard.name.clone(), shard));
    Some(named.collect())
}

fn shard(lines: &mut Lines<'_>) -> Option<Shard> {
    let mut fields = lines.next()?.splitn(4, ' ');
    let stamp = Stamp {
        bytes: fields.next()?.parse().ok()?,
        modified: fields.next()?.parse().ok()?,
    };
    let count: usize = fields.next()?.parse().ok()?;
    let name = fields.next()?.to_owned();
    let members = (0..count).map(|_| member(lines.next()?));
    Some(Shard {
        name,
        stamp,
        members: members.collect::<Option<_>>()?,
    })
}

fn member(line: &str) -> Option<Member> {
    let (place, name) = line.split_once('\t')?;
    let mut fields = place.splitn(3, ' ');
    let (offset, bytes) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let label = match fields.next()? {
        "-" => None,
        label if label.starts_with('#') => Some(Label::Number(label[1..].parse().ok()?)),
        label => Some(Label::Name(label.strip_prefix('=')?.into())),
    };
    Some(Member {
        name: name.into(),
        offset,
        bytes,
        label,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards() -> Vec<Shard> {
        let member = |name: &str, label| Member {
            name: name.into(),
            offset: 512,
            bytes: 7,
            label,
        };
        let stamp = Stamp {
            bytes: 4096,
            modified: 5,
        };
        vec![
            Shard {
                name: "a 1.tar".into(),
                stamp,
                members: vec![
                    member("x y.jpg", Some(Label::Number(3))),
                    member("z.png", Some(Label::Name("a cat".into()))),
                    member("w.png", None),
                ],
            },
            Shard {
                name: "b.tar".into(),
                stamp,
                members: Vec::new(),
            },
        ]
    }

    #[test]
    fn places_come_back_as_they_were() {
        let kept = parse(&to_text(&shards()).unwrap()).unwrap();
        assert!(kept.into_values().eq(shards()));
    }

    #[test]
    fn damaged_text_is_not_believed() {
        let text = to_text(&shards()).unwrap();
        for damaged in [
            "",
            "elapid archives 0\n0\n",
            &text[..text.len() - 4],
            &text.replacen("512", "x", 1),
            &text.replacen('#', "?", 1),
            &format!("{text}more\n"),
        ] {
            assert_eq!(parse(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn names_that_cannot_stand_in_a_line_are_not_written() {
        let mut shards = shards();
        shards[0].members[0].name = "a\tb.jpg".into();
        assert_eq!(to_text(&shards), None);
    }
}
