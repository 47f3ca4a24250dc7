"""Tracks of pictures too far apart to be followed: SIFT features, matched and verified pair by pair, then joined."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import pycolmap
from numpy.typing import NDArray

from parascale.solve.tracking.tracks import MIN_TRACK_LENGTH, Tracks
from parascale.types import Array, Image, Mask, Progress

# Longer side, pixels, of the pictures that features are found in: they are few, and each counts for more than a frame.
FEATURE_SIDE = 1280
MAX_FEATURES = 2500
# Pictures up to this size are enlarged to twice that, and fewer features of them are taken: the smallest ones repeat as
# a texture does. With 2,500, photos along a front were refused, as 54 % of what was matched fitted one scene.
MAX_ENLARGED_SIDE, MAX_ENLARGED_FEATURES = FEATURE_SIDE // 2, 1500
# Up to so many pictures each is matched with each other; of more, each with its neighbours and, as a path may come back
# to where it was, so many all over the set with each other.
MAX_EXHAUSTIVE, NEIGHBOURS, LOOP_PICTURES = 60, 10, 40
# More pictures than this are not matched.
MAX_PICTURES = 200
# Angle of two descriptors, and that of the second best over that of the best, as in COLMAP.
MAX_ANGLE, MAX_ANGLE_RATIO = 0.7, 0.8
# Working pixels between a match and the epipolar line, and matches that make a pair.
MAX_EPIPOLAR_ERROR, MIN_MATCHES = 1.0, 25
# Share of the matches of a pair that fit its epipolar geometry: of two places that look alike, few do.
MIN_INLIER_SHARE = 0.3

Matches = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Features:
    """The features of one picture.

    Attributes
    ----------
    positions : (N, 2) float64
        Pixels of the working picture, centres at +0.5.
    descriptors : (N, 128) float32
        Of length 1.
    """

    positions: Array
    descriptors: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FeatureTracks:
    """The tracks of a set of pictures, and how it hangs together.

    Attributes
    ----------
    tracks : Tracks
    unlinked : tuple of int
        Pictures that share nothing with the largest part of the set.
    """

    tracks: Tracks
    unlinked: tuple[int, ...]


def track_features(
    pictures: Iterable[Image],
    count: int,
    working_size: tuple[int, int],
    *,
    blocked: Sequence[Image] | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> FeatureTracks:
    """Match the features of a set of pictures, in whatever order they are.

    Parameters
    ----------
    pictures : count pictures (h, w) uint8
        Each is read once, and not kept.
    working_size : (int, int)
        Width and height of the working picture, in whose pixels the tracks are.
    blocked : count masks or None
        Zero where no point may be.
    """
    features = []
    for number, picture in enumerate(pictures):
        found = find_features(picture, working_size)
        features.append(found if blocked is None else _keep_unmasked(found, blocked[number]))
        if progress is not None:
            progress(0.3 * (number + 1) / count, "features")
    pairs = list(choose_feature_pairs(count))
    matches: list[Matches] = []
    with ThreadPoolExecutor(threads) as pool:
        for found_matches in pool.map(lambda pair: match_pair(features[pair[0]], features[pair[1]]), pairs):
            matches.append(found_matches)
            if progress is not None:
                progress(0.3 + 0.7 * len(matches) / len(pairs), "matches")
    positions = join_matches([each.positions for each in features], pairs, matches)
    return FeatureTracks(Tracks(positions, matched=True), _find_unlinked(count, pairs, matches))


def choose_feature_pairs(count: int) -> Iterator[tuple[int, int]]:
    """Choose the pairs of pictures to match: all of a small set; of a large one neighbours, and loops."""
    if count <= MAX_EXHAUSTIVE:
        yield from combinations(range(count), 2)
        return
    chosen = {(i, j) for i in range(count) for j in range(i + 1, min(i + NEIGHBOURS, count - 1) + 1)}
    spread = np.unique(np.linspace(0, count - 1, LOOP_PICTURES).round().astype(int)).tolist()
    yield from sorted(chosen.union(combinations(spread, 2)))


def find_features(picture: Image, working_size: tuple[int, int]) -> Features:
    """Find the largest features of a picture."""
    options = pycolmap.FeatureExtractionOptions(use_gpu=False, num_threads=1)
    # Enlarging takes four times as long. A large picture has features enough without it; of a small one most are then
    # too small to be found, and the others lie less exactly.
    is_small = max(picture.shape) <= MAX_ENLARGED_SIDE
    options.sift.first_octave = -1 if is_small else 0
    options.sift.max_num_features = count = MAX_ENLARGED_FEATURES if is_small else MAX_FEATURES
    extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)
    keypoints, descriptors = extractor.extract_from_uint8_array(np.ascontiguousarray(picture))
    shapes = np.asarray(pycolmap.keypoints_to_matrix(keypoints), np.float64).reshape(-1, 4)
    largest = np.argsort(-shapes[:, 2], kind="stable")[:count]
    vectors = np.asarray(descriptors.data, np.float32).reshape(-1, 128)[largest]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    height, width = picture.shape
    return Features(shapes[largest, :2] * working_size / np.array([width, height]), vectors)


def match_pair(first: Features, second: Features) -> Matches:
    """Match two pictures: indices of features (N, 2) that fit one epipolar geometry; none where too few do."""
    nothing = np.empty((0, 2), np.int64)
    found = _match_descriptors(first.descriptors, second.descriptors)
    if len(found) < MIN_MATCHES:
        return nothing
    fits = _fit_epipolar(first.positions[found[:, 0]], second.positions[found[:, 1]])
    enough = fits.sum() >= MIN_MATCHES and fits.mean() >= MIN_INLIER_SHARE
    return found[fits] if enough else nothing


def _match_descriptors(first: NDArray[np.float32], second: NDArray[np.float32]) -> Matches:
    """Match descriptors that are each other's nearest, and nearer by far than the next."""
    if len(first) < 2 or len(second) < 2:
        return np.empty((0, 2), np.int64)
    likeness = first @ second.T
    # The first of the best of each column, in a third of the time that NumPy's argmax takes over columns.
    nearest, back = likeness.argmax(axis=1), (likeness == likeness.max(axis=0)).argmax(axis=0)
    rows = np.arange(len(first))
    best = np.arccos(np.clip(likeness[rows, nearest], -1, 1))
    likeness[rows, nearest] = -1
    next_best = np.arccos(np.clip(likeness.max(axis=1), -1, 1))
    good = (back[nearest] == rows) & (best < MAX_ANGLE) & (best < MAX_ANGLE_RATIO * next_best)
    return np.stack([rows[good], nearest[good]], axis=1)


def _fit_epipolar(first: Array, second: Array) -> Mask:
    try:
        mask = cv2.findFundamentalMat(first, second, cv2.USAC_MAGSAC, MAX_EPIPOLAR_ERROR, 0.999, 3000)[1]
    except cv2.error:  # it asserts that some model was found
        mask = None
    return np.zeros(len(first), bool) if mask is None else np.asarray(mask.ravel() > 0)


def _keep_unmasked(features: Features, mask: Image) -> Features:
    height, width = mask.shape[:2]
    x, y = np.clip(features.positions.astype(np.int64), 0, [width - 1, height - 1]).T
    kept = mask[y, x] > 0
    return Features(features.positions[kept], features.descriptors[kept])


def join_matches(features: Sequence[Array], pairs: Sequence[tuple[int, int]], matches: Sequence[Matches]) -> Array:
    """Join matches to tracks: positions (T, M, 2), NaN where not observed.

    A track has one feature of a picture at most. The pairs with the most matches come first: where others contradict
    them, they are the ones left out.
    """
    starts = np.cumsum([0, *(len(each) for each in features)])
    parent = list(range(int(starts[-1])))
    pictures = [1 << number for number, each in enumerate(features) for _ in range(len(each))]

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for at in sorted(range(len(pairs)), key=lambda at: (-len(matches[at]), pairs[at])):
        for a, b in (matches[at] + starts[list(pairs[at])]).tolist():
            first, second = root(a), root(b)
            if first != second and not pictures[first] & pictures[second]:
                parent[second] = first
                pictures[first] |= pictures[second]
    track = np.array([root(node) for node in range(len(parent))], np.int64)
    lengths = np.bincount(track, minlength=len(parent))
    kept = np.flatnonzero(lengths >= min(MIN_TRACK_LENGTH, len(features)))
    column = np.full(len(parent), -1)
    column[kept] = np.arange(len(kept))
    positions = np.full((len(features), len(kept), 2), np.nan)
    for number, own in enumerate(features):
        columns = column[track[starts[number] : starts[number + 1]]]
        positions[number, columns[columns >= 0]] = own[columns >= 0]
    return positions


def _find_unlinked(count: int, pairs: Sequence[tuple[int, int]], matches: Sequence[Matches]) -> tuple[int, ...]:
    """Find the pictures that no chain of matched pairs links to the largest part of the set."""
    part = list(range(count))
    for (a, b), found in zip(pairs, matches, strict=True):
        if len(found):
            part = [part[a] if each == part[b] else each for each in part]
    largest = int(np.bincount(part).argmax())
    return tuple(number for number, each in enumerate(part) if each != largest)
