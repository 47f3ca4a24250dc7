"""Open a real Blender window on a private X server, and let a script use the built add-on in it with a live backend.

The window belongs to a Debian of its own in a folder (`window_root.sh`), into which all the script needs is copied.
What it found out and the pictures it took end up in the output folder: `told.json` and `NAME.png`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SUITE = PROJECT / "tests" / "window"
SIZE = (1600, 1120)


def use_window(
    root: Path,
    zips: Path,
    output: Path,
    script: str = "five_clicks",
    *,
    pages: bool = False,
    alone: bool = False,
    patience: int = 1200,
) -> int:
    """Run a script of `tests/window` in the window.

    Parameters
    ----------
    root : Path
        What `window_root.sh` made.
    zips : Path
        Folder of the built extension.
    output : Path
        Made anew; holds what the script left behind.
    script : str
        Name of the module whose `steps` are taken.
    pages : bool
        Whether to take the pictures of the manual as well.
    alone : bool
        Whether it has no network and no backend outside: what the zip brings is all there is.
    patience : int
        Seconds until all of it is ended.

    Returns
    -------
    int
        0, or the status Blender ended with.
    """
    # The manual's pictures show paths: they are those of a home, and not of a run.
    share = root / "home" / "animator" if pages else root / "share" / f"window-{uuid.uuid4().hex[:8]}"
    if pages:
        shutil.rmtree(share, ignore_errors=True)
    (share / "clips").mkdir(parents=True)
    try:
        (share / "tests").mkdir()
        shutil.copytree(SUITE, share / "tests" / "window", ignore=shutil.ignore_patterns("__pycache__"))
        for path in zips.glob("parascale-*.zip"):
            shutil.copy(path, share)
        subprocess.run([sys.executable, SUITE / "reference.py", share / "clips" / "street.mp4"], check=True)
        with nullcontext() if alone else _backend(share), (share / "blender.log").open("wb") as log:
            command = [*_command(root, share, patience), "--", script, *(["--pages"] if pages else [])]
            if alone:
                command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
            status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    finally:
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(share, output, ignore=shutil.ignore_patterns(".*", "state", "tests", "*.zip"))
        shutil.rmtree(share)
    return status


@contextmanager
def _backend(share: Path) -> Iterator[None]:
    """Start a backend outside that the Blender inside finds by the state folder both see; it ends with its input."""
    command = [str(Path(sys.executable).with_name("parascale")), "serve", "--bind", "tcp://127.0.0.1:*", "--held"]
    environment = os.environ | {"XDG_STATE_HOME": str(share / "state")}
    with (share / "backend.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            while not list((share / "state").rglob("backend.json")):
                if process.poll() is not None:
                    raise SystemExit((share / "backend.log").read_text())
                time.sleep(0.1)
            yield
        finally:
            process.communicate(timeout=60)


def _command(root: Path, share: Path, patience: int) -> list[str | Path]:
    inside = Path("/") / share.relative_to(root)
    variables = {
        "HOME": inside,
        "XDG_STATE_HOME": inside / "state",
        "XDG_RUNTIME_DIR": "/tmp",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PARASCALE_WINDOW": inside,
    }
    width, height = map(str, SIZE)
    environment = ["env", *(f"{name}={value}" for name, value in variables.items())]
    server = ["xvfb-run", "-a", "-s", f"-screen 0 {width}x{height}x24"]
    blender = ["blender", "--enable-event-simulate", "--window-geometry", "0", "0", width, height]
    script = ["--python-exit-code", "3", "--python", str(inside / "tests" / "window" / "in_blender.py")]
    return ["chroot", root, *environment, "timeout", str(patience), *server, *blender, *script]


def main() -> int:
    """Run the suite's steps in the window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=PROJECT / "build" / "window-root")
    parser.add_argument("--zips", type=Path, default=PROJECT / "build" / "zips")
    parser.add_argument("--output", type=Path, default=PROJECT / "build" / "window")
    parser.add_argument("--script", default="five_clicks", help="module of tests/window whose steps are taken")
    parser.add_argument("--pages", action="store_true", help="take the pictures of the manual as well")
    parser.add_argument("--alone", action="store_true", help="without a network and a backend outside")
    options = parser.parse_args()
    pages, alone, patience = options.pages, options.alone, 2400 if options.pages else 1200
    return use_window(
        options.root, options.zips, options.output, options.script, pages=pages, alone=alone, patience=patience
    )


if __name__ == "__main__":
    sys.exit(main())
