"""Misuse of the command line, row by row: no traceback, the documented exit code, and nobody's file touched."""

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.files.shot_file import write_shot
from parascale.parallax.shot import Points, Shot

USAGE, INPUT = 2, 3

Tree = dict[str, tuple[str, bytes]]


def truck(count: int = 9) -> Shot:
    """Return a truck to the right past a wall two units away."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(count)
    path = Trajectory(poses, np.array([60.0, 60.0, 48.0, 32.0]), np.arange(count) / 16, 96, 64)
    return Shot("truck", 16.0, path, np.full(count, 2.0))


def write_picture(path: Path, shade: int = 90) -> None:
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 96, 3), shade, np.uint8), "rgb24")))
        container.mux(stream.encode())


def write_clip(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=16)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for shade in range(3):
            picture = np.full((64, 96, 3), 60 * shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what people have in a folder: a file of every kind, none written by a command of ours."""
    folder = tmp_path_factory.mktemp("originals")
    write_shot(truck(), folder / "truck.shot.json")
    points = Points(np.ones((4, 3), np.float32), np.zeros((4, 3), np.uint8))
    write_shot(replace(truck(), points=points), folder / "dotted.v1.shot.json")
    write_clip(folder / "clip.mp4")
    (folder / "frames").mkdir()
    for number in range(3):
        write_picture(folder / "frames" / f"{number:04d}.png", 40 * number)
    write_picture(folder / "first.png")
    np.save(folder / "depth.npy", np.full((64, 96), 2.0, np.float32))
    np.save(folder / "mm.npy", np.full((64, 96), 2000.0, np.float32))
    np.savez(folder / "pair.npz", a=np.ones((4, 4)), b=np.ones((4, 4)))
    rows = "\n".join(" ".join(map(str, np.eye(4)[:3].ravel())) for _ in range(9))
    (folder / "truth.txt").write_text(rows + "\n")
    (folder / "transforms.json").write_text('{"camera_angle_x": 1.0, "frames": []}')
    (folder / "notes.txt").write_text("call the producer\n")
    (folder / "own.points.npz").write_bytes(b"not ours")
    (folder / "other.shot.json").write_bytes((folder / "truck.shot.json").read_bytes())
    (folder / "empty.mp4").touch()
    (folder / "scene.blend").write_bytes(b"BLENDER-v500")
    (folder / "poses").mkdir()
    (folder / "poses" / "0000.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    return folder


@pytest.fixture
def desk(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of that folder, with links in it, as the current folder; the user's own state is kept out."""
    folder = tmp_path / "desk"
    shutil.copytree(originals, folder)
    (folder / "link.shot.json").symlink_to("truck.shot.json")
    os.link(folder / "truck.shot.json", folder / "hard.shot.json")
    os.link(folder / "clip.mp4", folder / "hard.mp4")
    (folder / "clip_link.mov").symlink_to("clip.mp4")
    (folder / "frames_link").symlink_to("frames")
    (folder / "loop.shot.json").symlink_to("loop.shot.json")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


def snapshot(folder: Path) -> Tree:
    """Return every file and link below a folder, byte for byte."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", os.fsencode(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", b"")
        elif stat.S_ISREG(path.stat().st_mode):
            found[name] = ("file", path.read_bytes())
    return found


FLAT = "calibrate truck.shot.json --depth 5 -o"
SHOW = "generate truck.shot.json -g preview --image first.png --depth-map depth.npy -o"
SENT = "export truck.shot.json --format kitti -o"

OUTPUTS_THAT_ARE_INPUTS = [
    f"{FLAT} truck.shot.json",
    f"{FLAT} truck.shot.json --overwrite",
    f"{FLAT} ./truck.shot.json",
    f"{FLAT} frames/../truck.shot.json",
    f"{FLAT} {{desk}}/truck.shot.json",
    f"{FLAT} link.shot.json",
    f"{FLAT} link.shot.json --overwrite",
    f"{FLAT} hard.shot.json",
    f"{FLAT} hard.shot.json --overwrite",
    "calibrate link.shot.json --depth 5 -o truck.shot.json",
    "calibrate hard.shot.json --depth 5 -o truck.shot.json --overwrite",
    "calibrate truck.shot.json --depth-map depth.npy -o depth.npy",
    "calibrate truck.shot.json --scene scene.blend -o scene.blend --overwrite",
    "retime truck.shot.json --reverse -o truck.shot.json",
    "retime truck.shot.json --reverse -o hard.shot.json --overwrite",
    "retime dotted.v1.shot.json --reverse -o dotted.v1.shot.json",
    "retime dotted.v1.shot.json --reverse -o dotted.v1.points.npz --overwrite",
    "retime dotted.v1.shot.json --reverse -o dotted.v1 --overwrite",
    "stitch truck.shot.json other.shot.json -o truck.shot.json",
    "stitch truck.shot.json other.shot.json -o other.shot.json --overwrite",
    "import truth.txt --format kitti --size 96x64 --fps 16 -o truth.txt",
    "import truth.txt --format kitti --size 96x64 --fps 16 -o truth.txt --overwrite",
    "import poses -o poses/truck.shot.json --size 96x64 --fps 16",
    "import poses -o poses/0000.txt --size 96x64 --fps 16 --overwrite",
    "import poses -o poses --size 96x64 --fps 16 --overwrite",
    "export truck.shot.json --format kitti -o truck.shot.json --overwrite",
    "export truck.shot.json --format colmap -o .",
    "export truck.shot.json --format colmap -o . --overwrite",
    "export truck.shot.json --format kitti -o hard.shot.json --overwrite",
    "solve clip.mp4 -o clip.mp4",
    "solve clip.mp4 -o clip.mp4 --overwrite",
    "solve clip.mp4 -o hard.mp4 --overwrite",
    "solve clip_link.mov -o clip.mp4 --overwrite",
    "solve clip.mp4 -o clip_link.mov --overwrite",
    "solve frames -o frames --overwrite",
    "solve frames -o frames/0001.png --overwrite",
    "solve frames -o frames_link/x.shot.json",
    "solve frames_link -o frames/x.shot.json",
    "solve frames_link -o frames/0000.png --overwrite",
    "solve clip.mp4 --masks frames -o frames/masks.shot.json",
    "solve . -o x.shot.json",
    "verify clip.mp4 --against truck.shot.json -o truck.shot.json --overwrite",
    "verify clip.mp4 --against truck.shot.json -o clip.mp4 --overwrite",
    "verify clip.mp4 --against truck.shot.json --masks hard.mp4 -o hard.mp4 --overwrite",
    f"{SHOW} clip.mp4 --sketch first.png",
    f"{SHOW} new.mp4 --sketch first.png --overwrite",
    f"{SHOW} first.png --overwrite",
    f"{SHOW} depth.npy --overwrite",
    f"{SHOW} truck.shot.json --overwrite",
    f"{SHOW} new.mp4 --sketch new.mp4",
    "depth first.png --model x -o first.png",
    "probe -g preview --image first.png -o first.png --overwrite",
    "probe -g preview --image first.png -o first.json",
    "probe -g preview --image first.png --depth-map depth.npy -o depth.npy --overwrite",
    "view truck.shot.json --plot truck.shot.json --overwrite",
    "view truck.shot.json --save truck.shot.json --overwrite",
    "view truck.shot.json --reference clip.mp4 --save clip.mp4 --overwrite",
]

ENDINGS_OF_OTHERS = [
    *(f"{FLAT} new.{ending}" for ending in ("mp4", "MOV", "png", "jpeg", "npy", "npz", "txt", "csv", "blend", "rrd")),
    f"{FLAT} new.mp4 --overwrite",
    f"{FLAT} notes.txt --overwrite",
    f"{FLAT} new.points.npz",
    "solve clip.mp4 -o new.mp4",
    "solve clip.mp4 -o first.png --overwrite",
    "retime truck.shot.json --reverse -o new.exr",
    "stitch truck.shot.json other.shot.json -o new.npz",
    "verify clip.mp4 --against truck.shot.json -o new.mkv",
    "import truth.txt --format kitti --size 96x64 -o new.webm",
    *(f"{SHOW} new.{ending}" for ending in ("shot.json", "json", "npy", "png", "txt")),
    f"{SHOW} new.mp4 --sketch new.shot.json",
    f"{SHOW} new.mp4 --sketch sketch.jpg",
    *(f"{SENT} new.{ending}" for ending in ("shot.json", "mp4", "png", "npy", "json", "csv")),
    "export truck.shot.json --format nerfstudio -o new.txt",
    "export truck.shot.json --format colmap -o new.mp4",
    "export truck.shot.json --format plucker -o new.png",
    "depth first.png --model x -o new.png",
    "depth first.png --model x -o new.shot.json",
    "probe -g preview -o new.shot.json",
    "probe -g preview -o new.mp4",
    "probe -g preview -o new.png",
    "view truck.shot.json --plot new.shot.json",
    "view truck.shot.json --plot new.jpg",
    "view truck.shot.json --plot new.mp4",
    "view truck.shot.json --save new.png",
    "evaluate -o new.mp4",
]

OF_SOMEBODY_ELSE = [
    f"{FLAT} other.shot.json",
    f"{FLAT} transforms.json",
    f"{FLAT} own.shot.json",
    "retime truck.shot.json --reverse -o other.shot.json",
    "stitch truck.shot.json hard.shot.json -o other.shot.json",
    "import truth.txt --format kitti --size 96x64 --fps 16 -o other.shot.json",
    "solve clip.mp4 -o other.shot.json",
    "verify clip.mp4 --against truck.shot.json -o other.shot.json",
    f"{SENT} truth.txt",
    f"{SENT} notes.txt",
    "export truck.shot.json --format nerfstudio -o transforms.json",
    "export truck.shot.json --format pose-folder -o poses",
    "export truck.shot.json --format megasam -o pair.npz",
    f"{SHOW} clip.mp4",
    f"{SHOW} clip_link.mov",
    "depth first.png --model x -o depth.npy",
    "probe -g preview -o transforms.json",
    "view truck.shot.json --plot first.png",
    "evaluate -o poses",
]

NO_SUCH_PLACE = [
    f"{FLAT} nowhere/new.shot.json",
    f"{FLAT} notes.txt/new.shot.json",
    f"{FLAT} frames",
    f"{FLAT} .",
    f"{FLAT} ..",
    f"{FLAT} {'n' * 300}.shot.json",
    f"{FLAT} loop.shot.json",
    "solve clip.mp4 -o nowhere/new.shot.json",
    "verify clip.mp4 --against truck.shot.json -o nowhere/new.shot.json",
    f"{SHOW} nowhere/new.mp4",
    f"{SHOW} new.mp4 --sketch nowhere/sketch.png",
    f"{SHOW} frames",
    f"{SENT} nowhere/new.txt",
    f"{SENT} frames",
    "export truck.shot.json --format colmap -o notes.txt",
    "export truck.shot.json --format colmap -o -",
    "export truck.shot.json --format colmap -o {null}",
    "depth first.png --model x -o nowhere/new.npy",
    "probe -g preview -o nowhere/new.json",
    "view truck.shot.json --plot nowhere/new.png",
    "view truck.shot.json --save nowhere/new.rrd",
    "evaluate -o nowhere/new",
    "evaluate -o -",
    "evaluate -o notes.txt",
    f"{FLAT} {{full}}",
    f"{SENT} {{full}}",
]

NUMBERS = [
    *(f"solve clip.mp4 -o new.shot.json --threads {value}" for value in ("0", "-1", "1000000", "99999999999999999999")),
    *(f"solve clip.mp4 -o new.shot.json --fov {value}" for value in ("nan", "0", "-5", "180", "1e9", "inf")),
    *(f"solve clip.mp4 -o new.shot.json --focal {value}" for value in ("nan", "0", "-100", "inf", "1e300")),
    *(f"solve clip.mp4 -o new.shot.json {options}" for options in ("--start -1", "--end -1", "--start 5 --end 5")),
    *(f"solve clip.mp4 -o new.shot.json --shot {value}" for value in ("0", "-2")),
    "solve clip.mp4 -o new.shot.json --end 0",
    *(f"retime truck.shot.json -o new.shot.json --fps {value}" for value in ("nan", "0", "-24", "inf", "1e12")),
    *(f"retime truck.shot.json -o new.shot.json --frames {value}" for value in ("0", "-3", "1e3", "1000000000")),
    *(f"retime truck.shot.json -o new.shot.json --frames {value}" for value in ("0n+0", "9" * 400)),
    *(f"retime truck.shot.json -o new.shot.json --strength {value}" for value in ("nan", "inf", "-1")),
    *(f"retime truck.shot.json -o new.shot.json --speed {value}" for value in ("nan", "inf", "-1", "0")),
    *(f"retime truck.shot.json -o new.shot.json --shake {value}" for value in ("nan", "inf", "-1")),
    *(f"retime truck.shot.json -o new.shot.json --shake 1 --cutoff {value}" for value in ("nan", "inf", "-1", "0")),
    *(
        f"retime truck.shot.json -o new.shot.json --hold {value}"
        for value in ("nan@1", "1@nan", "inf@1", "-1@0", "1e9@0")
    ),
    *(f"retime truck.shot.json -o new.shot.json --ease {value}" for value in ("0:nan,1:1", "inf:0,1:1", "1:0,0:1")),
    *(
        f"stitch truck.shot.json other.shot.json -o new.shot.json --seconds {value}"
        for value in ("nan", "inf", "-1", "1e9")
    ),
    *(f"calibrate truck.shot.json -o new.shot.json --depth {value}" for value in ("0", "-1", "nan", "inf")),
    *(f"{FLAT} new.shot.json --strength {value}" for value in ("nan", "inf", "-1", "1e300")),
    *(f"{FLAT} new.shot.json --smooth {value}" for value in ("nan", "inf", "-1", "1e12")),
    *(
        f"calibrate truck.shot.json --depth-map depth.npy -o new.shot.json --fov {value}"
        for value in ("nan", "0", "180")
    ),
    *(
        f"calibrate truck.shot.json --depth-map depth.npy -o new.shot.json --depth-scale {value}"
        for value in ("nan", "0")
    ),
    *(f"{SENT} new.txt --fps {value}" for value in ("nan", "0", "inf", "1e12")),
    *(f"{SENT} new.txt --frames {value}" for value in ("0", "-1", "1000000000", "99999999999999999999")),
    *(f"{SENT} new.txt --size {value}" for value in ("0x0", "10", "-1x5", "axb")),
    *(
        f"import truth.txt --format kitti --size 96x64 -o new.shot.json {options}"
        for options in (
            "--fps nan",
            "--fps 0",
            "--fps inf",
            "--fov nan",
            "--fov 0",
            "--fov 180",
            "--depth nan",
            "--depth 0",
        )
    ),
    "import truth.txt --format kitti --size 0x64 -o new.shot.json",
    *(f"{SHOW} new.mp4 --seed {value}" for value in ("-1", "99999999999999999999")),
    f"{SHOW} new.mp4 --depth-scale nan",
    *(f"probe -g preview -o new.json --fov {value}" for value in ("nan", "0", "180", "inf")),
    *(f"probe -g preview -o new.json --frames {value}" for value in ("0", "8", "1000000000")),
    "probe -g preview -o new.json --seed -1",
    *(f"serve --workers {value}" for value in ("0", "-1", "1000000")),
]

UNITS = [
    "generate truck.shot.json -g preview --image first.png --depth-map mm.npy -o new.mp4",
]

WRONG_INPUTS = [
    "info nothing.shot.json",
    "info frames",
    "info clip.mp4",
    "info notes.txt",
    "info loop.shot.json",
    "info empty.mp4",
    "info -",
    "calibrate clip.mp4 --depth 5 -o new.shot.json",
    "calibrate truck.shot.json -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --depth-map depth.npy -o new.shot.json",
    "calibrate truck.shot.json --depth-map truck.shot.json -o new.shot.json",
    "calibrate truck.shot.json --depth-map pair.npz -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --method best -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --lens fisheye -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --preset best -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --framing 2 -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --horizon level -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --anchor-frame 5000 -o new.shot.json",
    "calibrate truck.shot.json --depth 5 --subject Vase -o new.shot.json",
    "export clip.mp4 --format kitti -o new.txt",
    "export truck.shot.json --format nothing -o new.txt",
    "import notes.txt -o new.shot.json",
    "import nothing.txt -o new.shot.json",
    "import truth.txt --format nothing -o new.shot.json",
    "import truth.txt --depth 5 --depth-map depth.npy -o new.shot.json",
    "metrics truck.shot.json notes.txt",
    "retime notes.txt -o new.shot.json",
    "generate truck.shot.json -g preview --image notes.txt -o new.mp4",
    "generate truck.shot.json -g preview --image first.png --depth-map notes.txt -o new.mp4",
    "generate truck.shot.json -g nothing --image first.png -o new.mp4",
    f"{SHOW} new.mp4 --set steps",
    f"{SHOW} new.mp4 --set =3",
    "probe -g nothing -o new.json",
    "probe -g preview --image notes.txt -o new.json",
    "view notes.txt --plot new.png",
    "view truck.shot.json --plot new.png --save new.rrd",
    "view truck.shot.json --plot new.png --reference clip.mp4",
    "verify nothing.mp4 --against notes.txt",
    "evaluate -o new --methods best",
    "serve --bind nonsense",
    "serve --bind tcp://127.0.0.1:99999999",
    "jobs --connect nonsense",
    "calibrate truck.shot.json",
    "keys new notes.txt",
]

WRONG_USAGE = [
    "",
    "nonsense",
    "info",
    "info truck.shot.json other.shot.json",
    "info truck.shot.json --nonsense",
    "calibrate truck.shot.json --depth deep -o new.shot.json",
    "calibrate truck.shot.json --depth -o",
    "solve",
    "solve clip.mp4 -o new.shot.json --threads many",
    "solve clip.mp4 -o new.shot.json --start 1.5",
    "generate truck.shot.json -o new.mp4",
    "generate truck.shot.json -g preview --image first.png -o new.mp4 --seed one",
    "keys old new",
    "keys new",
    "weights fetch",
    "export truck.shot.json -o new.txt",
]

ROWS = [
    *((command, USAGE) for command in WRONG_USAGE),
    *(
        (command, INPUT)
        for table in (
            OUTPUTS_THAT_ARE_INPUTS, ENDINGS_OF_OTHERS, OF_SOMEBODY_ELSE, NO_SUCH_PLACE, NUMBERS, UNITS, WRONG_INPUTS
        )
        for command in table
    ),
]  # fmt: skip


def test_the_table_is_long_enough() -> None:
    assert len({command for command, _ in ROWS}) == len(ROWS) >= 150


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no misuse get as far as a solve or a backend."""

    def refuse(*arguments: object, **options: object) -> None:
        pytest.fail("the work began")

    monkeypatch.setattr("parascale.cli.child.run_in_child", refuse)
    monkeypatch.setattr("parascale.link.local.join_backend", refuse)


@pytest.mark.parametrize(("command", "code"), ROWS, ids=[command or "nothing" for command, _ in ROWS])
@pytest.mark.usefixtures("nothing_runs")
def test_misuse_is_refused_and_loses_nothing(
    desk: Path,
    device: Callable[[str], Path],
    typed: Callable[..., tuple[int, str, str]],
    command: str,
    code: int,
) -> None:
    before = snapshot(desk)
    places: dict[str, object] = {name: device(name) for name in ("null", "full") if f"{{{name}}}" in command}
    found, out, err = typed(*command.format(desk=desk, **places).split())
    assert all(Path(str(place)).is_char_device() for place in places.values())
    assert "Traceback" not in err + out
    assert found == code, f"exit {found}\n{out}\n{err}"
    assert snapshot(desk) == before
    if code == INPUT:
        lines = [line for line in err.splitlines() if line.startswith("parascale: ") and "note: " not in line]
        assert len(lines) == 1, err
        assert "PosixPath" not in err
