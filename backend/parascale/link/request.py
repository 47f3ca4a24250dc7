"""What a client asks a backend for: the base of every kind's request, and the parts that requests share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from parascale.errors import InputError
from parascale.files.shot_file import shot_from_json, shot_to_json
from parascale.link.arrays import Arrays
from parascale.link.messages import FileInfo
from parascale.link.resources import Resources
from parascale.parallax.shot import Shot
from parascale.types import Image

Files = Mapping[str, Sequence[Path]]
"""Where the files of each role are."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A request as it travels.

    Attributes
    ----------
    label : str
        One word, a space, and what people call the job.
    fields : dict
        JSON values.
    arrays : mapping of str to array
    files : tuple of (FileInfo, Path)
    """

    label: str
    fields: Mapping[str, object]
    arrays: Arrays
    files: tuple[tuple[FileInfo, Path], ...] = ()


class Request(ABC):
    """What a client asks for: a frozen dataclass in a module of `parascale.link.kinds`.

    Attributes
    ----------
    kind : str
        Name of the kind on the wire, and of the module in `parascale.service.jobs` that runs it.
    fields_type : type
        Frozen dataclass of the fields that travel in the header.
    grace : float
        Seconds a cancelled job has to stop by itself before its worker is ended.
    stall : float
        Seconds without progress after which a running job counts as hung.
    resources : Resources
        What a job needs of a machine, where several share the work.
    models : tuple of str
        The fields that name a model: one of the backend's list or, from the user of its machine, a path.
    """

    kind: ClassVar[str]
    fields_type: ClassVar[type]
    grace: ClassVar[float]
    stall: ClassVar[float] = 900.0
    resources: ClassVar[Resources] = Resources()
    models: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def pack(self) -> Packed:
        """Take the request apart; its files are read once, for their hashes.

        Raises
        ------
        InputError
            If a file cannot be read.
        """

    @classmethod
    @abstractmethod
    def unpack(cls, fields: Mapping[str, object], arrays: Arrays, files: Files) -> Self:
        """Put a request together from what `pack` returned.

        Raises
        ------
        InputError
            If something is missing, left over, or no valid request.
        """


@dataclass(frozen=True)
class JobResult:
    """What a job leaves behind.

    Attributes
    ----------
    summary : mapping
        JSON values.
    files : dict of str to Path
        By role: "video", "hole_mask", "shot", "points", "depth_map".
    """

    summary: Mapping[str, object]
    files: dict[str, Path]


def check_image(image: Image) -> None:
    """Refuse what is no picture of 8 bits and three channels.

    Raises
    ------
    InputError
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"the image is {image.dtype} of shape {image.shape} where uint8 (H, W, 3) is needed")


def shot_to_array(shot: Shot) -> Image:
    """Return the text of a shot file, UTF-8, as bytes that travel: (N,) uint8."""
    return np.frombuffer(shot_to_json(shot).encode(), np.uint8)


def shot_from_array(kind: str, arrays: Arrays) -> Shot:
    """Return the shot that `shot_to_array` turned into the array "shot".

    Raises
    ------
    InputError
        If it is no shot.
    """
    try:
        text = arrays["shot"].tobytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the shot of a {kind} request is not UTF-8") from error
    return shot_from_json(text, f"the shot of a {kind} request")


def image_from_arrays(kind: str, arrays: Arrays) -> Image:
    """Return the array "image" if it has 8 bits.

    Raises
    ------
    InputError
        If it has another type.
    """
    if arrays["image"].dtype != np.uint8:
        raise InputError(f"a {kind} request needs a uint8 image")
    return np.asarray(arrays["image"], np.uint8)


def expect_arrays(kind: str, arrays: Arrays, needed: set[str], optional: Iterable[str] = ()) -> None:
    """Refuse a request that lacks an array or has one too many.

    Raises
    ------
    InputError
    """
    for name in needed - set(arrays):
        raise InputError(f"a {kind} request lacks the array {name}")
    for name in set(arrays) - needed - set(optional):
        raise InputError(f"a {kind} request has an unknown array {name[:40]!r}")


def one_file(kind: str, files: Files, role: str) -> Path:
    """Return the only file of a request, which has this role.

    Raises
    ------
    InputError
        If there are more, fewer or others.
    """
    if set(files) != {role} or len(files[role]) != 1:
        raise InputError(f"a {kind} request needs one file, its {role}")
    return files[role][0]


def reference_of(kind: str, folder: bool, files: Files) -> Path:
    """Return the clip of a request: its one file, or the folder of its images.

    Raises
    ------
    InputError
        If there are none, or others.
    """
    if not folder:
        return one_file(kind, files, "reference")
    references = files.get("reference", ())
    if not references or set(files) != {"reference"}:
        raise InputError(f"a {kind} request needs its images and no other files")
    return references[0].parent
