//! Names of nodes.

use std::collections::HashMap;

/// Number of each node of a graph, by its name. Nothing is stored while names are the numbers from 0 on, as those of large sets
/// are.
#[derive(Default)]
pub(super) struct Names {
    count: u32,
    /// The first that is not its number came: all are here.
    others: Option<HashMap<String, u32>>,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Adds a node; `None` if there is one of that name.
    pub(super) fn add(&mut self, name: &str) -> Option<u32> {
        let number = self.count;
        if self.others.is_none() && plain(name) != Some(number) {
            if self.get(name).is_some() {
                return None;
            }
            let known = (0..number).map(|number| (number.to_string(), number));
            self.others = Some(known.collect());
        }
        if let Some(others) = &mut self.others {
            if others.contains_key(name) {
                return None;
            }
            others.insert(name.to_owned(), number);
        }
        self.count += 1;
        Some(number)
    }

    /// All names, by number.
    pub(super) fn list(&self) -> Vec<String> {
        let mut list: Vec<String> = (0..self.count).map(|number| number.to_string()).collect();
        for (name, number) in self.others.iter().flatten() {
            list[*number as usize].clone_from(name);
        }
        list
    }

    pub(super) fn get(&self, name: &str) -> Option<u32> {
        match &self.others {
            Some(others) => others.get(name).copied(),
            None => plain(name).filter(|&number| number < self.count),
        }
    }
}

/// The number whose shortest way to be written is `name`.
fn plain(name: &str) -> Option<u32> {
    let is_shortest = name == "0" || !name.starts_with(['0', '+']);
    name.parse().ok().filter(|_| is_shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_other_names_are_told_apart() {
        let mut names = Names::default();
        assert_eq!([names.add("0"), names.add("1")], [Some(0), Some(1)]);
        assert_eq!((names.add("1"), names.add("0")), (None, None));
        assert_eq!(
            (names.get("1"), names.get("01"), names.get("2")),
            (Some(1), None, None)
        );
        assert!(names.others.is_none());
        assert_eq!(
            [names.add("ann"), names.add("2"), names.add("01")],
            [Some(2), Some(3), Some(4)]
        );
        assert_eq!((names.add("1"), names.add("ann")), (None, None));
        assert_eq!(
            (names.get("0"), names.get("2"), names.get("01")),
            (Some(0), Some(3), Some(4))
        );
        assert_eq!(names.len(), 5);
        assert_eq!(names.list(), ["0", "1", "ann", "2", "01"]);
    }
}
