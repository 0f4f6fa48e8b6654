//! What came of each class in an evaluation.

use elapid::train::Confusion;

use super::table;

/// Rows shown; where there are more classes, the worst.
const ROWS: usize = 20;

/// How many samples, nodes or pixels of each class there are, which part of them is right, and what the others are taken for most
/// often. None where there are none at all.
pub(crate) fn by_class(confusion: &Confusion) -> Option<String> {
    let rows = confusion.counts.iter().enumerate();
    let mut seen: Vec<Class> = rows
        .filter_map(|(class, row)| Class::of(class, row))
        .collect();
    if seen.is_empty() {
        return None;
    }
    let all = seen.len();
    let title = match all <= ROWS {
        true => "of each class".to_owned(),
        false => {
            // Stable, so that classes as good as each other stay in order.
            seen.sort_by(|a, b| a.right().total_cmp(&b.right()));
            seen.truncate(ROWS);
            format!("of the {ROWS} worst of {all} classes")
        }
    };
    let head = ["", "number", "right", "mostly taken for"].map(str::to_owned);
    let rows = seen.iter().map(|class| class.cells(&confusion.classes));
    let table = table::align([head.to_vec()].into_iter().chain(rows).collect());
    Some(format!("{title}:\n{table}"))
}

/// A class of which there are some.
struct Class {
    number: usize,
    samples: u64,
    right: u64,
    /// What it is taken for most often besides itself, and how often.
    mistake: Option<(usize, u64)>,
}

impl Class {
    fn of(number: usize, row: &[u64]) -> Option<Self> {
        let samples = row.iter().sum();
        let others = row.iter().copied().enumerate().rev();
        let others = others.filter(|&(other, count)| other != number && count > 0);
        (samples > 0).then(|| Self {
            number,
            samples,
            right: row[number],
            mistake: others.max_by_key(|&(_, count)| count),
        })
    }

    fn right(&self) -> f64 {
        self.share(self.right)
    }

    fn share(&self, count: u64) -> f64 {
        count as f64 / self.samples as f64
    }

    fn cells(&self, names: &[String]) -> Vec<String> {
        let percent = |count| format!("{:.1} %", 100.0 * self.share(count));
        let mistake = self.mistake.map_or_else(String::new, |(other, count)| {
            format!("{} ({})", names[other], percent(count))
        });
        vec![
            names[self.number].clone(),
            self.samples.to_string(),
            percent(self.right),
            mistake,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(counts: Vec<Vec<u64>>) -> Confusion {
        Confusion {
            classes: (0..counts.len()).map(|class| format!("c{class}")).collect(),
            counts,
            ious: false,
        }
    }

    #[test]
    fn each_class_says_what_it_is_taken_for() {
        let counts = vec![vec![3, 0, 1], vec![0, 0, 0], vec![2, 2, 0]];
        let found = by_class(&confusion(counts)).unwrap();
        let expected = "of each class:\n    \
             number  right   mostly taken for\n\
             c0  4       75.0 %  c2 (25.0 %)\n\
             c2  4       0.0 %   c0 (50.0 %)";
        assert_eq!(found, expected);
    }

    #[test]
    fn of_many_classes_the_worst_are_shown() {
        let row = |class: usize| {
            let mut row = vec![0; 30];
            row[class] = if class == 17 { 1 } else { 9 };
            row[0] += 1;
            row
        };
        let found = by_class(&confusion((0..30).map(row).collect())).unwrap();
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines[0], "of the 20 worst of 30 classes:");
        assert_eq!(lines[2], "c17  2       50.0 %  c0 (50.0 %)");
        assert_eq!(lines.len(), 22);
    }

    #[test]
    fn without_samples_there_is_nothing_to_say() {
        assert_eq!(by_class(&confusion(vec![vec![0, 0], vec![0, 0]])), None);
    }
}
