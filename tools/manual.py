"""Take the pictures of the manual in a real Blender window, cut them out, and put them into docs/images/manual."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageChops

PROJECT = Path(__file__).resolve().parents[1]
PICTURES = PROJECT / "docs" / "images" / "manual"

# How many pixels wide windows and editors are shown; panels are shown as they are.
WINDOWS = {"file-browser": 900, "calibrated": 1200, "sequencer": 1100}
EDITORS = {"overview": 800, "curves": 800, "preferences": 800}

# At the sidebar's right edge.
TABS = 28
MARGIN = 8


def cut_all(taken: Path, pictures: Path) -> list[Path]:
    """Cut the pictures of a run of the window suite and write them; return their files.

    Parameters
    ----------
    taken : Path
        Folder with `told.json` and whole windows as PNG.
    pictures : Path
        Takes panels as PNG of 64 colours, all else as JPEG.
    """
    boxes = json.loads((taken / "told.json").read_text())["pictures"]
    pictures.mkdir(parents=True, exist_ok=True)
    written = []
    for name, box in boxes.items():
        whole = Image.open(taken / f"{name}.png").convert("RGB")
        if name.startswith("panel-"):
            path = pictures / f"{name.removeprefix('panel-')}.png"
            panel_in(whole.crop(box)).quantize(64).save(path, optimize=True)
        elif name in WINDOWS or name in EDITORS:
            path = pictures / f"{name}.jpg"
            shown = whole if name in WINDOWS else whole.crop(box)
            shown = content_of(shown) if name == "preferences" else shown
            shown.thumbnail(((WINDOWS | EDITORS)[name], 2000))
            shown.save(path, quality=82, optimize=True)
        else:
            continue
        written.append(path)
    return written


def panel_in(sidebar: Image.Image) -> Image.Image:
    """Cut the panel out of a sidebar that shows it alone, its tabs left out."""
    return content_of(sidebar.crop((0, 0, sidebar.width - TABS, sidebar.height)))


def content_of(picture: Image.Image) -> Image.Image:
    """Cut off the plain ground below the last thing that an editor shows."""
    # An editor's corners are rounded, and its edge is drawn.
    inner = picture.crop((MARGIN, 0, picture.width - MARGIN, picture.height - MARGIN))
    ground = Image.new("RGB", inner.size, inner.getpixel((0, inner.height - 1)))
    box = ImageChops.difference(inner, ground).getbbox()
    return picture.crop((0, 0, picture.width, min(box[3] + MARGIN, picture.height))) if box else picture


def main() -> int:
    """Run the window suite with its pages, and cut them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=PROJECT / "build" / "window-root")
    parser.add_argument("--zips", type=Path, default=PROJECT / "build" / "zips")
    parser.add_argument("--taken", type=Path, help="a run's output that is there already")
    options = parser.parse_args()
    taken = options.taken or PROJECT / "build" / "manual"
    if options.taken is None:
        suite = [sys.executable, PROJECT / "tools" / "window.py", "--root", options.root, "--zips", options.zips]
        status = subprocess.run([*suite, "--output", taken, "--pages"], check=False).returncode
        if status:
            print(f"the window suite ended with {status}: see {taken / 'told.json'}", file=sys.stderr)
            return status
    for path in cut_all(taken, PICTURES):
        print(f"{path.relative_to(PROJECT)} {path.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
