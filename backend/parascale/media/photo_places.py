"""Where photos were taken, from the GPS tags of their Exif."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, SupportsFloat, cast

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from parascale.types import Array

# WGS 84: the Earth's equatorial radius in metres, and its eccentricity squared.
RADIUS, SQUARED_ECCENTRICITY = 6378137.0, 6.69437999014e-3


class Place(NamedTuple):
    """Latitude north and longitude east in degrees, height in metres."""

    latitude: float
    longitude: float
    height: float


def read_place(path: Path) -> Place | None:
    """Read where a photo was taken; None where its tags do not tell all three numbers, or no place on the Earth."""
    try:
        with Image.open(path) as image:
            if image.format == "PNG":
                # No camera writes it, and its Exif may stand behind the pixels, which would all be decoded.
                return None
            tags = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError):
        return None
    latitude = _degrees(tags.get(ExifTags.GPS.GPSLatitude), tags.get(ExifTags.GPS.GPSLatitudeRef), "NS")
    longitude = _degrees(tags.get(ExifTags.GPS.GPSLongitude), tags.get(ExifTags.GPS.GPSLongitudeRef), "EW")
    height = _number(tags.get(ExifTags.GPS.GPSAltitude))
    # 1 is below sea level; a byte, which some writers give as a number.
    if tags.get(ExifTags.GPS.GPSAltitudeRef) in (b"\1", 1):
        height = -height
    place = Place(latitude, longitude, height)
    # Writers without a fix leave zeros.
    known = all(map(math.isfinite, place)) and (latitude, longitude) != (0.0, 0.0)
    return place if known and abs(latitude) <= 90 and abs(longitude) <= 180 else None


def read_places(paths: Iterable[Path]) -> Array | None:
    """Read where photos were taken, in metres east, north and up of the first place that is known.

    Returns
    -------
    (N, 3) float64 or None
        NaN for a photo that does not tell; None where none does.
    """
    found = [read_place(path) for path in paths]
    origin = next((place for place in found if place is not None), None)
    if origin is None:
        return None
    return np.array([(math.nan,) * 3 if place is None else _metres_from(origin, place) for place in found])


def _metres_from(origin: Place, place: Place) -> tuple[float, float, float]:
    """Metres east, north and up of a place, by the radii of the ellipsoid at the origin: for distances of a walk."""
    latitude = math.radians(origin.latitude)
    flat = 1 - SQUARED_ECCENTRICITY * math.sin(latitude) ** 2
    across, along = RADIUS / math.sqrt(flat), RADIUS * (1 - SQUARED_ECCENTRICITY) / flat**1.5
    east = math.remainder(place.longitude - origin.longitude, 360.0)
    return (
        math.radians(east) * across * math.cos(latitude),
        math.radians(place.latitude - origin.latitude) * along,
        place.height - origin.height,
    )


def _degrees(value: object, side: object, sides: str) -> float:
    """Read degrees, minutes and seconds, and to which side they are: NaN where either is missing."""
    letter = side.strip().upper()[:1] if isinstance(side, str) else ""
    if not isinstance(value, tuple) or len(value) != 3 or not letter or letter not in sides:
        return math.nan
    degrees, minutes, seconds = map(_number, value)
    return (degrees + minutes / 60 + seconds / 3600) * (1 if letter == sides[0] else -1)


def _number(value: object) -> float:
    try:
        return float(cast("SupportsFloat", value))
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan
