"""The picture that a refusal carries, and the masks of what moves by itself."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.errors import InputError
from parascale.solve import solve
from parascale.solve.findings import USED, Findings, draw, outline_movers
from parascale.solve.tracking.tracks import Tracks

pytestmark = pytest.mark.slow


def overlap(mask: np.ndarray, box: tuple[int, int, int, int], moved: int) -> float:
    """Area of a mask and of a box that has moved to the right together, over that of either."""
    left, top, width, height = box
    true = np.zeros(mask.shape, bool)
    true[top : top + height, left + moved : left + moved + width] = True
    return float((true & (mask > 127)).sum() / (true | (mask > 127)).sum())


@pytest.mark.parametrize("kind", ["still", "truck"])
def test_what_moves_is_masked_and_the_masks_are_taken_again(
    rendered: Any, courtyard: Any, tmp_path: Path, kind: str
) -> None:
    poses = np.tile(np.eye(4), (14, 1, 1)) if kind == "still" else rendered.move("truck", 14, 0.35)
    clip = rendered.film(tmp_path / "clip.mp4", courtyard, poses, retouch=rendered.mover(6.0))
    before = solve(clip.path, focal=400, threads=1, save_masks=tmp_path / "masks")
    files = sorted((tmp_path / "masks").iterdir())
    assert [file.name for file in files] == [f"{frame:05d}.png" for frame in range(14)]
    masks = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files]
    assert np.median([overlap(mask, rendered.MOVER, 6 * frame) for frame, mask in enumerate(masks)]) > 0.6
    after = solve(clip.path, focal=400, threads=1, masks=tmp_path / "masks")
    assert after.motion_class == before.motion_class


def test_a_refused_clip_leaves_a_picture(rendered: Any, courtyard: Any, tmp_path: Path) -> None:
    poses = np.tile(np.eye(4), (16, 1, 1))
    zoomed = rendered.film(tmp_path / "zoom.mp4", courtyard, poses, focals=np.linspace(400, 560, 16))
    picture = tmp_path / "why.png"
    with pytest.raises(InputError, match="zooms"):
        solve(zoomed.path, focal=400, threads=2, debug_picture=picture, save_masks=tmp_path / "masks")
    drawn = cv2.imread(str(picture))
    assert drawn.shape == (540 + 80, 960, 3)
    assert not (tmp_path / "masks").exists()


def test_the_frame_with_the_fewest_used_tracks_is_drawn(courtyard: Any, clips: Any, tmp_path: Path) -> None:
    picture = tmp_path / "tracks.png"
    solve(clips("arc").path, focal=400, threads=2, debug_picture=picture)
    assert (np.abs(cv2.imread(str(picture)).astype(int) - USED).sum(axis=2) < 30).sum() > 500


def test_what_a_turn_does_not_explain_moves(project: Any, cloud: np.ndarray) -> None:
    poses = np.tile(np.eye(4), (12, 1, 1))
    for t, pose in enumerate(poses):
        pose[:3, :3] = cv2.Rodrigues(np.array([0, 0.01 * t, 0]))[0]
    tracks = project(cloud, poses, 500.0, noise=0.2)
    positions = tracks.positions.copy()
    positions[:, :100] += np.arange(12)[:, None, None] * [3.0, 0.0]
    findings = Findings()
    findings.note_turn(Tracks(positions), poses[:, :3, :3], 500.0)
    assert findings.fits is not None
    seen = np.isfinite(positions[:, :, 0])
    assert findings.fits[:, 100:][seen[:, 100:]].mean() > 0.99
    assert findings.fits[:, :100][seen[:, :100]].mean() < 0.4


def test_nothing_is_drawn_of_what_is_not_known() -> None:
    for function in (draw, outline_movers):
        with pytest.raises(ValueError, match="before a clip is"):
            function(Findings())
