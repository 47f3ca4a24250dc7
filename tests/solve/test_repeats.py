from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.evaluation.verify import verify, with_repeats
from parascale.media.frames import open_frames
from parascale.parallax.metrics import compare
from parascale.parallax.shot import Shot
from parascale.solve import solve
from parascale.solve.tracking.repeats import find_repeats

COUNT = 32


@pytest.fixture(scope="module")
def shows(clips: Any, street: Any, rendered: Any, tmp_path_factory: Any) -> Any:
    """Return a clip, its pictures, and a function that makes a video which shows these of them, one after another."""
    clip = clips("truck", COUNT, 1.0, camera=street)
    pictures = [frame.picture for frame in open_frames(clip.path).frames()]
    folder = tmp_path_factory.mktemp("repeats")

    def show(name: str, numbers: Sequence[int]) -> Path:
        path: Path = folder / f"{name}.mp4"
        rendered.write_video(path, [pictures[number] for number in numbers], clip.fps)
        return path

    return SimpleNamespace(show=show, clip=clip, pictures=pictures, folder=folder)


def asked(clip: Any, count: int) -> Shot:
    path = Trajectory(clip.camera_to_world[:count], clip.intrinsics, np.arange(count) / clip.fps, *clip.size)
    return Shot("asked", clip.fps, path, clip.median_depth[:count])


PATTERNS = {
    "twice": [at // 2 for at in range(2 * COUNT)],
    "film_as_thirty": [at * 4 // 5 for at in range(COUNT * 5 // 4)],
    "one_late": [at - (at >= 11) for at in range(COUNT)],
    "frozen_for_four": [at if at < 11 else max(10, at - 4) for at in range(COUNT)],
    "three_two": [at * 2 // 5 for at in range(COUNT * 5 // 2)],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_picture_that_repeats_is_found_and_no_other(shows: Any, pattern: str) -> None:
    numbers = PATTERNS[pattern]
    grey = [frame.grey for frame in open_frames(shows.show(pattern, numbers)).small_frames(0, None, 640, 320)]
    assert find_repeats(grey) == [at for at in range(1, len(numbers)) if numbers[at] == numbers[at - 1]]


@pytest.mark.parametrize(
    ("name", "part", "repeated"),
    [
        ("bikes", slice(80, 128), (12,)),  # the camera speeds up at once after the first
        ("bikes", slice(30), (14,)),
        ("dog_follow_generated", slice(96), (12, 37, 62, 87)),
        ("street_walk_generated", slice(48), (10,)),
    ],
)
@pytest.mark.parametrize("crf", [18, 28])
def test_one_picture_in_25_that_repeats_is_found_in_film_clips(
    testdata: Path, rendered: Any, tmp_path: Path, name: str, part: slice, repeated: Sequence[int], crf: int
) -> None:
    """24 a second, put into a file of 25: people and water move on their own, and cameras speed up and slow down."""
    film = [frame.picture for frame in open_frames(testdata / "clips" / f"{name}.mp4").frames()][part]
    for at in repeated:
        film.insert(at, film[at - 1])
    video = rendered.write_video(tmp_path / "one_in_25.mp4", film, 25, crf)
    grey = [frame.grey for frame in open_frames(video).small_frames(0, None, 640, 320)]
    assert find_repeats(grey) == list(repeated)


@pytest.mark.parametrize("bottom_first", [False, True])
def test_film_woven_into_unmarked_fields_is_found_again(shows: Any, rendered: Any, bottom_first: bool) -> None:
    """24 a second as 60 fields, 3 and 2 of each picture: two frames in five hold fields of two pictures."""
    fields = [at for at in range(COUNT) for _ in range(3 if at % 2 else 2)]
    frames = []
    for first, second in zip(fields[::2], fields[1::2], strict=False):
        top, bottom = (second, first) if bottom_first else (first, second)
        frames.append(shows.pictures[top].copy())
        frames[-1][1::2] = shows.pictures[bottom][1::2]
    path = rendered.write_video(shows.folder / "woven.mp4", frames, 30000 / 1001)
    grey = [frame.grey for frame in open_frames(path).small_frames(0, None, 640, 320)]
    kept = len(grey) - len(find_repeats(grey))
    assert abs(kept - COUNT) <= 1
    solved = solve(path, intrinsics=shows.clip.intrinsics)
    p, truth = solved.parallax_number, asked(shows.clip, COUNT).parallax_number
    assert np.sum(p) == pytest.approx(np.sum(truth), rel=0.05)


def test_a_steady_move_repeats_nothing(shows: Any) -> None:
    grey = [frame.grey for frame in open_frames(shows.clip.path).small_frames(0, None, 640, 320)]
    assert find_repeats(grey) == []


def test_a_reference_leaves_repeats_out_and_a_generated_video_rests_at_them(shows: Any) -> None:
    numbers = PATTERNS["frozen_for_four"]
    video = shows.show("frozen_for_four", numbers)
    reference = solve(video, intrinsics=shows.clip.intrinsics)
    assert reference.quality["repeated_frames"] == [11, 12, 13, 14]
    assert len(reference) == COUNT - 4
    realised = with_repeats(reference)
    assert realised.frames is not None
    assert realised.frames.tolist() == list(range(COUNT))
    np.testing.assert_allclose(realised.trajectory.times, np.arange(COUNT) / shows.clip.fps, atol=1e-9)
    rests = np.diff(numbers) == 0
    assert (realised.parallax_number[rests] == 0).all()
    np.testing.assert_array_equal(realised.parallax_number[~rests], reference.parallax_number)


@pytest.mark.slow
def test_verify_counts_the_steps_at_which_a_generated_video_stands_still(shows: Any) -> None:
    """Asked to move all along; what is shown is known frame by frame, so is its error."""
    clip, numbers = shows.clip, PATTERNS["frozen_for_four"]
    shown = Trajectory(clip.camera_to_world[numbers], clip.intrinsics, np.arange(len(numbers)) / clip.fps, *clip.size)
    found = verify(shows.show("frozen_for_four", numbers), asked(clip, len(numbers))).metrics
    truth = Shot("shown", clip.fps, shown, clip.median_depth[numbers], quality={"noise_floor": found.floor})
    expected = compare(truth, asked(clip, len(numbers)))
    assert expected.pce > 0.2
    assert found.frames == len(numbers)
    assert found.pce == pytest.approx(expected.pce, abs=0.04)


@pytest.mark.slow
def test_a_video_that_shows_every_picture_twice_is_verified_and_not_refused(shows: Any) -> None:
    found = verify(shows.show("twice", PATTERNS["twice"]), asked(shows.clip, COUNT)).metrics
    assert found.frames == COUNT
    assert found.pce > 0.5
