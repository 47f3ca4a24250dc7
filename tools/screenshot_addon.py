"""Take the picture of the add-on's tab for the README, in a real Blender window on a private X server.

Needs root, and under ROOT a Blender with Xvfb and ImageMagick beside it (any Debian of its own in a folder).
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

PROJECT = Path(__file__).resolve().parents[1]
WIDTH = 1120


def main() -> None:
    """Build the extension, run Blender, and keep its picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder that holds the Debian with Blender in it")
    parser.add_argument("--shot", type=Path, help="shot file to show; a made-up flight where none is given")
    parser.add_argument("--output", type=Path, default=PROJECT / "docs" / "images" / "addon-tab.png")
    options = parser.parse_args()

    share = options.root / "share" / "screenshot"
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir(parents=True)
    build = [sys.executable, PROJECT / "tools" / "build_extension.py", "--output-dir", share]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(PROJECT / "tools" / "screenshot_in_blender.py", share)
    if options.shot:
        shutil.copy(options.shot, share / "reference.shot.json")
    with backend(share):
        run_blender(options.root)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(share / "screen.png").convert("RGB")
    picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(96, method=Image.Quantize.MEDIANCUT).save(options.output, optimize=True)
    shutil.rmtree(share)
    print(f"{options.output}: {options.output.stat().st_size // 1024} kB")


def backend(share: Path) -> "subprocess.Popen[bytes]":
    """Start a backend outside that the Blender inside finds by the state folder both see; it ends with its input."""
    command = [str(Path(sys.executable).with_name("parascale")), "serve", "--bind", "tcp://127.0.0.1:*", "--private"]
    environment = os.environ | {"XDG_STATE_HOME": str(share / "state")}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def run_blender(root: Path) -> None:
    """Run the steps in a window of 1600x1000."""
    inside = ["HOME=/share/screenshot", "XDG_STATE_HOME=/share/screenshot/state", "XDG_RUNTIME_DIR=/tmp"]
    inside += ["LIBGL_ALWAYS_SOFTWARE=1", "PYTHONDONTWRITEBYTECODE=1"]
    window = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", "timeout", "200", "blender", "--python-exit-code", "3"]
    window += ["--window-geometry", "0", "0", "1600", "1000", "--python", "/share/screenshot/screenshot_in_blender.py"]
    subprocess.run(["chroot", root, "env", *inside, *window], check=True)


if __name__ == "__main__":
    main()
