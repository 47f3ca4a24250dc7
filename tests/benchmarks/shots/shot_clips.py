"""References from real clips: what each looks at is marked by hand; each is solved once, and kept."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from parascale.files.shot_file import read_shot
from parascale.parallax.shot import Shot


@dataclass(frozen=True)
class Clip:
    """A clip of the test data, below its folder, and what `parascale solve` is told of it."""

    path: str
    options: tuple[str, ...]


CLIPS = {
    "living room": Clip(
        "icl_livingroom49/image", ("--fps", "30", "--focal", "525", "--subject", "chair=340,105,270,285")
    ),
    "street walk": Clip("clips/street_walk_generated.mp4", ("--subject", "boy=425,85,195,620")),
    "driving": Clip("kitti00_20/image", ("--fps", "10", "--focal", "718.856")),
}


def read_references(folder: Path, kept: Path) -> Iterator[Shot]:
    """Read a folder's shot files, and solve what it holds of the test data's clips, unless ``kept`` has them solved."""
    for file in sorted(folder.glob("*.shot.json")):
        yield read_shot(file)
    kept.mkdir(parents=True, exist_ok=True)
    for name, clip in CLIPS.items():
        file = kept / f"{name.replace(' ', '-')}.shot.json"
        if (folder / clip.path).exists() and not file.exists():
            command = [sys.executable, "-m", "parascale.cli", "solve", str(folder / clip.path), "-o", str(file)]
            subprocess.run([*command, *clip.options, "--threads", "1"], check=True)
        if file.exists():
            yield replace(read_shot(file), name=name)
