"""What a camera wrote beside its pictures about its lens."""

from collections.abc import Iterable, Mapping
from math import hypot, isfinite
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

# Diagonal of a 36 x 24 mm film frame, which "35 mm equivalent" refers to.
FILM_DIAGONAL = hypot(36, 24)
FILM_KEY = "focal_length.35mm_equivalent"
# Exif's units of FocalPlaneXResolution: pixels per inch, centimetre, millimetre, micrometre.
MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
# No camera lies outside: focal length over the longer side of its picture.
SOUND = (0.25, 20.0)
# The equivalent is rounded to whole millimetres; a sensor that disagrees by more than this share is not believed.
AGREEMENT = 0.1
SAME = 0.005


def film_focal(millimetres: float, width: int, height: int) -> float | None:
    """Turn a 35 mm equivalent into a focal length in pixels, by the diagonals (CIPA DC-008)."""
    return _sound(millimetres / FILM_DIAGONAL * hypot(width, height), width, height)


def photo_focal(path: Path) -> float | None:
    """Read a photo's focal length in pixels from its Exif tags.

    The focal length with the sensor's resolution where both are there and agree with the 35 mm equivalent, else that.

    Returns
    -------
    float or None
        None where the tags are missing or make no sense.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError):
        return None
    film = film_focal(_number(tags, ExifTags.Base.FocalLengthIn35mmFilm), width, height)
    sensor = _sensor_focal(tags, width, height)
    if film is not None and (sensor is None or abs(sensor / film - 1) > AGREEMENT):
        return film
    return sensor


def common_focal(paths: Iterable[Path]) -> float | None:
    """Read the focal length of pictures of one camera; None where one is silent or they differ, as in a zoom."""
    found: list[float] = []
    for path in paths:
        focal = photo_focal(path)
        if focal is None:
            return None
        found.append(focal)
    return found[0] if found and max(found) <= min(found) * (1 + SAME) else None


def container_focal(metadata: Mapping[str, str], width: int, height: int) -> float | None:
    """Read the 35 mm equivalent a video's container states, in pixels.

    It is the lens's, before the crops of recording and stabilisation: real ones are up to a fifth longer.
    """
    for key, value in metadata.items():
        if key.endswith(FILM_KEY):
            try:
                return film_focal(float(value), width, height)
            except ValueError:
                return None
    return None


def _sensor_focal(tags: Mapping[int, Any], width: int, height: int) -> float | None:
    focal, resolution = _number(tags, ExifTags.Base.FocalLength), _number(tags, ExifTags.Base.FocalPlaneXResolution)
    unit = MILLIMETRES.get(int(_number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2))
    # The resolution is the sensor's; the picture may have been made smaller since.
    declared = max(_number(tags, ExifTags.Base.ExifImageWidth), _number(tags, ExifTags.Base.ExifImageHeight))
    if unit is None or declared == 0:
        return None
    return _sound(focal * resolution / unit * max(width, height) / declared, width, height)


def _number(tags: Mapping[int, Any], tag: int) -> float:
    """Read a tag; 0, Exif's own word for unknown, where it is missing or no number."""
    try:
        value = float(tags.get(tag, 0))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return value if isfinite(value) and value > 0 else 0.0


def _sound(focal: float, width: int, height: int) -> float | None:
    low, high = SOUND
    return focal if low < focal / max(width, height) < high else None
