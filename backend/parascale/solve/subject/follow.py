"""A box followed through the pictures: corners in it, tracked from frame to frame, move and scale it.

Nothing is known of the subject: it may be static, move or be articulated. The corners inside the box vote for one
similarity; those that disagree are dropped, and new ones are detected near its middle alone, so that the background in
the corners of the box does not take over. Where the corners fail, the picture of the box is searched around where it
was. What was followed is followed back to its start: frames from which that ends elsewhere are not believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from parascale.errors import Cancelled
from parascale.solve.tracking.flow import Points, TrackerOptions, track_points
from parascale.types import Array, CancelCheck, Image, Mask

OPTIONS = TrackerOptions(15, 0.7, 1e-5, 2e-3)
# Corners that vote, at least, and up to how many are detected.
MIN_POINTS, MAX_POINTS = 6, 80
# Half axes of the ellipse in which corners are detected, over the sides of the box: at first, and later.
FIRST_REACH, LATER_REACH = 0.45, 0.35
# Distance from the common motion within which a corner moves along with the box, over its shorter side and at least in
# pixels, and the share that must: limbs and faces move by themselves.
MAX_DISAGREEMENT, MIN_DISAGREEMENT, MIN_AGREEING = 0.03, 1.5, 0.4
# A larger change of size from one frame to the next is an error.
MAX_GROWTH = 1.12
# Correlation with the picture of the box at which a search for it succeeds, by how much it must exceed that of any
# other place, and under which a box is lost.
MIN_FOUND_CORRELATION, MIN_FOUND_MARGIN, MIN_KEPT_CORRELATION = 0.6, 0.12, 0.2
# Frames after which a new picture of the box is kept.
RENEWAL = 8
# Frames for which a lost box is searched, and how far around, over its longer side.
PATIENCE, SEARCH_REACH = 24, 1.5
PATCH_SIDE = 40
# Overlap of the box with itself after the way there and back (intersection over union).
MIN_OVERLAP = 0.45
# Walks back by which the last frame that is believed is found.
MAX_WALKS_BACK = 5
# Pixels around a box in which its corners are searched, at least.
MIN_MARGIN = 48.0
# Smallest side of a box, working pixels.
MIN_SIDE = 6.0


@dataclass(frozen=True, eq=False)
class Followed:
    """A box in every frame, and the corners that moved it.

    Attributes
    ----------
    boxes : (T, 4) float64
        Middle x and y, width and height, working pixels, pixel centres at +0.5; NaN where it is lost or out of frame.
    corners : (T, M, 2) float64
        Likewise; NaN where a corner is not observed.
    """

    boxes: Array
    corners: Array


def follow_box(pictures: Sequence[Image], box: Array, start: int, *, cancelled: CancelCheck | None = None) -> Followed:
    """Follow a box both ways from one frame.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8
    box : (4,) float64
        Middle x and y, width and height in frame ``start``, working pixels.
    start : int
    cancelled : CancelCheck, optional

    Raises
    ------
    Cancelled
    """
    count = len(pictures)
    boxes = np.full((count, 4), np.nan)
    boxes[start] = box
    rows: list[tuple[int, int, Array]] = []
    known = 0
    for order in (range(start, count), range(start, -1, -1)):
        walk = _Walk(pictures, box, start, known)
        for frame in order[1:]:
            if cancelled is not None and cancelled():
                raise Cancelled
            if not walk.step(frame):
                break
            boxes[frame] = walk.box if walk.found else np.nan
            rows += [(frame, int(name), point) for name, point in zip(walk.names, walk.points, strict=True)]
        known = walk.known
        end = _believed_end(pictures, boxes, order)
        beyond = [frame for frame in order[1:] if (frame - end) * order.step > 0]
        boxes[beyond] = np.nan
    corners = np.full((count, known, 2), np.nan)
    for frame, name, point in rows:
        if np.isfinite(boxes[frame, 0]):
            corners[frame, name] = point + 0.5
    return Followed(boxes, corners)


class _Walk:
    """A box on its way through the pictures, one frame after another."""

    def __init__(self, pictures: Sequence[Image], box: Array, start: int, known: int, *, search: bool = True) -> None:
        self.pictures, self.box, self.frame = pictures, np.array(box, np.float64), start
        self.known, self.search = known, search
        self.points: Points = np.empty((0, 2), np.float32)
        self.names = np.empty(0, np.int64)
        self.found, self.lost_for, self.since = True, 0, 0
        self.looks = [_patch(pictures[start], box)]
        self._detect(FIRST_REACH)

    def step(self, frame: int) -> bool:
        """Go on to the next frame; False where the box is lost for good."""
        before, after = self.pictures[self.frame], self.pictures[frame]
        moved = self._move(before, after) if self.found else None
        found = moved is not None and self._is_plausible(after, moved)
        if not found and self.search:
            moved = self._search(after)
            found = moved is not None
            self.points, self.names = self.points[:0], self.names[:0]
        self.frame, self.found = frame, found
        if not found or moved is None:
            self.lost_for += 1
            return self.search and self.lost_for < PATIENCE
        self.lost_for, self.box = 0, moved
        self.since += 1
        if self.since % RENEWAL == 0:
            self.looks = [self.looks[0], _patch(after, moved)]
        if len(self.points) < MAX_POINTS / 2:
            self._detect(LATER_REACH)
        return True

    def _move(self, before: Image, after: Image) -> Array | None:
        """Move the box as most of its corners move."""
        if len(self.points) < MIN_POINTS:
            return None
        moved, good = self._track(before, after)
        if good.sum() < MIN_POINTS:
            return None
        there, here = self.points[good], moved[good]
        limit = max(MIN_DISAGREEMENT, MAX_DISAGREEMENT * float(self.box[2:].min()))
        transform, agreeing = cv2.estimateAffinePartial2D(there, here, method=cv2.RANSAC, ransacReprojThreshold=limit)
        if transform is None:
            return None
        votes = agreeing.ravel() == 1
        growth = float(np.hypot(transform[0, 0], transform[1, 0]))
        if votes.mean() < MIN_AGREEING or votes.sum() < MIN_POINTS or not 1 / MAX_GROWTH < growth < MAX_GROWTH:
            return None
        self.points, self.names = here[votes], self.names[good][votes]
        middle = transform[:, :2] @ (self.box[:2] - 0.5) + transform[:, 2] + 0.5
        return np.asarray(np.concatenate([middle, self.box[2:] * growth]), np.float64)

    def _track(self, before: Image, after: Image) -> tuple[Points, Mask]:
        """Track the corners in the part of the pictures around the box: image pyramids of all of it take longer."""
        height, width = before.shape
        reach = np.maximum(self.box[2:] * 0.75, MIN_MARGIN) + self.box[2:] / 2
        x0, y0 = np.maximum(self.box[:2] - reach, 0).astype(int)
        x1, y1 = np.minimum(self.box[:2] + reach, [width, height]).astype(int)
        corner = np.array([x0, y0], np.float32)
        here, there = (np.ascontiguousarray(each[y0:y1, x0:x1]) for each in (before, after))
        moved, good = track_points(here, there, self.points - corner, OPTIONS)
        return moved + corner, good

    def _is_plausible(self, picture: Image, box: Array) -> bool:
        height, width = picture.shape
        inside = 0 <= box[0] < width and 0 <= box[1] < height and box[2:].min() >= MIN_SIDE
        return bool(
            inside and max(_correlation(look, _patch(picture, box)) for look in self.looks) > MIN_KEPT_CORRELATION
        )

    def _search(self, picture: Image) -> Array | None:
        """Search the last picture of the box around where it was."""
        height, width = picture.shape
        reach = SEARCH_REACH * self.box[2:].max()
        x0, y0 = np.maximum(self.box[:2] - self.box[2:] / 2 - reach, 0).astype(int)
        x1, y1 = np.minimum(self.box[:2] + self.box[2:] / 2 + reach, [width, height]).astype(int)
        size = np.maximum(self.box[2:].round().astype(int), 4)
        if x1 - x0 <= size[0] or y1 - y0 <= size[1]:
            return None
        template = cv2.resize(self.looks[-1], (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
        score = cv2.matchTemplate(picture[y0:y1, x0:x1], template, cv2.TM_CCOEFF_NORMED)
        _, best, _, place = cv2.minMaxLoc(score)
        cv2.circle(score, place, int(size.min() // 2), (-1.0,), -1)
        if not best > max(MIN_FOUND_CORRELATION, float(score.max()) + MIN_FOUND_MARGIN):
            return None
        return np.array([x0 + place[0] + size[0] / 2, y0 + place[1] + size[1] / 2, *self.box[2:]])

    def _detect(self, reach: float) -> None:
        """Detect corners near the middle of the box, away from those there are."""
        picture = self.pictures[self.frame]
        free = np.zeros(picture.shape, np.uint8)
        middle, axes = tuple(self.box[:2].astype(int).tolist()), tuple((reach * self.box[2:]).astype(int).tolist())
        cv2.ellipse(free, middle, axes, 0, 0, 360, (255,), -1)
        apart = max(3.0, 0.04 * float(self.box[2:].min()))
        for x, y in self.points.astype(int).tolist():
            cv2.circle(free, (x, y), round(apart), (0,), -1)
        found = cv2.goodFeaturesToTrack(picture, MAX_POINTS, OPTIONS.corner_quality, apart, mask=free, blockSize=5)
        if found is None:
            return
        corners = np.asarray(found[:, 0], np.float32)[: MAX_POINTS - len(self.points)]
        self.points = np.concatenate([self.points, corners])
        self.names = np.concatenate([self.names, np.arange(self.known, self.known + len(corners))])
        self.known += len(corners)


def _patch(picture: Image, box: Array) -> Image:
    """Picture of a box at a fixed size, with the border repeated outside of the picture."""
    scale = box[2:] / PATCH_SIDE
    transform = np.array([[scale[0], 0, box[0] - box[2] / 2], [0, scale[1], box[1] - box[3] / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, transform, (PATCH_SIDE, PATCH_SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def _correlation(one: Image, other: Image) -> float:
    return float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0])


def _believed_end(pictures: Sequence[Image], boxes: Array, order: range) -> int:
    """Find the last frame of a way from which the box is followed back to where it came from, by bisection."""
    known = [frame for frame in order if np.isfinite(boxes[frame, 0])]
    good, bad, tried = 0, len(known), len(known) - 1
    for _ in range(MAX_WALKS_BACK):
        if tried <= good:
            break
        if _leads_back(pictures, boxes, known[tried], order):
            good = tried
        else:
            bad = tried
        tried = (good + bad) // 2
    return known[good]


def _leads_back(pictures: Sequence[Image], boxes: Array, end: int, order: range) -> bool:
    """Whether the box of a frame leads back to the start, or to where it was found again by its picture."""
    walk = _Walk(pictures, boxes[end], end, 0, search=False)
    for frame in range(end - order.step, order[0] - order.step, -order.step):
        if not np.isfinite(boxes[frame, 0]):
            break
        if not walk.step(frame):
            return False
    return _overlap(walk.box, boxes[walk.frame]) > MIN_OVERLAP


def _overlap(one: Array, other: Array) -> float:
    low = np.maximum(one[:2] - one[2:] / 2, other[:2] - other[2:] / 2)
    high = np.minimum(one[:2] + one[2:] / 2, other[:2] + other[2:] / 2)
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / float(np.prod(one[2:]) + np.prod(other[2:]) - common)
