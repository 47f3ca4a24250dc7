import dataclasses
import hashlib
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.errors import InputError, Notice
from parascale.files.disk import LARGEST_TEXT
from parascale.files.shot_file import read_shot, shot_from_json, shot_to_json, write_shot
from parascale.parallax.shot import Points, Shot
from parascale.parallax.subject import SubjectTrack, Up
from parascale.types import to_json_values

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(1e-300, 1e300)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | finite | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)
mappings = st.dictionaries(st.text(), json_values, max_size=3)


def distortions(count: int) -> st.SearchStrategy[dict[str, object]]:
    """A list there is a number a frame."""
    one = json_values.filter(lambda value: not isinstance(value, list))
    return st.dictionaries(st.text(), one | st.lists(finite, min_size=count, max_size=count), max_size=3)


@st.composite
def subjects(draw: st.DrawFn, count: int) -> SubjectTrack:
    centre = draw(arrays(np.float64, (count, 2), elements=finite))
    centre[draw(arrays(bool, count))] = np.nan
    lengths = st.none() | arrays(np.float64, count, elements=positive | st.just(np.nan))
    return SubjectTrack(draw(st.text()), centre, draw(lengths), draw(lengths))


@st.composite
def ups(draw: st.DrawFn) -> Up:
    direction = Rotation.random(random_state=draw(st.integers(0, 2**32 - 1))).apply([0, -1, 0])
    return Up(direction, draw(st.floats(0, 1)), draw(st.text()))


@st.composite
def shots(draw: st.DrawFn) -> Shot:
    count = draw(st.integers(1, 6))
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.random(count, random_state=draw(st.integers(0, 2**32 - 1))).as_matrix()
    poses[:, :3, 3] = draw(arrays(np.float64, (count, 3), elements=finite))
    lens = draw(arrays(np.float64, (count, 4), elements=st.floats(1e-3, 1e6)))
    times = np.array(sorted(draw(st.lists(st.floats(-1e6, 1e6), min_size=count, max_size=count, unique=True))))
    frames = np.array(sorted(draw(st.lists(st.integers(-(2**60), 2**60), min_size=count, max_size=count, unique=True))))
    steps = st.none() if count == 1 else st.none() | arrays(np.float64, count - 1, elements=finite | st.just(np.nan))
    unit = draw(st.sampled_from(["m", "arbitrary", "unit-depth"]))
    sigmas = st.floats(0, 1e3) | st.just(np.nan)
    return Shot(
        name=draw(st.text()),
        fps=draw(positive),
        trajectory=Trajectory(poses, lens, times, draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6))),
        median_depth=draw(arrays(np.float64, count, elements=positive | st.just(np.nan))),
        unit=unit,
        metres_per_unit=1.0 if unit == "m" else draw(st.none() | positive),
        motion_class=draw(st.sampled_from(["general", "rotation-only", "static"])),
        frames=frames,
        felt_parallax=draw(steps),
        gain=draw(steps),
        parallax_sigma=None if count == 1 else draw(st.none() | arrays(np.float64, count - 1, elements=sigmas)),
        subjects=tuple(draw(st.lists(subjects(count), max_size=2))),
        up=draw(st.none() | ups()),
        distortion=draw(st.none() | distortions(count)),
        quality=draw(mappings),
        provenance=draw(mappings),
    )


def assert_same(a: Shot, b: Shot) -> None:
    for field in dataclasses.fields(Shot):
        ours, theirs = getattr(a, field.name), getattr(b, field.name)
        if isinstance(ours, np.ndarray):
            assert np.array_equal(ours, theirs, equal_nan=True), field.name
        elif field.name == "trajectory":
            for name in ("camera_to_world", "intrinsics", "times"):
                assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes(), name
            assert ours.size == theirs.size
        elif field.name in ("subjects", "up"):
            assert facts(ours) == facts(theirs), field.name
        elif field.name == "points" and ours is not None:
            assert np.array_equal(ours.positions, theirs.positions)
            assert np.array_equal(ours.colours, theirs.colours)
        else:
            assert ours == theirs, field.name


def facts(value: object) -> object:
    """Of subjects and up: every bit of their arrays, and NaN as None."""
    if isinstance(value, tuple):
        return [facts(each) for each in value]
    if dataclasses.is_dataclass(value):
        return {name: facts(each) for name, each in vars(value).items()}
    return to_json_values(value) if isinstance(value, np.ndarray) else value


def plain(**facts: object) -> Shot:
    poses = np.tile(np.eye(4), (4, 1, 1))
    poses[:, 0, 3] = [0, 0.1, 0.3, 0.6]
    path = Trajectory(poses, np.array([500.0, 500, 320, 180]), np.arange(4) / 24, 640, 360)
    return Shot("plain", 24, path, np.array([1.0, 2, np.nan, 4]), **facts)


def cloud(count: int = 5) -> Points:
    generator = np.random.default_rng(0)
    return Points(
        generator.normal(size=(count, 3)).astype(np.float32), generator.integers(0, 256, (count, 3), np.uint8)
    )


def document(**changes: object) -> dict:
    return json.loads(shot_to_json(plain(gain=[1, 2, 3]))) | changes


def frame(index: int, **changes: object) -> dict:
    """A document with one frame changed; a change to ... removes the key."""
    result = document()
    for key, value in changes.items():
        if value is ...:
            del result["frames"][index][key]
        else:
            result["frames"][index][key] = value
    return result


class TestRoundTrip:
    @settings(max_examples=60)
    @given(shot=shots())
    def test_text_gives_back_every_bit(self, shot: Shot) -> None:
        assert_same(shot_from_json(shot_to_json(shot)), shot)

    @settings(max_examples=10)
    @given(shot=shots(), count=st.integers(0, 20))
    def test_a_file_gives_back_every_bit_and_point(self, tmp_path_factory, shot: Shot, count: int) -> None:
        path = tmp_path_factory.mktemp("shots") / "a shot.shot.json"
        shot = dataclasses.replace(shot, points=cloud(count))
        write_shot(shot, path)
        assert_same(read_shot(path), shot)
        assert sorted(p.name for p in path.parent.iterdir()) == ["a shot.points.npz", "a shot.shot.json"]

    def test_the_same_shot_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            write_shot(plain(points=cloud()), tmp_path / name / "x.shot.json")
        for file in ("x.shot.json", "x.points.npz"):
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()

    def test_a_frame_is_a_line(self) -> None:
        assert sum(line.startswith('{"frame"') for line in shot_to_json(plain()).splitlines()) == 4

    def test_a_frame_without_surface_is_null(self) -> None:
        assert [f["median_depth"] for f in document()["frames"]] == [1, 2, None, 4]


class TestOptionalKeys:
    @pytest.mark.parametrize("key", ["metres_per_unit", "quality", "provenance"])
    def test_top_level_keys_may_be_absent(self, key: str) -> None:
        text = document()
        del text[key]
        assert len(shot_from_json(json.dumps(text))) == 4

    def test_times_follow_from_frames_where_absent(self) -> None:
        text = document(fps=12)
        for index, entry in enumerate(text["frames"]):
            del entry["time"]
            entry["frame"] = 6 + 2 * index
        assert shot_from_json(json.dumps(text)).trajectory.times == pytest.approx([0.5, 6 / 12 + 1 / 6, 0.5 + 1 / 3, 1])

    def test_a_gain_stated_on_some_frames_is_unknown_on_the_others(self) -> None:
        gain = shot_from_json(json.dumps(frame(1, gain=...))).gain
        assert np.array_equal(gain, [1, np.nan, 3], equal_nan=True)

    def test_no_gain_on_any_frame_is_no_gain(self) -> None:
        assert shot_from_json(shot_to_json(plain())).gain is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (document(version=99), ["newer", "99", "update"]),
        (document(version="1"), ["version"]),
        (document(version=True), ["version"]),
        (document(format="something"), ["not a shot file"]),
        (document(colour="red"), ['"colour"', "unknown"]),
        (document(convention="opengl"), ['"convention"']),
        (document(**{"a\nb": 1}), ["unknown"]),
        (document(unit="feet"), ["feet"]),
        (document(motion_class=3), ['"motion_class"']),
        (document(name=None), ['"name"']),
        (document(fps="24"), ['"fps"']),
        (document(fps=0), ["frame rate"]),
        (document(fps=10**400), ['"fps"', "not finite"]),
        (document(width=640.5), ['"width"']),
        (document(height=-1), ["size"]),
        (document(metres_per_unit=[1]), ['"metres_per_unit"']),
        (document(frames=[]), ['"frames"', "at least one"]),
        (document(frames={}), ['"frames"']),
        (document(frames=[7]), ["frame 0"]),
        (document(quality=[1]), ['"quality"']),
        (document(quality={"a": [1, {"b": float("nan")}]}), ['"quality"', '"a"', '"b"', "not finite"]),
        (document(distortion="none"), ['"distortion"']),
        (document(points="cloud.npz"), ['"points"']),
        (document(points={"file": "../secret.npz", "sha256": "0"}), ["without a folder"]),
        (document(points={"file": "a\\b.npz", "sha256": "0"}), ["without a folder"]),
        (document(points={"file": "a.npz"}), ['"sha256"', "missing"]),
        (document(subjects={}), ['"subjects"', "list"]),
        (document(subjects=[{"name": "vase"}]), ['"subjects", subject 0', '"centre"', "missing"]),
        (document(subjects=[{"name": "vase", "centre": [[0, 0], None]}]), ["'vase'", "2 frames", "4"]),
        (document(subjects=[{"name": "vase", "centre": [[0, 0, 1]] * 4}]), ["subject 0", '"centre"', "frame 0"]),
        (document(subjects=[{"name": "vase", "centre": [None] * 4, "depth": [1, -1, 1, 1]}]), ["'vase'", "depth"]),
        (document(up={"direction": [0, 0, 2], "confidence": 1, "source": ""}), ["up", "unit vector"]),
        (document(up={"direction": [0, 0, 1], "confidence": 2, "source": ""}), ["up", "confidence"]),
        (frame(1, parallax_sigma=-1), ["standard deviation"]),
        (frame(2, camera_to_world=[[float("nan")] * 4] * 4), ["frame 2", '"camera_to_world"', "not finite"]),
        (frame(3, camera_to_world=[[float("inf")] * 4] * 4), ["frame 3", '"camera_to_world"', "not finite"]),
        (
            frame(1, camera_to_world=[[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
            ["frame 1", "not a rotation"],
        ),
        (frame(1, camera_to_world=[[1, 0, 0]] * 4), ["frame 1", '"camera_to_world"', "4 numbers"]),
        (frame(1, camera_to_world=[[1, 0, 0, "0"]] * 4), ["frame 1", '"camera_to_world"', "number"]),
        (frame(1, camera_to_world=None), ["frame 1", '"camera_to_world"']),
        (frame(1, intrinsics=[1, 2, 3]), ["frame 1", '"intrinsics"']),
        (frame(1, intrinsics=[0, 1, 2, 3]), ["intrinsics of frame 1"]),
        (frame(1, median_depth=-2), ["median depth of frame 1"]),
        (frame(1, median_depth=True), ["frame 1", '"median_depth"']),
        (frame(1, median_depth=...), ["frame 1", '"median_depth"', "missing"]),
        (frame(1, time=...), ["frame 1", '"time"', "missing"]),
        (frame(1, time=0), ["times", "frame 1"]),
        (frame(1, frame=0), ["frame numbers"]),
        (frame(1, frame=1.5), ["frame 1", '"frame"']),
        (frame(1, frame=2**70), ["frame 1", '"frame"']),
        (frame(1, note="x"), ["frame 1", '"note"', "unknown"]),
        (frame(3, gain=1.0), ["frame 3", '"gain"', "last"]),
        (frame(0, gain="big"), ["frame 0", '"gain"']),
    ],
    ids=lambda value: None if isinstance(value, dict) else " ".join(value),
)
def test_what_is_wrong_is_named_in_one_sentence(text: dict, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        shot_from_json(json.dumps(text), "x.shot.json")
    message = str(caught.value)
    assert message.startswith("x.shot.json")
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["not a shot file", "line 1"]),
        ("[1, 2]", ["no JSON object"]),
        ("{" * 10, ["not a shot file"]),
        ("[" * 100_000, ["not a shot file"]),
        ('{"format": ' + "1" * 10_000 + "}", ["not a shot file"]),
        ('{"format": "parascale-shot", "version": 1, "version": 1}', ['"version" appears twice']),
        (
            shot_to_json(plain()).replace('"median_depth": 2.0', '"median_depth": 2.0, "median_depth": 3.0'),
            ["twice", '"median_depth"'],
        ),
        (shot_to_json(plain())[:-40], ["cut short", "line"]),
    ],
    ids=["empty", "list", "braces", "deep", "long number", "version twice", "depth twice", "truncated"],
)
def test_what_is_no_json_is_refused_in_one_sentence(text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        shot_from_json(text, "x.shot.json")
    assert "\n" not in str(caught.value)
    assert [word for word in words if word not in str(caught.value)] == []


@given(cut=st.integers(0, len(shot_to_json(plain())) - 3))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(InputError):
        shot_from_json(shot_to_json(plain())[:cut])


@given(data=st.data())
def test_a_spoiled_value_is_refused_or_read_never_a_traceback(data: st.DataObject) -> None:
    text = document()
    target = data.draw(st.sampled_from([text, *text["frames"]]))
    target[data.draw(st.sampled_from(sorted(target)) | st.text())] = data.draw(json_values)
    message = ""
    try:
        shot_from_json(json.dumps(text))
    except InputError as error:
        message = str(error)
    assert "\n" not in message


class TestOnDisk:
    def refused(self, path: Path) -> str:
        with pytest.raises(InputError) as caught:
            read_shot(path)
        return str(caught.value)

    def test_missing(self, tmp_path: Path) -> None:
        assert "does not exist" in self.refused(tmp_path / "none.shot.json")

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "cannot be read" in self.refused(tmp_path)

    def test_not_text(self, tmp_path: Path) -> None:
        (tmp_path / "x.shot.json").write_bytes(b"\x80\xfe\x00\x80")
        assert "not UTF-8" in self.refused(tmp_path / "x.shot.json")

    def test_huge(self, tmp_path: Path) -> None:
        with (tmp_path / "x.shot.json").open("wb") as file:
            file.truncate(20 * LARGEST_TEXT)
        assert "larger than" in self.refused(tmp_path / "x.shot.json")

    def test_points_missing(self, tmp_path: Path) -> None:
        write_shot(plain(points=cloud()), tmp_path / "x.shot.json")
        (tmp_path / "x.points.npz").unlink()
        notices: list[Notice] = []
        assert read_shot(tmp_path / "x.shot.json", notices).points is None
        (notice,) = notices
        assert "x.points.npz, which are missing" in notice.message

    def test_points_of_another_shot(self, tmp_path: Path) -> None:
        write_shot(plain(points=cloud()), tmp_path / "x.shot.json")
        np.savez(tmp_path / "x.points.npz", positions=np.zeros((1, 3)), colours=np.zeros((1, 3)))
        assert "SHA-256 differs" in self.refused(tmp_path / "x.shot.json")

    @pytest.mark.parametrize(
        "arrays",
        [
            {},
            {"positions": np.zeros((2, 3), np.float32)},
            {"positions": np.zeros((2, 3)), "colours": np.zeros((2, 3), np.uint8)},
            {"positions": np.zeros((2, 3), np.float32), "colours": np.zeros((3, 3), np.uint8)},
            {"positions": np.zeros((2, 3), np.float32), "colours": np.zeros((2, 3), np.int8)},
            {"positions": np.full((2, 3), np.nan, np.float32), "colours": np.zeros((2, 3), np.uint8)},
            {"positions": np.array([object()], object), "colours": np.zeros((2, 3), np.uint8)},
            {"positions": np.float32(1), "colours": np.uint8(1)},
        ],
        ids=["empty", "no colours", "double", "counts", "signed", "nan", "pickled", "scalars"],
    )
    def test_points_that_are_none(self, tmp_path: Path, arrays: dict) -> None:
        self.vouched(tmp_path, lambda path: np.savez(path, **arrays))
        assert "x.points.npz" in self.refused(tmp_path / "x.shot.json")

    def test_points_that_are_no_archive(self, tmp_path: Path) -> None:
        self.vouched(tmp_path, lambda path: path.write_bytes(b"PK\x03\x04 half a zip"))
        assert "not a points file" in self.refused(tmp_path / "x.shot.json")

    def vouched(self, folder: Path, write) -> None:
        """Write a points file for which the shot's checksum vouches."""
        write(folder / "x.points.npz")
        digest = hashlib.sha256((folder / "x.points.npz").read_bytes()).hexdigest()
        text = document(points={"file": "x.points.npz", "sha256": digest})
        (folder / "x.shot.json").write_text(json.dumps(text))

    def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(self, tmp_path: Path, monkeypatch) -> None:
        path = tmp_path / "x.shot.json"
        write_shot(plain(points=cloud()), path)
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left"):
            write_shot(plain(points=cloud(9), gain=[1, 2, 3]), path)
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be written"):
            write_shot(plain(), tmp_path / "none" / "x.shot.json")

    def test_what_json_cannot_hold_is_refused_before_anything_is_written(self, tmp_path: Path) -> None:
        for bad in (float("nan"), object()):
            with pytest.raises(InputError, match="what JSON cannot"):
                write_shot(plain(quality={"x": bad}), tmp_path / "x.shot.json")
        assert list(tmp_path.iterdir()) == []

    def test_others_may_read_it_as_the_umask_says(self, tmp_path: Path) -> None:
        old = os.umask(0o022)
        try:
            write_shot(plain(), tmp_path / "x.shot.json")
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / "x.shot.json").stat().st_mode) == 0o644

    def test_text_leaves_points_to_their_own_file(self, tmp_path: Path) -> None:
        write_shot(plain(points=cloud()), tmp_path / "x.shot.json")
        assert shot_from_json((tmp_path / "x.shot.json").read_text()).points is None


def test_the_example_in_the_manual_is_a_shot() -> None:
    page = (Path(__file__).parents[2] / "docs" / "file-format.md").read_text()
    shot = shot_from_json(page.split("```json\n")[1].split("```")[0])
    assert (len(shot), shot.parallax_number.tolist(), shot.noise_floor) == (2, [0.02], 0.0002)
