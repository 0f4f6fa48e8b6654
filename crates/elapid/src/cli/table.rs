//! Plain tables.

/// Rows with every column but the last padded to its widest cell.
pub(crate) fn align(rows: Vec<Vec<String>>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(column, cell): (usize, &String)| format!("{cell:<w$}", w = widths[column]);
        row.iter()
            .enumerate()
            .map(cell)
            .collect::<Vec<_>>()
            .join("  ")
            .trim_end()
            .to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The value of a metric: shares in per cent.
pub(crate) fn metric(name: &str, value: f64) -> String {
    match is_share(name) {
        true => format!("{:.2} %", 100.0 * value),
        false => format!("{value:.4}"),
    }
}

/// Whether a metric is a share of one.
pub(crate) fn is_share(name: &str) -> bool {
    matches!(name, "accuracy" | "balanced_accuracy" | "top5")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["a", "1"], ["long", "2"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(align(rows.to_vec()), "a     1\nlong  2");
    }
}
