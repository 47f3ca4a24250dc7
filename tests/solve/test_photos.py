"""Photos far apart, which tracking does not link: matched by their features, whatever their order."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from gps_photos import gps_tags
from photo_sets import photograph
from PIL import Image

from parascale.camera.alignment import align_similarity
from parascale.errors import InputError
from parascale.media.frames import open_frames
from parascale.solve import solve
from parascale.solve.findings import BAR_HEIGHT, PICTURE_WIDTH, UNDECIDED, Findings, draw
from parascale.solve.linking import link_pictures, remembered
from parascale.solve.motion.keyframes import choose_keyframes
from parascale.solve.reconstruction.two_view import choose_pairs
from parascale.solve.tracking.features import (
    Features,
    FeatureTracks,
    choose_feature_pairs,
    join_matches,
    match_pair,
    track_features,
)
from parascale.solve.tracking.footage import read_footage
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array

SIZE, FOCAL = (480, 320), 400.0


@pytest.fixture(scope="module")
def photos(rendered: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Array]:
    """Return a folder of eleven photos from here and there, in no order, and their poses."""
    folder = tmp_path_factory.mktemp("photos")
    centres = np.random.default_rng(4).uniform([-2.4, -1.8, -1.5], [2.4, 0.6, 1.5], (11, 3))
    poses = rendered.look_at(centres, (0.0, 0.4, 7.5))
    take(rendered, rendered.courtyard(), poses, folder)
    return folder, poses


def take(rendered: ModuleType, scene: Any, poses: Array, folder: Path, first: int = 0) -> None:
    camera = rendered.Camera(scene, SIZE, FOCAL)
    for number, pose in enumerate(poses, first):
        cv2.imwrite(str(folder / f"IMG_{2000 + number}.jpg"), camera.picture(pose)[0], [cv2.IMWRITE_JPEG_QUALITY, 95])


def write(folder: Path, pictures: list[Any]) -> None:
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"clip.{number:04d}.png"), picture)


def grey(folder: Path) -> list[Any]:
    return [frame.grey for frame in open_frames(folder).small_frames(0, None, 1280, 320)]


def test_photos_in_no_order_are_solved_and_it_is_said(photos: tuple[Path, Array]) -> None:
    folder, poses = photos
    reached: dict[str, list[float]] = {}
    shot = solve(folder, threads=1, progress=lambda fraction, name: reached.setdefault(name, []).append(fraction))
    assert shot.motion_class == "general"
    assert min(reached["features"]) < min(reached["matches"]) < max(reached["matches"])
    assert len(set(reached["matches"])) == len(list(choose_feature_pairs(len(poses))))
    assert len(shot) == len(poses)
    true = poses[:, :3, 3]
    moved = align_similarity(shot.trajectory.centres, true).apply(shot.trajectory.centres)
    error = np.linalg.norm(moved - true, axis=1).max()
    # Before small pictures were enlarged for their features it was 0.0012.
    assert error < 0.0008 * np.linalg.norm(true - true.mean(axis=0), axis=1).max()
    assert shot.trajectory.intrinsics[0, 0] == pytest.approx(FOCAL, rel=0.001)
    notices = [told["message"] for told in shot.quality["notices"]]  # type: ignore[index, union-attr, call-overload]
    assert any("11 pictures are matched by their features, each with each other" in told for told in notices)


def test_gps_tags_give_metres_with_their_error(photos: tuple[Path, Array], tmp_path: Path) -> None:
    """A unit of the scene is 20 m here, and a phone's places are 2 m off; one is of the day before."""
    folder, poses = photos
    metres = 20.0
    noise = np.random.default_rng(2).normal(0, 2.0, (len(poses), 3))
    # x is east, z north, and y down.
    places = metres * poses[:, :3, 3] @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T + noise
    places[3] += 900
    for file, place in zip(sorted(folder.iterdir()), places.tolist(), strict=True):
        with Image.open(file) as picture:
            picture.save(tmp_path / file.name, quality="keep", exif=gps_tags(*place))
    shot = solve(tmp_path, threads=1)
    true = poses[:, :3, 3]
    unit = metres * align_similarity(shot.trajectory.centres, true).scale
    notices = [told["message"] for told in shot.quality["notices"]]  # type: ignore[index, union-attr, call-overload]
    (told,) = (told for told in notices if "GPS" in told)
    said = r"by the GPS tags of 10 photos lengths are known in metres, with a standard deviation of (\d+)%"
    found = re.fullmatch(said, told)
    assert found is not None, told
    assert 3 <= int(found[1]) <= 8
    assert shot.metres_per_unit == pytest.approx(unit, rel=0.01 * int(found[1]))


def test_a_photo_of_another_place_is_named(rendered: ModuleType, photos: tuple[Path, Array], tmp_path: Path) -> None:
    folder, poses = photos
    for file in sorted(folder.iterdir())[:5]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    elsewhere = rendered.Camera(rendered.street(8), SIZE, FOCAL)
    elsewhere.wear(rendered.textures(4, 91))
    cv2.imwrite(str(tmp_path / "IMG_2007.jpg"), elsewhere.picture(poses[0])[0])
    with pytest.raises(
        InputError, match=r"no set of pictures of one scene: too little links IMG_2007\.jpg to the others"
    ):
        solve(tmp_path, threads=1, ignore_cuts=True)


def test_one_photo_of_many_that_shows_nothing_is_left_out_and_named(photos: tuple[Path, Array], tmp_path: Path) -> None:
    folder, poses = photos
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    # A thumb before the lens.
    thumb = cv2.GaussianBlur(cv2.imread(str(tmp_path / "IMG_2004.jpg")), (0, 0), 40)
    cv2.imwrite(str(tmp_path / "IMG_2004.jpg"), thumb)
    shot = solve(tmp_path, threads=1)
    assert shot.frames is not None
    assert shot.frames.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
    true = poses[shot.frames, :3, 3]
    moved = align_similarity(shot.trajectory.centres, true).apply(shot.trajectory.centres)
    assert np.linalg.norm(moved - true, axis=1).max() < 0.01 * np.linalg.norm(true - true.mean(axis=0), axis=1).max()
    notices = [told["message"] for told in shot.quality["notices"]]  # type: ignore[index, union-attr, call-overload]
    assert any("IMG_2004.jpg" in told and "left out" in told for told in notices)


def test_three_photos_prove_nothing_and_are_refused(rendered: ModuleType, tmp_path: Path) -> None:
    # A feature of all three fits with a wrong lens too: the focal length found was 306 pixels of 400.
    centres = np.random.default_rng(4).uniform([-2.4, -1.8, -1.5], [2.4, 0.6, 1.5], (3, 3))
    take(rendered, rendered.courtyard(), rendered.look_at(centres, (0.0, 0.4, 7.5)), tmp_path)
    with pytest.raises(InputError, match="cannot be solved as one rigid scene"):
        solve(tmp_path, threads=1)


def test_photos_with_wide_steps_are_matched_though_each_can_be_followed_to_the_next(tmp_path: Path) -> None:
    # Along a front and once more, between the places of before: on the way back to its start the wall's texture looks
    # as if the camera had moved by one tile less, and followed from photo to photo the path was wrong by 72 %.
    made = photograph(3, tmp_path / "photos", size=SIZE)
    shot = solve(made.path, threads=1)
    true = made.camera_to_world[:, :3, 3]
    moved = align_similarity(shot.trajectory.centres, true).apply(shot.trajectory.centres)
    assert np.linalg.norm(moved - true, axis=1).max() < 0.02 * np.linalg.norm(true - true.mean(axis=0), axis=1).max()


@pytest.mark.parametrize("looks_back", [False, True])
def test_photos_with_one_wide_step_are_not_followed_over_it(
    rendered: ModuleType, tmp_path: Path, looks_back: bool
) -> None:
    # Where the scene repeats, the wide step was followed to another place that looks alike, and the path was wrong.
    x = np.r_[-4:-0.3:8j, 4:0.5:8j] if looks_back else np.r_[-3:-0.5:8j, 3:0.5:8j]
    poses = np.tile(np.eye(4), (16, 1, 1))
    poses[:, :3, 3] = true = np.stack([x, np.zeros(16), np.full(16, -1.0)], 1)
    poses = rendered.look_at(true, (0.0, 0.4, 7.5)) if looks_back else poses
    camera = rendered.Camera(rendered.courtyard(), SIZE, FOCAL)
    write(tmp_path, [camera.picture(pose)[0] for pose in poses])
    if not looks_back:
        with pytest.raises(InputError, match="one part that moves with the camera's turns and another that does not"):
            solve(tmp_path, threads=1)
        return
    shot = solve(tmp_path, threads=1)
    moved = align_similarity(shot.trajectory.centres, true).apply(shot.trajectory.centres)
    assert np.linalg.norm(moved - true, axis=1).max() < 0.01 * np.linalg.norm(true - true.mean(axis=0), axis=1).max()


def test_a_sequence_with_a_cut_is_no_set_of_photos_though_both_shots_show_one_scene(
    rendered: ModuleType, tmp_path: Path
) -> None:
    camera = rendered.Camera(rendered.courtyard(), SIZE, FOCAL)
    for frame, degrees in enumerate(np.r_[np.linspace(-16, -12, 10), np.linspace(12, 16, 10)]):
        pose = np.eye(4)
        pose[:3, :3] = cv2.Rodrigues(np.array([0.0, np.radians(degrees), 0.0]))[0]
        cv2.imwrite(str(tmp_path / f"pan.{frame:04d}.png"), camera.picture(pose)[0])
    with pytest.raises(InputError, match="holds 2 shots") as refusal:
        solve(tmp_path, threads=1)
    assert refusal.value.notice.choices == ("0:10", "10:20")


def test_a_fast_film_that_holds_shots_is_no_set_of_photos(rendered: ModuleType, tmp_path: Path) -> None:
    camera = rendered.Camera(rendered.courtyard(), SIZE, FOCAL)
    write(tmp_path, [camera.picture(pose)[0] for pose in rendered.move("orbit", 16)[5:11]])
    cuts = InputError("clip holds 2 shots", "shot", ["0:3", "3:6"])
    linked = link_pictures(tmp_path, read_footage(tmp_path), None, cuts, 1, lambda fraction, name: None)
    assert linked.refusal is cuts


def test_photos_that_look_like_shots_and_cannot_be_solved_are_refused_for_both() -> None:
    cuts = InputError("photos holds 2 shots", "shot", ["0:4", "4:9"])
    wanted = "photos zooms; or, if it is a film, photos holds 2 shots"
    with pytest.raises(InputError, match=wanted) as refusal, remembered(cuts):
        raise InputError("photos zooms")
    assert (refusal.value.notice.remedy, refusal.value.notice.choices) == ("shot", ("0:4", "4:9"))
    with pytest.raises(InputError, match=r"^photos zooms$"), remembered(None):
        raise InputError("photos zooms")


def test_a_sequence_that_ends_flat_is_refused_as_a_film_and_its_tracks_are_drawn(
    rendered: ModuleType, tmp_path: Path
) -> None:
    camera = rendered.Camera(rendered.courtyard(), SIZE, FOCAL)
    pictures = [camera.picture(pose)[0] for pose in rendered.move("truck", 8, 0.3)]
    for frame, picture in enumerate([*pictures, *[np.full_like(pictures[0], 90)] * 4]):
        cv2.imwrite(str(tmp_path / f"clip.{frame:04d}.png"), picture)
    drawn = tmp_path / "why" / "why.png"
    drawn.parent.mkdir()
    with pytest.raises(InputError, match=r"too little to follow in .*: its pictures lose it between frames 7 and 8"):
        solve(tmp_path, threads=1, ignore_cuts=True, debug_picture=drawn)
    bars = cv2.imread(str(drawn))[-BAR_HEIGHT:]
    marked = np.flatnonzero((bars[3] == 255).all(axis=1))
    assert {int(marked[0] * 12 / PICTURE_WIDTH), int((marked[-1] - 1) * 12 / PICTURE_WIDTH)} == {7}
    filled = np.abs(bars[-4].astype(int) - UNDECIDED).max(axis=1) < 8
    assert filled[: PICTURE_WIDTH * 8 // 12].mean() > 0.9


def test_a_film_with_a_flat_tail_is_no_set_of_photos(rendered: ModuleType, tmp_path: Path) -> None:
    camera = rendered.Camera(rendered.courtyard(), SIZE, FOCAL)
    pictures = [camera.picture(pose)[0] for pose in rendered.move("arc", 20, 0.7)]
    write(tmp_path, [*pictures, *[np.full_like(pictures[0], 90)] * 2])
    with pytest.raises(InputError, match="lose it between frames 19 and 20"):
        solve(tmp_path, threads=1, ignore_cuts=True)


def test_photos_that_are_followed_as_their_features_do_not_match_are_said_to_be(
    rendered: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = rendered.Camera(rendered.courtyard(), SIZE, FOCAL)
    write(tmp_path, [camera.picture(pose)[0] for pose in rendered.move("orbit", 16)[5:11]])
    nothing = FeatureTracks(Tracks(np.empty((6, 0, 2)), matched=True), (1, 2, 3, 4, 5))
    monkeypatch.setattr("parascale.solve.linking.track_features", lambda *given, **options: nothing)
    linked = link_pictures(tmp_path, read_footage(tmp_path), None, None, 1, lambda fraction, name: None)
    assert linked.refusal is None
    assert not linked.tracks.matched
    assert "followed from each to the next" in linked.footage.notices[-1].message


def test_photos_that_only_those_left_out_link_are_left_out_too_and_all_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    write(tmp_path, list(rng.integers(0, 255, (40, 64, 96, 3), np.uint8)))
    positions = np.full((40, 140, 2), np.nan)
    positions[:35, :100] = 5
    positions[37, :100] = 5
    # The last but one shows 15 points of the others, and 20 that the last shows.
    positions[38, :15] = 5
    positions[37:, 120:] = 5
    found = FeatureTracks(Tracks(positions, matched=True), (35, 36))
    monkeypatch.setattr("parascale.solve.linking.track_features", lambda *given, **options: found)
    linked = link_pictures(tmp_path, read_footage(tmp_path), None, None, 1, lambda fraction, name: None)
    assert linked.footage.frames.tolist() == [*range(35), 37]
    names = ", ".join(f"clip.{number:04d}.png" for number in (35, 36, 38, 39))
    assert names in linked.footage.notices[-1].message


def test_no_way_is_drawn_between_pictures_in_no_order(photos: tuple[Path, Array]) -> None:
    footage = read_footage(photos[0], end=3)
    positions = np.full((3, 2, 2), np.nan)
    positions[:, 0] = [[100, 60], [100, 60], [300, 260]]
    positions[:2, 1] = [[50, 50], [350, 150]]
    for tracks, is_line in ((Tracks(positions), True), (Tracks(positions, matched=True), False)):
        canvas = draw(Findings(footage, tracks)).astype(int)
        # Halfway between the places of either track.
        halfway = np.array([[200, 100], [200, 160]]) * PICTURE_WIDTH // footage.grey[0].shape[1]
        near = [canvas[y - 3 : y + 4, x - 3 : x + 4, ::-1] for x, y in halfway]
        assert bool((np.abs(np.array(near) - UNDECIDED).max(axis=3) < 40).any()) is is_line


def test_a_track_has_one_feature_of_a_picture_and_the_pair_with_more_matches_wins() -> None:
    features = [
        np.array([[10.0, 0.0], [11.0, 0.0], [12.0, 0.0]]),
        np.array([[20.0, 0.0], [21.0, 0.0]]),
        np.full((1, 2), 30.0),
    ]
    # Feature 0 of the second picture is feature 0 of the first; the third picture's would make it feature 1 as well.
    matches = [np.array([[0, 0], [2, 1]]), np.array([[1, 0]]), np.array([[0, 0]])]
    positions = join_matches(features, [(0, 1), (0, 2), (1, 2)], matches)
    # Tracks of two pictures are none: nothing is left, as the contradiction is not resolved by joining all three.
    assert positions.shape == (3, 0, 2)
    kept = join_matches(features, [(0, 1), (0, 2), (1, 2)], [matches[0], np.array([[0, 0]]), matches[2]])
    np.testing.assert_array_equal(kept[:, 0, 0], [10, 20, 30])


def test_a_small_set_is_matched_whole_and_a_large_one_by_neighbours_and_loops() -> None:
    assert len(list(choose_feature_pairs(8))) == 28
    pairs = set(choose_feature_pairs(120))
    assert len(pairs) < 120 * 119 / 4
    assert {(number, number + 1) for number in range(119)} <= pairs
    assert (0, 119) in pairs


def test_pictures_without_features_have_no_matches() -> None:
    nothing = Features(np.empty((0, 2)), np.empty((0, 128), np.float32))
    assert len(match_pair(nothing, nothing)) == 0
    flat = [np.full((320, 480), 128, np.uint8)] * 3
    found = track_features(flat, 3, (480, 320))
    assert len(found.unlinked) == 2
    assert len(found.tracks) == 0


def test_the_same_photos_give_the_same_tracks_on_any_number_of_threads(photos: tuple[Path, Array]) -> None:
    pictures = grey(photos[0])[:4]
    one, two = (track_features(pictures, 4, SIZE, threads=threads).tracks.positions for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(one[:, :, 0]).sum(axis=1).min() > 50


def test_no_feature_lies_where_a_mask_blocks_it(photos: tuple[Path, Array]) -> None:
    pictures = grey(photos[0])[:3]
    left = np.zeros((320, 480), np.uint8)
    left[:, :240] = 255
    found = track_features(pictures, 3, SIZE, blocked=[left] * 3).tracks.positions
    assert np.nanmax(found[:, :, 0]) <= 240


def test_all_matched_pictures_are_mapped_and_all_their_pairs_used() -> None:
    tracks = Tracks(np.random.default_rng(0).uniform(0, 300, (30, 40, 2)), matched=True)
    keyframes = choose_keyframes(tracks, 640)
    assert keyframes.tolist() == list(range(30))
    assert len(list(choose_pairs(tracks, keyframes))) == 30 * 29 / 2
