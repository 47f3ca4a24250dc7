"""Where photos were taken: read from their GPS tags, in metres, or not known."""

from pathlib import Path

import numpy as np
import pytest
from gps_photos import gps_tags, tags_of
from PIL import ExifTags, Image

from parascale.media.photo_places import read_place, read_places


def photo(path: Path, exif: Image.Exif | None) -> Path:
    Image.new("RGB", (8, 6)).save(path, exif=exif or Image.Exif())
    return path


def test_degrees_minutes_and_seconds_are_read_on_their_side_of_the_earth(tmp_path: Path) -> None:
    found = read_place(photo(tmp_path / "a.jpg", tags_of(-33.856784, 151.215297, -3.5)))
    assert found == pytest.approx((-33.856784, 151.215297, -3.5), abs=1e-7)


# Lengths of a degree by the tables of WGS 84.
@pytest.mark.parametrize(
    ("latitude", "north", "east"), [(0.0, 110574.3, 111319.5), (45.0, 111131.7, 78846.8), (60.0, 111412.2, 55800.3)]
)
def test_places_are_metres_east_north_and_up_of_the_first(
    tmp_path: Path, latitude: float, north: float, east: float
) -> None:
    # Across the line where 180 degrees east are 180 west.
    taken = [(latitude, 179.9995, 10.0), (latitude + 0.001, -179.9995, 17.25)]
    files = [photo(tmp_path / f"{number}.jpg", tags_of(*place)) for number, place in enumerate(taken)]
    places = read_places(files)
    assert places is not None
    assert places[0] == pytest.approx((0, 0, 0))
    assert places[1] == pytest.approx((east / 1000, north / 1000, 7.25), rel=1e-4, abs=0.01)


def without(tag: int) -> Image.Exif:
    exif = tags_of(10.0, 20.0, 30.0)
    del exif.get_ifd(ExifTags.IFD.GPSInfo)[tag]
    return exif


def with_value(tag: int, value: object) -> Image.Exif:
    exif = tags_of(10.0, 20.0, 30.0)
    exif.get_ifd(ExifTags.IFD.GPSInfo)[tag] = value
    return exif


@pytest.mark.parametrize(
    "exif",
    [
        None,
        without(ExifTags.GPS.GPSLatitude),
        without(ExifTags.GPS.GPSLatitudeRef),
        without(ExifTags.GPS.GPSLongitudeRef),
        without(ExifTags.GPS.GPSAltitude),
        with_value(ExifTags.GPS.GPSLatitude, (95.0, 0.0, 0.0)),
        with_value(ExifTags.GPS.GPSLatitude, (10.0, 0.0)),
        with_value(ExifTags.GPS.GPSLongitudeRef, "X"),
        # No fix.
        tags_of(0.0, 0.0, 0.0),
    ],
)
def test_a_photo_that_does_not_tell_is_not_known(tmp_path: Path, exif: Image.Exif | None) -> None:
    known = photo(tmp_path / "known.jpg", gps_tags(1, 2, 3))
    unknown = photo(tmp_path / "unknown.jpg", exif)
    assert read_place(unknown) is None
    assert read_places([unknown]) is None
    places = read_places([unknown, known])
    assert places is not None
    assert np.isnan(places[0]).all()
    assert places[1].tolist() == [0, 0, 0]


def test_what_is_no_photo_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    assert read_place(tmp_path / "broken.jpg") is None
    assert read_place(tmp_path / "missing.jpg") is None
