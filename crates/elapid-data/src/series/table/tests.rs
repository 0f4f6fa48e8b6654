//! Tables as people have them, and what is wrong with them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn read(text: &str, roles: &Roles) -> Result<Table, String> {
    let (_folder, path) = written(text);
    said(&path, Table::read(&path, roles))
}

/// The error without the name of its file.
fn said(path: &Path, table: Result<Table, DataError>) -> Result<Table, String> {
    table.map_err(|error| {
        let text = error.to_string();
        let prefix = format!("`{}`: ", path.display());
        text.strip_prefix(&prefix).unwrap_or(&text).to_owned()
    })
}

fn problem(text: &str) -> String {
    read(text, &Roles::default()).unwrap_err()
}

#[test]
fn dates_and_numbers_are_told_apart() {
    let table = read(
        "a,Date,b\n1,2020-01-01 00:00,2.5\n,2020-01-01 01:00,-3e2\n",
        &Roles::default(),
    )
    .unwrap();
    assert_eq!(table.names, ["a", "b"]);
    assert_eq!(
        (table.rows(), table.step),
        (2, Some(Step::Micros(3_600_000_000)))
    );
    assert_eq!(
        (table.values[0], table.values[1], table.values[3]),
        (1.0, 2.5, -300.0)
    );
    assert!(table.values[2].is_nan() && table.notes.is_empty());
}

#[test]
fn semicolons_tabs_and_unnamed_date_columns_are_understood() {
    for text in [
        "date;a;b\n2020;1;2\n2021;3;4\n",
        "date\ta\tb\r\n2020\t1\t2\r\n2021\t3\t4\r\n",
        "\u{feff}date,a,b\n2020,1,2\n2021,3,4\n",
    ] {
        let table = read(text, &Roles::default()).unwrap();
        assert_eq!(table.values, [1.0, 2.0, 3.0, 4.0], "{text}");
        assert_eq!(table.step, Some(Step::Months(12)));
    }
    let table = read(
        ",a\n2020-01-31,1\n2020-02-29,2\n2020-03-31,3\n",
        &Roles::default(),
    )
    .unwrap();
    assert_eq!(
        (table.names, table.step),
        (vec!["a".to_owned()], Some(Step::Months(1)))
    );
}

#[test]
fn roles_name_the_date_and_leave_columns_out() {
    let text = "year,site,a\n1700,north,1\n1701,south,2\n";
    let roles = Roles {
        date: Some("year".to_owned()),
        ignore: vec!["site".to_owned()],
        ..Roles::default()
    };
    assert_eq!(read(text, &roles).unwrap().values, [1.0, 2.0]);
    let none = Roles {
        date: Some("none".to_owned()),
        ..roles.clone()
    };
    let table = read(text, &none).unwrap();
    assert_eq!(
        (table.names, table.stamps),
        (vec!["year".to_owned(), "a".to_owned()], Vec::new())
    );
    let other = Roles {
        date: Some("when".to_owned()),
        ..roles
    };
    let message = read(text, &other).unwrap_err();
    assert!(
        message.starts_with("data.date is `when`, expected `none`, or a column of"),
        "{message}"
    );
}

#[test]
fn text_in_a_column_of_numbers_is_named_by_row_line_and_column() {
    let message = problem("date,a,b\n2020-01-01,1,2\n2020-01-02,3,wet\n");
    assert_eq!(
        message,
        "row 2 (line 3): column `b` has `wet`, expected a number, or nothing for a missing one; repair it, or leave the \
         column out with data.ignore = \"b\""
    );
    assert!(problem("date,a\n2020-01-01,inf\n").contains("has `inf`"));
    assert!(
        problem("date,a\n2020-01-01,1\n31.1.2020,2\n").starts_with(
            "row 2 (line 3): the date is `31.1.2020`, expected one like 2020-12-31 or"
        )
    );
}

#[test]
fn dates_that_do_not_ascend_are_named() {
    let message = problem("date,a\n2020-01-01,1\n2020-01-02,2\n2020-01-02,3\n");
    assert_eq!(
        message,
        "row 3: the date 2020-01-02 00:00:00 is that of row 2 again; keep one of the two rows"
    );
    let message = problem("date,a\n2020-01-01,1\n2019-12-31,2\n");
    assert_eq!(
        message,
        "row 2: the date 2019-12-31 00:00:00 is before 2020-01-01 00:00:00 in row 1; sort the rows by date"
    );
    let message = problem("date,a\n2020-01-01,1\n2020-01-02T00:00Z,2\n");
    assert!(
        message.ends_with("one has a zone and one has none"),
        "{message}"
    );
}

#[test]
fn steps_of_other_lengths_are_counted() {
    let text = "date,a\n2020-01-01,1\n2020-01-02,2\n2020-01-03,2\n2020-01-06,3\n2020-01-07,3\n2020-01-10,3\n";
    let table = read(text, &Roles::default()).unwrap();
    assert_eq!(table.step, Some(Step::Micros(86_400_000_000)));
    assert!(
        table.notes[0].ends_with(
            "2 of 5 steps from row to row are not the usual 1 d, the first that from 2020-01-03 00:00:00 in row 3 to \
             2020-01-06 00:00:00 in row 4; rows are taken as evenly spaced"
        ),
        "{:?}",
        table.notes
    );
}

#[test]
fn tables_without_dates_numbers_or_rows_are_refused() {
    let message = problem("a,b\n1,2\n");
    assert!(
        message.starts_with("no column is called date and the first has no dates; name the column"),
        "{message}"
    );
    assert!(message.ends_with("Columns: a, b"), "{message}");
    // A year is a number as well.
    assert!(problem("y,b\n1700,2\n").starts_with("no column is called date"));
    assert!(
        problem("date\n2020\n").starts_with("it has no column of numbers besides that of dates")
    );
    assert_eq!(problem("date,a\n"), "it has no rows below its header");
    assert_eq!(
        problem("date,a,a\n2020,1,2\n"),
        "two columns are called `a`; rename one"
    );
    assert!(problem("date,a\n2020,1,5\n").contains("found record with 3 fields"));
    let missing = Table::read(Path::new("none.csv"), &Roles::default()).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("`none.csv` does not exist; expected a CSV or Parquet")
    );
}

#[test]
fn a_target_that_is_no_column_is_refused_with_those_there_are() {
    let table = read("date,a,b\n2020,1,2\n", &Roles::default()).unwrap();
    let message = table.column("data.target", "c").unwrap_err().to_string();
    assert!(
        message.starts_with("data.target is `c`, expected a column of numbers of"),
        "{message}"
    );
    assert!(message.ends_with(": a, b"), "{message}");
    assert_eq!(table.select(&[1]).values, [2.0]);
}

/// A Parquet file of two row groups with the columns `a` (with a gap), `__index_level_0__` and `site`.
fn parquet(folder: &Path, date_type: &str, dates: [i64; 4]) -> PathBuf {
    let path = folder.join("table.parquet");
    let schema = format!(
        "message schema {{ optional double a; required int64 __index_level_0__ ({date_type}); optional binary site (UTF8); }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = File::create(&path).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    for half in dates.chunks(2) {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels = [1, i16::from(half[0] == dates[0])];
        let values = if levels[1] == 1 {
            &[1.5, 2.5][..]
        } else {
            &[3.5]
        };
        column
            .typed::<DoubleType>()
            .write_batch(values, Some(&levels), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(half, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let names = [ByteArray::from("x"), ByteArray::from("y")];
        column
            .typed::<ByteArrayType>()
            .write_batch(&names, Some(&[1, 1]), None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    path
}

#[test]
fn parquet_files_are_read_by_their_types() {
    let folder = tempfile::tempdir().unwrap();
    let hour = 3_600_000_000;
    let path = parquet(
        folder.path(),
        "TIMESTAMP(MICROS,true)",
        [0, 1, 2, 3].map(|n| n * hour),
    );
    let message = said(&path, Table::read(&path, &Roles::default())).unwrap_err();
    assert_eq!(
        message,
        "column `site` is of text, expected numbers; leave it out with data.ignore = \"site\""
    );
    let roles = Roles {
        date: None,
        ignore: vec!["site".to_owned()],
        ..Roles::default()
    };
    let table = Table::read(&path, &roles).unwrap();
    assert_eq!(
        (&table.names[..], table.step),
        (&["a".to_owned()][..], Some(Step::Micros(hour)))
    );
    assert_eq!(table.values[..3], [1.5, 2.5, 3.5]);
    assert!(table.values[3].is_nan());
    assert_eq!(table.stamps[3].to_string(), "1970-01-01 03:00:00");
    let path = parquet(
        folder.path(),
        "TIMESTAMP(MILLIS,true)",
        [0, 3_600_000, 3_600_000, 4],
    );
    let message = said(&path, Table::read(&path, &roles)).unwrap_err();
    assert!(
        message.starts_with("row 3: the date 1970-01-01 01:00:00 is that of row 2"),
        "{message}"
    );
    std::fs::write(&path, "no parquet").unwrap();
    assert!(
        Table::read(&path, &roles)
            .unwrap_err()
            .to_string()
            .starts_with("cannot read `")
    );
}
