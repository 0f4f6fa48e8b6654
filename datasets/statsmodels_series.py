"""Writes co2/co2.csv, sunspots/sunspots.csv and elnino/elnino.csv beside this file, from the data that come with statsmodels.

    pip install statsmodels==0.15.0 && python datasets/statsmodels_series.py

Values are those of the package. Missing ones stay empty; El Nino, a table of years and months, becomes a row a month.
"""

from pathlib import Path

from statsmodels import datasets

HERE = Path(__file__).resolve().parent


def write(name, header, rows):
    """One file; None is written as nothing."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    lines = [header] + [",".join("" if v is None else str(v) for v in row) for row in rows]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def number(value):
    """A value as short as it can be written, None for a missing one."""
    return None if value != value else repr(float(value))


def main():
    co2 = datasets.co2.load_pandas().data["co2"]
    write("co2", "date,co2", ((day.date(), number(value)) for day, value in co2.items()))

    sunspots = datasets.sunspots.load_pandas().data
    rows = ((f"{int(year)}-01-01", number(value)) for year, value in sunspots.to_numpy())
    write("sunspots", "date,sunspots", rows)

    elnino = datasets.elnino.load_pandas().data
    rows = (
        (f"{int(row[0])}-{month:02}-01", number(value))
        for row in elnino.to_numpy()
        for month, value in enumerate(row[1:], start=1)
    )
    write("elnino", "date,temperature", rows)


if __name__ == "__main__":
    main()
