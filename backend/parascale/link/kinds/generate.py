"""Generation: a video along a camera path."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.link.arrays import Arrays
from parascale.link.codec import build
from parascale.link.parameters import Scalar
from parascale.link.request import (
    Files,
    Packed,
    Request,
    check_image,
    expect_arrays,
    image_from_arrays,
    shot_from_array,
    shot_to_array,
)
from parascale.link.transfer import describe_file
from parascale.parallax.gauge import compare_depth
from parascale.parallax.shot import Shot
from parascale.types import Image

MAX_PIXELS = 40_000_000
"""Pixels of a frame that a shot may ask for: 8K has 33 million."""


@dataclass(frozen=True)
class GenerationFields:
    """What of a generation request is neither an array nor a file."""

    generator: str
    prompt: str
    seed: int
    parameters: dict[str, Scalar]


@dataclass(frozen=True, eq=False)
class GenerationRequest(Request):
    """A video asked for: a path through a picture.

    Attributes
    ----------
    shot : Shot
        The camera path, in the target's unit-depth gauge (Z'_0 = 1).
    generator : str
        Name of the generator.
    image : (H, W, 3) uint8
        The conditioning image, sRGB, as seen by the first camera of the shot.
    depth_map : (h, w) float32 or None
        z-depth of the image in the same gauge; not finite if there is no surface.
    prompt : str
    seed : int
        0 .. 2^63 - 1.
    parameters : mapping
        The generator's own parameters; defaults if not given.
    files : dict of str to Path
        Files that are sent along, by the parameter that takes them; see `parascale.link.parameters.resolve_paths`.

    Raises
    ------
    InputError
        If the image or depth map has another shape or type, the map is in another gauge than the shot, or the shot asks
        for pictures beyond `MAX_PIXELS`.
    """

    kind = "generate"
    fields_type = GenerationFields
    grace = 5.0

    shot: Shot
    generator: str
    image: Image
    depth_map: NDArray[np.float32] | None = None
    prompt: str = ""
    seed: int = 0
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_image(self.image)
        width, height = self.shot.trajectory.width, self.shot.trajectory.height
        if width * height > MAX_PIXELS:
            raise InputError(
                f"the shot asks for pictures of {width}x{height} where {MAX_PIXELS / 1e6:.0f} megapixels are allowed: "
                "give it a smaller size"
            )
        if self.depth_map is not None:
            depth_map = self.depth_map
            if depth_map.dtype != np.float32 or depth_map.ndim != 2 or depth_map.size == 0:
                raise InputError(
                    f"the depth map is {depth_map.dtype} of shape {depth_map.shape} where float32 (h, w) is needed"
                )
            compare_depth(depth_map, self.shot)
        if not 0 <= self.seed < 2**63:
            raise InputError(f"the seed {self.seed} is not between 0 and 2^63 - 1")

    def pack(self) -> Packed:
        """See `Request`."""
        fields = GenerationFields(self.generator, self.prompt, self.seed, dict(self.parameters))
        arrays: dict[str, NDArray[np.generic]] = {"shot": shot_to_array(self.shot), "image": self.image}
        if self.depth_map is not None:
            arrays["depth_map"] = self.depth_map
        files = tuple((describe_file(name, path), path) for name, path in self.files.items())
        return Packed(f"{self.generator} {self.shot.name}", asdict(fields), arrays, files)

    @classmethod
    def unpack(cls, fields: Mapping[str, object], arrays: Arrays, files: Files) -> Self:
        """See `Request`."""
        values = build(GenerationFields, dict(fields), cls.kind)
        expect_arrays(cls.kind, arrays, {"shot", "image"}, {"depth_map"})
        for name, paths in files.items():
            if len(paths) != 1 or name in values.parameters:
                raise InputError(f"a generate request takes one file for {name}")
        depth_map = arrays.get("depth_map")
        if depth_map is not None and depth_map.dtype != np.float32:
            raise InputError("a generate request needs a float32 depth map")
        return cls(
            shot=shot_from_array(cls.kind, arrays),
            generator=values.generator,
            image=image_from_arrays(cls.kind, arrays),
            depth_map=None if depth_map is None else np.asarray(depth_map, np.float32),
            prompt=values.prompt,
            seed=values.seed,
            parameters=values.parameters | {name: str(paths[0]) for name, paths in files.items()},
            files={name: paths[0] for name, paths in files.items()},
        )
