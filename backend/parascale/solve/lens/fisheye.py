"""A fisheye that fills the frame: no black circle tells of it, and a flat lens with some distortion nearly fits it.

r = f (theta + k theta^3), theta the angle from the axis, is compared with the flat r = f (tan theta + k tan^3 theta) on
the same observations. Both have two parameters, so that the smaller cost decides without a sample held out.

A move straight ahead does not determine the focal length, and an adjustment stays near the lens it comes from. There
the observations are fitted with fisheyes of given angles, too. They cost more than a flat lens where lines are
straight; where they are bent, several lenses fit alike, and P is as unsure as they differ in it.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from parascale.solve.lens.focal import log_parallax, triangulate_inliers
from parascale.solve.reconstruction.adjustment import Adjustment, adjust_bundle
from parascale.solve.reconstruction.triangulation import camera_centres
from parascale.solve.tracking.tracks import sample_tracks
from parascale.types import Array

log = logging.getLogger(__name__)

OBSERVATIONS_PER_FRAME = 150
ITERATIONS = 30
# Values of an angle at which a lens is tabulated.
SAMPLES = 2000
# A flat lens that bends lines outward, or moves no corner by as many working pixels, is no fisheye.
MIN_CORNER_SHIFT = 2.0
# A fisheye is told where it costs less than this share of the flat lens, and sees more than these degrees across. Of
# tracks of flat lenses of 60 to 100 degrees and of barrel distortion up to that of action cameras (94 degrees), either
# the share was over 0.9 or the angle below 96; of equidistant, equisolid and stereographic lenses of 120 degrees and
# more that turn or move sideways, the share was at most 0.87 and the angle at least 111.
MAX_COST_SHARE, MIN_DEGREES = 0.88, 104.0
# Degrees across of the fisheyes that are tried where the focal length is open, and the share of a flat lens's cost
# below which lines are bent. Of tracks straight ahead the least share was 1.1 for flat lenses of 60 to 100 degrees, and
# at most 0.91 for barrel distortion of 15 and 25 % and for fisheyes.
TRIED_DEGREES, MAX_BENT_SHARE = (100.0, 120.0, 150.0), 0.95
# Degrees between the axis and the steps of a move straight ahead, in nine of ten, and that the camera turns by in all.
# Other moves over a narrow field are fitted by a wide fisheye with less cost, whatever the lens: they are not tried.
MAX_ASIDE, MAX_TURN = 10.0, 5.0
# Fits of another P than by this, in ln, have lost the scene: fisheyes of 150 degrees differ by 0.55.
MAX_LOG_RATIO = 1.0
# Where a short move leaves the lens open, the focal length of a fisheye runs off: one that sees less than this share of
# what the flat lens sees is no other answer (0.8 and more of it where lines are bent, 0.2 to 0.4 where none are).
MIN_ANGLE_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class FisheyeFit:
    """How a fisheye fits keyframes, beside a flat lens with distortion.

    Attributes
    ----------
    cost_share : float
        Its cost over that of the flat lens.
    degrees : float
        It sees across.
    spread : (K - 1,) float64
        Standard deviation of ln P between keyframes by the lenses that fit alike; 0 where none does.
    widest : float
        Degrees across of the widest fisheye that fits alike; 0 where none does.
    """

    cost_share: float
    degrees: float
    spread: Array
    widest: float

    @property
    def is_fisheye(self) -> bool:
        """Whether the clip was taken by a fisheye: it fits clearly better, and is wide."""
        return self.cost_share < MAX_COST_SHARE and self.degrees > MIN_DEGREES

    @property
    def is_open(self) -> bool:
        """Whether the lens may be a wide fisheye: one fits as well."""
        return self.widest >= TRIED_DEGREES[0]


def compare_with_fisheye(
    seen: Array,
    straight: Array,
    world_to_camera: Array,
    focal: float,
    half_width: float,
    *,
    k1: float | None,
    observable: bool,
    seed: int,
    threads: int,
) -> FisheyeFit | None:
    """Fit a fisheye to keyframes that were mapped with a flat lens.

    Parameters
    ----------
    seen : (K, M, 2) float64
        Working pixels from the principal point, NaN where not observed.
    straight : (K, M, 2) float64
        The same without the distortion that was found.
    world_to_camera : (K, 3, 4) float64
    focal, half_width : float
        Working pixels.
    k1 : float or None
        The distortion that was found.
    observable : bool
        Whether the focal length is known, or the motion says anything of it.

    Returns
    -------
    FisheyeFit or None
        None where lines are straight: the flat lens hardly bends them or bends them the other way, or, where the focal
        length is open, no other lens fits better than one that does not.
    """
    sample = sample_tracks(np.isfinite(seen[:, :, 0]), OBSERVATIONS_PER_FRAME, seed)
    seen, straight = seen[:, sample], straight[:, sample]
    points, inliers = triangulate_inliers(straight, world_to_camera, focal)

    def refine(start: Adjustment, k1: float | None, *, fisheye: bool = False, hold: bool = False) -> Adjustment:
        return adjust_bundle(
            seen, start.world_to_camera, start.points, inliers, start.focal,
            k1=k1, fisheye=fisheye, refine_focal=not hold, max_iterations=ITERATIONS, threads=threads,
        )  # fmt: skip

    found = Adjustment(world_to_camera, points, focal, k1 or 0.0, 0.0)
    flat = refine(found, k1 or 0.0)
    corner = float(np.nanmax(np.hypot(seen[..., 0], seen[..., 1]), initial=0.0))
    bends = -flat.k1 * (corner / flat.focal) ** 3 * flat.focal >= MIN_CORNER_SHIFT
    ahead = not observable and _moves_straight_ahead(world_to_camera)
    if not inliers.any() or not (ahead or bends):
        return None
    fits: list[tuple[float, Adjustment]] = []
    if bends:
        # First without distortion: with it, an adjustment stays near the flat lens that it comes from.
        bare = refine(replace(flat, focal=_nearest_fisheye(flat, corner)), None, fisheye=True)
        bent = refine(bare, 0.0, fisheye=True)
        if _angle(bent, half_width) >= MIN_ANGLE_SHARE * 2 * np.degrees(np.arctan(half_width / focal)):
            fits.append((_angle(bent, half_width), bent))
    told = [fit for _, fit in fits]
    if ahead:
        for degrees in TRIED_DEGREES:
            start = replace(flat, focal=half_width / np.radians(degrees / 2))
            fits.append((degrees, refine(start, None, fisheye=True, hold=True)))
        straight_cost = refine(found, None, hold=True).cost
        if k1 is None and min(fit.cost for _, fit in fits) > MAX_BENT_SHARE * straight_cost:
            return None
    if not fits:
        return None
    best = min((fit for _, fit in fits), key=lambda fit: fit.cost)
    # A fisheye of a given angle does not decide, as the move does not tell the angle.
    share = min((fit.cost for fit in told), default=np.inf) / max(flat.cost, 1e-12)
    log.debug("flat lens costs %.1f, fisheyes %s", flat.cost, [(round(a), round(fit.cost, 1)) for a, fit in fits])
    # What was found is as the flat lens where the focal length is determined: an adjustment returns to it.
    before = log_parallax(found if ahead else flat, inliers)
    limit = min(flat.cost, best.cost) / MAX_COST_SHARE
    others = fits + ([(0.0, flat)] if ahead else [])
    alike = [(angle, log_parallax(fit, inliers) - before) for angle, fit in others if fit.cost <= limit]
    alike = [(angle, ratio) for angle, ratio in alike if abs(float(np.median(ratio))) < MAX_LOG_RATIO]
    ratios = [ratio for _, ratio in alike] or [np.zeros(len(seen) - 1)]
    spread = np.sqrt(np.mean(np.square(ratios), axis=0))
    widest = max((angle for angle, _ in alike), default=0.0)
    return FisheyeFit(float(share), fits[0][0], spread, widest)


def _moves_straight_ahead(world_to_camera: Array) -> bool:
    """Whether cameras (K, 3, 4) move along their axis and do not turn."""
    steps = np.diff(camera_centres(world_to_camera), axis=0)
    axes = world_to_camera[:, 2, :3]
    along = np.abs((steps * axes[:-1]).sum(axis=1)) / np.maximum(np.linalg.norm(steps, axis=1), 1e-12)
    aside = np.degrees(np.arccos(np.clip(along, 0, 1)))
    turn = np.degrees(np.arccos(np.clip((axes @ axes[0]).min(), -1, 1)))
    return bool(np.quantile(aside, 0.9) < MAX_ASIDE and turn < MAX_TURN)


def _nearest_fisheye(flat: Adjustment, corner: float) -> float:
    """Focal length of the equidistant lens nearest to a flat one within a radius, working pixels."""
    tangent = np.linspace(0, np.tan(1.4), SAMPLES)
    radius = _rising(flat.focal * (tangent + flat.k1 * tangent**3))
    angle = np.arctan(tangent[: len(radius)])[radius < corner]
    return float(angle @ radius[radius < corner] / (angle @ angle))


def _angle(fisheye: Adjustment, half_width: float) -> float:
    """Degrees that a fisheye sees across."""
    angle = np.linspace(0, np.pi, SAMPLES)
    radius = _rising(fisheye.focal * (angle + fisheye.k1 * angle**3))
    return float(2 * np.degrees(np.interp(half_width, radius, angle[: len(radius)])))


def _rising(radius: Array) -> Array:
    """Cut off where a polynomial turns back."""
    falls = np.flatnonzero(np.diff(radius) <= 0)
    return radius[: falls[0] + 1] if len(falls) else radius
