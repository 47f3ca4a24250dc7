"""Compare: the reference carried over verbatim, framed and by one gain for all frames, as pictures side by side."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TypedDict, TypeVar, cast

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from parascale.blender.camera import apply_lens, blender_from_opencv, render_size
from parascale.blender.render import render_still
from parascale.blender.render_settings import temporary
from parascale.blender.scene_state import at_frame, depsgraph_of
from parascale.blender.untyped import camera_data, image_size, untyped
from parascale.errors import InputError
from parascale.parallax.calibrate import Calibration
from parascale.parallax.calibration_report import CalibrationReport
from parascale.parallax.settings import DEFAULT_PRESET, PRESETS, Settings
from parascale.types import Array, Image

from ..settings import settings_of_object
from ..steps import Steps
from .calibrated_camera import calibrate_beside
from .calibration_inputs import CalibrationInputs, inputs_of_camera
from .pictures import read_picture
from .staleness import fingerprint_inputs, part_changed

LONG_SIDE, GAP = 320, 4
# Share of the work that goes into the paths; the rest is pictures.
_PATHS = 0.6
# Custom property of the sheet: what it shows, as JSON.
_TOLD = "parascale_comparison"
_NOTHING = 40
# Radius, width inwards and colour of what marks where the reference's subject is, and the target's: seen in an icon.
_RING, _DOT = (20, 6, (255, 220, 0)), (7, 7, (230, 30, 30))

T = TypeVar("T")


class ComparedWay(TypedDict):
    """A way of carrying the reference over: figures, None where undefined, or why it could not be used."""

    label: str
    subject_held: float | None
    pce: float | None
    rot_err: float | None
    roll_error: float | None
    crosses: bool
    reason: str


@dataclass(frozen=True, eq=False)
class ShotComparison:
    """Pictures of the first, middle and last frame, a row a way, and what is known of each.

    Attributes
    ----------
    ways : tuple of ComparedWay
    frames : tuple of int
        Of the scene.
    sheet : (H, W, 3) uint8
    inputs : mapping
        Fingerprints of what it was made from (see `fingerprint_inputs`).
    """

    ways: tuple[ComparedWay, ...]
    frames: tuple[int, ...]
    sheet: Image
    inputs: dict[str, str | list[str]]


def compare_shots(scene: bpy.types.Scene, camera: bpy.types.Object) -> Steps[ShotComparison]:
    """Carry the reference of a camera over in three ways, and render what each shows; nothing of the scene changes."""
    yield 0.0, "Gathering the scene"
    inputs = inputs_of_camera(scene, camera)
    made_from = fingerprint_inputs(scene, camera, inputs)
    options = _options_of_ways(inputs.options)
    found: list[Calibration | None] = []
    ways: list[ComparedWay] = []
    for index, (label, chosen) in enumerate(options.items()):
        begin, end = _PATHS * index / len(options), _PATHS * (index + 1) / len(options)
        try:
            result = yield from _within(calibrate_beside(replace(inputs, options=chosen)), begin, end)
        except InputError as error:
            found.append(None)
            ways.append(_way(label, None, str(error)))
            continue
        found.append(result)
        ways.append(_way(label, result.report))
    last = len(inputs.reference.frames) - 1
    steps = 0, last // 2, last
    size = _size_of_picture(scene)
    pictures: list[Image] = []
    for carried, step in product(found, steps):
        done = len(pictures) / (len(found) * len(steps))
        yield _PATHS + (1 - _PATHS) * done, "Drawing what is seen"
        empty = np.full((size[1], size[0], 3), _NOTHING, np.uint8)
        pictures.append(empty if carried is None else _draw(scene, camera, inputs, carried, step, size))
    frames = tuple(round(float(inputs.reference.frames[step])) for step in steps)
    return ShotComparison(tuple(ways), frames, _lay_out(pictures, len(steps)), made_from)


def keep_comparison(camera: bpy.types.Object, comparison: ShotComparison) -> bpy.types.Image:
    """Keep a camera's comparison in the file, as an image that any Image Editor shows.

    The one before is gone, unless the user keeps it (a fake user) or another camera has it, as a copy does.
    """
    height, width = comparison.sheet.shape[:2]
    # A new one, which takes the place of the last: undo does not bring back the pixels of an image that stays.
    image, before = bpy.data.images.new("Compared", width, height), settings_of_object(camera).compared
    settings_of_object(camera).compared = image
    kept = before is not None and any(settings_of_object(item).compared == before for item in bpy.data.objects)
    if before is not None and not (kept or before.use_fake_user):
        before.user_remap(image)
        bpy.data.images.remove(before)
    image.name = f"{camera.name} Compared"
    # Blender's pictures begin at the bottom.
    pixels = np.dstack([comparison.sheet, np.full((height, width), 255, np.uint8)])[::-1].astype(np.float32) / 255
    untyped(image.pixels).foreach_set(pixels.ravel())
    image.update()
    image.pack()
    digest = hashlib.sha1(comparison.sheet.tobytes(), usedforsecurity=False).hexdigest()
    told = {
        "digest": digest,
        "frames": comparison.frames,
        "ways": comparison.ways,
        "inputs": comparison.inputs,
    }
    image[_TOLD] = json.dumps(told)
    return image


@dataclass(frozen=True)
class KeptComparison:
    """A comparison that is in the file.

    Attributes
    ----------
    image : bpy.types.Image
    digest : str
        Of its pixels.
    frames : tuple of int
        Of the scene.
    ways : tuple of ComparedWay
    outdated : bool
        Whether something that it was made from has changed since.
    """

    image: bpy.types.Image
    digest: str
    frames: tuple[int, ...]
    ways: tuple[ComparedWay, ...]
    outdated: bool


def kept_comparison(scene: bpy.types.Scene, camera: bpy.types.Object) -> KeptComparison | None:
    """Return the comparison that is kept of a camera; None where there is none."""
    image = settings_of_object(camera).compared
    text = None if image is None else image.get(_TOLD)
    if image is None or text is None:
        return None
    told = json.loads(str(text))
    outdated = bool(part_changed(scene, camera, told["inputs"]))
    return KeptComparison(image, told["digest"], tuple(told["frames"]), tuple(told["ways"]), outdated)


def _options_of_ways(own: Settings) -> dict[str, Settings]:
    verbatim = Settings.verbatim(own.method, strength=own.strength, lens=own.lens, anchor_frame=own.anchor_frame)
    framed = replace(own, **PRESETS[DEFAULT_PRESET][1]) if own.is_verbatim else own
    return {"Verbatim": verbatim, "Framed": framed, "Global": replace(verbatim, method="global")}


def _way(label: str, report: CalibrationReport | None, reason: str = "") -> ComparedWay:
    figures = report.as_json() if report is not None else {}
    names = "subject_held", "pce", "rot_err", "roll_error"
    held, pce, turned, rolled = (cast("float | None", figures.get(name)) for name in names)
    return {
        "label": label,
        "subject_held": held,
        "pce": pce,
        "rot_err": turned,
        "roll_error": rolled,
        "crosses": report is not None and bool(report.crossings),
        "reason": reason,
    }


def _within(steps: Steps[T], begin: float, end: float) -> Steps[T]:
    """Take steps as a part of more."""
    try:
        while True:
            fraction, phase = next(steps)
            yield begin + (end - begin) * fraction, phase
    except StopIteration as done:
        return cast("T", done.value)
    finally:
        steps.close()


def _size_of_picture(scene: bpy.types.Scene) -> tuple[int, int]:
    width, height = render_size(scene)
    tall = height * scene.render.pixel_aspect_y / scene.render.pixel_aspect_x
    scale = LONG_SIDE / max(width, tall)
    return max(round(width * scale), 1), max(round(tall * scale), 1)


def _draw(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    inputs: CalibrationInputs,
    result: Calibration,
    step: int,
    size: tuple[int, int],
) -> Image:
    """Render what a carried camera sees, (H, W, 3) sRGB, and mark where the reference's subject and the target's are.

    By Workbench, through a camera that is gone afterwards.
    """
    path, carriers = result.shot.trajectory, inputs.surroundings.carriers
    pose = path.camera_to_world[step] if carriers is None else carriers[step] @ path.camera_to_world[step]
    data = camera_data(camera).copy()
    assert data is not None
    data.animation_data_clear()
    eye = bpy.data.objects.new("Compared", data)
    try:
        scene.collection.objects.link(eye)
        with (
            tempfile.TemporaryDirectory() as folder,
            at_frame(scene) as go_to,
            temporary(scene, {"camera": eye}),
        ):
            go_to(float(inputs.reference.frames[step]))
            apply_lens(data, scene, path.intrinsics[step], path.width, path.height)
            eye.matrix_world = Matrix(blender_from_opencv(pose).tolist())
            picture = np.array(read_picture(render_still(scene, Path(folder) / "frame.png", size)))
    finally:
        bpy.data.cameras.remove(data)  # takes its object along
        # What Blender has evaluated would go on naming the object that is gone.
        depsgraph_of(scene)
    for tracks, mark in ((result.reference_subjects, _RING), (result.shot.subjects, _DOT)):
        for track in tracks[:1]:
            if track.in_frame[step]:
                _draw_ring(picture, track.centre[step] * size[0] + np.array(size) / 2, *mark)
    return picture


def _draw_ring(picture: Image, place: Array, radius: float, width: float, colour: tuple[int, int, int]) -> None:
    """Draw a circle around a place (x, y), so wide inwards."""
    down, across = np.mgrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(across + 0.5 - place[0], down + 0.5 - place[1])
    picture[(away <= radius) & (away > radius - width)] = colour


def _lay_out(pictures: Sequence[Image], columns: int) -> Image:
    """Put pictures of one size side by side and below each other, with gaps between."""
    height, width = pictures[0].shape[:2]
    rows = len(pictures) // columns
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), _NOTHING, np.uint8)
    for place, picture in zip(_places(rows, columns, (width, height)), pictures, strict=True):
        sheet[place] = picture
    return sheet


def _places(rows: int, columns: int, size: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Where each picture of a sheet lies, row by row."""
    corners = product(
        range(0, rows * (size[1] + GAP), size[1] + GAP), range(0, columns * (size[0] + GAP), size[0] + GAP)
    )
    return [(slice(top, top + size[1]), slice(left, left + size[0])) for top, left in corners]


def cut_sheet(kept: KeptComparison) -> list[NDArray[np.float32]]:
    """Cut the sheet of a comparison into its pictures (H, W, 4), row by row."""
    width, height = image_size(kept.image)
    pixels = np.empty((height, width, 4), np.float32)
    untyped(kept.image.pixels).foreach_get(pixels.ravel())
    rows, columns = len(kept.ways), len(kept.frames)
    size = (width + GAP) // columns - GAP, (height + GAP) // rows - GAP
    return [pixels[::-1][place] for place in _places(rows, columns, size)]
