"""The largest strength at which a shot fits into its target without a surface in its way."""

from collections.abc import Callable

from parascale.parallax.calibration_report import CalibrationReport

# A path that is bent by more, in degrees, no longer passes a surface: it turns off before it.
PASSING_BEND = 35.0

# Calibrations tried, which find the strength to a sixteenth of the one that does not fit.
TRIES = 4


def fits(report: CalibrationReport) -> bool:
    """Tell whether the camera gets through: no surface is crossed, holds it back, turns it off or stops it."""
    stopped = report.crossings or report.held_back_frames or report.standing_frames
    return not stopped and report.largest_bend <= PASSING_BEND


def find_largest_strength(measure: Callable[[float], CalibrationReport]) -> float | None:
    """Find, by bisection, the largest share of a strength at which a shot fits.

    Parameters
    ----------
    measure : callable
        Gives the report at a share, 0 .. 1, of the strength that does not fit.

    Returns
    -------
    float or None
        None where not even the smallest share tried fits.
    """
    low, high = 0.0, 1.0
    for _ in range(TRIES):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(measure(middle)) else (low, middle)
    return low or None
