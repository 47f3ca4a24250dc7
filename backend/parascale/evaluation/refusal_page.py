"""Why a clip was refused, as an HTML page that needs no server: the sentence, and the tracks where it breaks."""

import base64
import html
from pathlib import Path

from parascale.files.disk import replace_files

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="ParaScale report">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Not solved: ParaScale report</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 992px; padding: 16px; font: 15px/1.45 system-ui, sans-serif; }}
h1 {{ font-size: 22px; }} p {{ overflow-wrap: anywhere; }} img {{ width: 100%; }}
</style>
</head>
<body>
<h1>Not solved</h1>
<p>{reason}</p>
<img alt="Tracks in the frame where the solve breaks, and how many every frame has" src="data:image/png;base64,{data}">
<p>The frame where the solve breaks. Green tracks fit the scene that was found, red ones do not; where they are yellow,
none was found. Below, a bar for every frame: the tracks it has, and in green those that fit; the white mark is the
frame above.</p>
</body>
</html>
"""


def write_refusal_page(reason: str, picture: bytes, path: Path) -> None:
    """Write a page of why a clip was refused.

    Parameters
    ----------
    reason : str
        The refusal, with what to do.
    picture : bytes
        A PNG of the tracks (see `parascale.solve.findings.draw`).
    path : Path
        The HTML file.

    Raises
    ------
    InputError
        Where the page cannot be written.
    """
    page = PAGE.format(reason=html.escape(reason), data=base64.b64encode(picture).decode())
    replace_files({path: page.encode()})
