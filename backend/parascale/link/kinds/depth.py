"""Depth estimation: the depth of a picture by a model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from parascale.errors import InputError
from parascale.link.arrays import Arrays
from parascale.link.codec import build
from parascale.link.request import Files, Packed, Request, check_image, expect_arrays, image_from_arrays
from parascale.types import Image


@dataclass(frozen=True)
class DepthFields:
    """What of a depth request is not an array."""

    model: str


@dataclass(frozen=True, eq=False)
class DepthRequest(Request):
    """A picture whose depth is to be estimated.

    Attributes
    ----------
    image : (H, W, 3) uint8
        sRGB.
    model : str
        A published depth model by name; or, on the backend's machine, a folder of weights; or OWNER/NAME on the hub.

    Raises
    ------
    InputError
        If the image has another shape or type, or no model is named.
    """

    kind = "depth"
    fields_type = DepthFields
    grace = 5.0
    models = ("model",)

    image: Image
    model: str

    def __post_init__(self) -> None:
        check_image(self.image)
        if not self.model:
            raise InputError("no depth model is named", "weights-list")

    def pack(self) -> Packed:
        """See `Request`."""
        return Packed(f"depth {Path(self.model).name}", asdict(DepthFields(self.model)), {"image": self.image})

    @classmethod
    def unpack(cls, fields: Mapping[str, object], arrays: Arrays, files: Files) -> Self:
        """See `Request`."""
        values = build(DepthFields, dict(fields), cls.kind)
        expect_arrays(cls.kind, arrays, {"image"})
        if files:
            raise InputError("a depth request takes no files")
        return cls(image_from_arrays(cls.kind, arrays), values.model)
