"""An evaluation as one HTML page that asks for nothing from outside: tables and pictures."""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from parascale.evaluation.tables import Table, remarks, show_figure
from parascale.files.disk import replace_files

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="ParaScale report">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>ParaScale evaluation</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .6rem; text-align: left; white-space: nowrap; }
img { max-width: 100%; background: #fff; }
</style></head><body>
"""


def write_table_page(tables: Sequence[Table], pictures: Mapping[str, Path], notes: Sequence[str], page: Path) -> None:
    """Write an evaluation as a page.

    Parameters
    ----------
    tables : sequence of Table
    pictures : mapping of str to Path
        PNG files by what they show; they become part of the page.
    notes : sequence of str
        Sentences that stand before the tables.
    page : Path

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    parts = [_HEAD, "<h1>Faithfulness of camera-motion transfer</h1>"]
    parts += [f"<p>{_text(note)}</p>" for note in (*notes, *remarks(tables))]
    parts += [_table(table) for table in tables]
    parts += [_picture(name, path) for name, path in pictures.items()]
    replace_files({page: "\n".join([*parts, "</body></html>\n"]).encode()})


def _text(sentence: str) -> str:
    """Escape a sentence; names between backticks are shown as such."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(sentence))


def _table(table: Table) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = "\n".join(line([show_figure(cell) for cell in row], "td") for row in table.rows)
    return (
        f"<h2>{_text(table.title)}</h2>\n<p>{_text(table.about)}</p>\n"
        f'<div class="wide"><table>{line(table.columns, "th")}\n{rows}</table></div>'
    )


def _picture(name: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    title = html.escape(name.capitalize())
    return f'<h2>{title}</h2>\n<img alt="{title}" src="data:image/png;base64,{data}">'
