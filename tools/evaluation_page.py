"""Put evaluations into docs/evaluation.md: rows, tables and pictures, as `parascale evaluate` wrote them.

Run with NAME=FOLDER for each evaluation that is to be taken over; without any, the tables are written again from what
docs/data holds. The page says between its marks which of them stand where.
"""

import csv
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from parascale.evaluation.methods import METHODS
from parascale.evaluation.plan import MOVES, REGIMES
from parascale.evaluation.results import NAMES, Row
from parascale.evaluation.tables import Table, from_json, make_tables, summary, worst_lines

DOCS = Path(__file__).parents[1] / "docs"
PAGE, DATA = DOCS / "evaluation.md", DOCS / "data"
PICTURES = ("comparison", "realised", "profiles", "worst")
# <!-- from data/first.csv --> for all tables of these rows,
# <!-- from data/first.json: depth error; flow --> for some of those that were written.
MARK = re.compile(r"(<!-- from data/(\S+?)(?:: ([^>]*?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def main(given: Sequence[str]) -> None:
    """Take evaluations over, where any are named, and write the tables of the page."""
    page = PAGE.read_text("utf-8")
    for name, _, folder in (text.partition("=") for text in given):
        written = {f"data/{name}.csv": "results.csv", f"data/{name}.json": "tables.json"}
        written |= {f"images/{name}-{picture}.png": f"{picture}.png" for picture in PICTURES}
        # What the page shows of it.
        for kept, file in written.items():
            if kept in page:
                data = (Path(folder) / file).read_bytes()
                (DOCS / kept).write_bytes(data.replace(b"\r\n", b"\n") if file == "results.csv" else data)
    PAGE.write_text(with_tables(page), "utf-8")


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a results.csv, in the order that a plan has them."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [_row(values) for values in csv.DictReader(file)]
    return sorted(rows, key=lambda row: (REGIMES.index(row.regime), MOVES.index(row.move), METHODS.index(row.method)))


def _row(values: dict[str, str]) -> Row:
    texts = {"regime", "move", "method", "reason"}
    numbers = {name: float(values.get(name) or "nan") for name in NAMES if name not in texts}
    return Row(values["regime"], values["move"], values["method"], **numbers, reason=values["reason"])


def with_tables(page: str) -> str:
    """Give a page with what docs/data comes to between its marks."""
    return MARK.sub(lambda found: f"{found[1]}\n{_between(found[2], found[3])}\n{found[4]}", page)


def _between(file: str, named: str | None) -> str:
    rows = read_rows(DATA / file) if file.endswith(".csv") else []
    tables = make_tables(rows) if rows else [from_json(values) for values in json.loads((DATA / file).read_text())]
    if named is None:
        return "\n".join([*(f"- {told}" for told in summary(rows)), "", *map(_markdown, tables), worst_lines(rows)])
    by_name = {table.name: table for table in tables}
    return "\n".join(_markdown(by_name[name]) for name in named.split("; "))


def _markdown(table: Table) -> str:
    return table.markdown().replace("## ", "### ", 1)


if __name__ == "__main__":
    main(sys.argv[1:])
