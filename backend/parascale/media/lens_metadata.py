"""Focal lengths from the metadata of photos and videos."""

from collections.abc import Iterable, Mapping
from math import hypot, isfinite
from pathlib import Path
from typing import SupportsFloat, cast

from PIL import ExifTags, Image, UnidentifiedImageError

# Diagonal of a 36 x 24 mm film frame, which "35 mm equivalent" refers to.
FILM_DIAGONAL = hypot(36, 24)
FILM_KEY = "focal_length.35mm_equivalent"
# Exif's units of FocalPlaneXResolution: pixels per inch, centimetre, millimetre, micrometre.
MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
# Plausible focal lengths, over the longer side of the picture.
FOCAL_RANGE = (0.25, 20.0)
# The equivalent is rounded to whole millimetres; a sensor that differs from it by a larger share is not trusted.
MAX_DISAGREEMENT = 0.1
# Focal lengths of one lens differ by less than this share.
MAX_SPREAD = 0.005


def focal_from_35mm(millimetres: float, width: int, height: int) -> float | None:
    """Convert a 35 mm equivalent to a focal length in pixels, by the diagonals (CIPA DC-008)."""
    return _plausible(millimetres / FILM_DIAGONAL * hypot(width, height), width, height)


def read_photo_focal(path: Path) -> float | None:
    """Read a photo's focal length in pixels from its Exif tags.

    From the focal length and the sensor's resolution where they agree with the 35 mm equivalent, else from that.

    Returns
    -------
    float or None
        None where the tags are missing or not plausible.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError):
        return None
    film = focal_from_35mm(_number(tags, ExifTags.Base.FocalLengthIn35mmFilm), width, height)
    sensor = _sensor_focal(tags, width, height)
    if film is not None and (sensor is None or abs(sensor / film - 1) > MAX_DISAGREEMENT):
        return film
    return sensor


def read_common_focal(paths: Iterable[Path]) -> float | None:
    """Read the focal length of pictures of one camera; None where one has none or they differ, as in a zoom."""
    focals: list[float] = []
    for path in paths:
        focal = read_photo_focal(path)
        if focal is None:
            return None
        focals.append(focal)
    return focals[0] if focals and max(focals) <= min(focals) * (1 + MAX_SPREAD) else None


def read_container_focal(metadata: Mapping[str, str], width: int, height: int) -> float | None:
    """Read the 35 mm equivalent a video's container states, in pixels.

    It is the lens's, before the crops of recording and stabilisation: real ones are up to a fifth longer.
    """
    for key, value in metadata.items():
        if key.endswith(FILM_KEY):
            try:
                return focal_from_35mm(float(value), width, height)
            except ValueError:
                return None
    return None


def _sensor_focal(tags: Mapping[int, object], width: int, height: int) -> float | None:
    focal, resolution = _number(tags, ExifTags.Base.FocalLength), _number(tags, ExifTags.Base.FocalPlaneXResolution)
    unit = MILLIMETRES.get(int(_number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2))
    # The resolution is the sensor's; the picture may have been made smaller since.
    declared = max(_number(tags, ExifTags.Base.ExifImageWidth), _number(tags, ExifTags.Base.ExifImageHeight))
    if unit is None or declared == 0:
        return None
    return _plausible(focal * resolution / unit * max(width, height) / declared, width, height)


def _number(tags: Mapping[int, object], tag: int) -> float:
    """Read a tag; 0, which in Exif means unknown, where it is missing or not a number."""
    try:
        value = float(cast("SupportsFloat", tags.get(tag, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return value if isfinite(value) and value > 0 else 0.0


def _plausible(focal: float, width: int, height: int) -> float | None:
    low, high = FOCAL_RANGE
    return focal if low < focal / max(width, height) < high else None
