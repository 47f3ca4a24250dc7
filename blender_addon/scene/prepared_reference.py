"""The reference as a calibration takes it: in frames of the scene, with the depth and the subject that were chosen."""

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from parascale import retime
from parascale.blender.keyframes import curve_of, driven_paths
from parascale.blender.scene_state import frame_rate, require_plain_time
from parascale.errors import InputError
from parascale.parallax.methods import METHODS
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack
from parascale.retime.modes import MODES
from parascale.types import Array

from ..settings import TIME
from ..settings.calibration import CalibrationSettings
from .reference_camera import chosen_shot


class Retiming(NamedTuple):
    """A way to retime (see `parascale.retime.modes`), "reverse", "ping-pong" or "NONE", with its options."""

    mode: str
    frames: int
    keep_angles: bool = False
    count_rotation: bool = False

    def apply(self, shot: Shot, fps: float) -> Shot:
        """Play a shot so."""
        if self.mode == "reverse":
            return retime.reverse(shot)
        if self.mode == "ping-pong":
            return retime.ping_pong(shot)
        own = {"keep-felt-speed": {"keep_angles": self.keep_angles}, "even": {"count_rotation": self.count_rotation}}
        return MODES[self.mode].function(shot, self.frames, fps, **own.get(self.mode, {}))

    def store(self, settings: CalibrationSettings) -> None:
        """Make it the settings' own."""
        settings.retiming, settings.retimed_frames = self.mode, self.frames
        settings.keep_angles, settings.count_rotation = self.keep_angles, self.count_rotation


@dataclass(frozen=True, eq=False)
class PreparedReference:
    """A reference whose T frames are frames of the scene."""

    # Which shows it.
    camera: bpy.types.Object
    # Its depth is that by the chosen statistic.
    shot: Shot
    # Of the scene, (T,).
    frames: Array
    # Which of them, counted from 0, the anchor stands for.
    anchor_frame: int
    # Which frame of the reference's clip each shows, (T,), counted from 0.
    clip_frames: NDArray[np.int64]


def prepare_reference(
    scene: bpy.types.Scene,
    reference: bpy.types.Object,
    settings: CalibrationSettings,
    camera: bpy.types.Object | None = None,
    retiming: Retiming | None = None,
) -> PreparedReference:
    """Prepare the reference of a calibrated camera, or of one that is made yet.

    A curve of time of the camera, or a retiming where one is given, takes the place of the settings' own.
    """
    require_plain_time(scene)
    if camera is not None and camera.get(TIME) is not None and f'["{TIME}"]' in driven_paths(camera):
        raise InputError(f"the time of {camera.name} is driven, and only keys of it are read: remove the driver")
    shot = chosen_shot(reference, settings)
    if METHODS[settings.method].needs_reference_depth and np.isnan(shot.median_depth).all():
        raise InputError(f"the reference {shot.name} knows no depth: import it again with a Median Depth")
    # A track that runs along with the frames says where each came from, however the time is bent.
    clock = np.stack([np.linspace(-0.5, 0.5, len(shot)), np.zeros(len(shot))], axis=1)
    clocked = dataclasses.replace(shot, subjects=(*shot.subjects, SubjectTrack("clock", clock)))
    own = Retiming(settings.retiming, settings.retimed_frames, settings.keep_angles, settings.count_rotation)
    curve = None if camera is None else curve_of(camera, TIME)
    retimed = _retime(clocked, frame_rate(scene), settings, retiming or own, curve)
    assert shot.frames is not None
    places = np.clip(retimed.subjects[-1].centre[:, 0] + 0.5, 0.0, 1.0) * (len(shot) - 1)
    last, first = len(retimed) - 1, settings.frame_start
    named = {"FIRST": 0, "MIDDLE": last // 2, "LAST": last}
    return PreparedReference(
        reference,
        dataclasses.replace(retimed, subjects=retimed.subjects[:-1]),
        first + np.arange(len(retimed), dtype=np.float64),
        named.get(settings.match_at, min(max(settings.match_frame - first, 0), last)),
        shot.frames[np.rint(places).astype(int)],
    )


def _retime(
    shot: Shot, rate: float, settings: CalibrationSettings, retiming: Retiming, curve: bpy.types.FCurve | None
) -> Shot:
    if curve is not None and len(curve.keyframe_points):
        last = round(curve.keyframe_points[-1].co.x)
        count = max(2, last - settings.frame_start + 1)
        frames = settings.frame_start + np.arange(count)
        values = np.clip([curve.evaluate(float(frame)) for frame in frames], 0, 1)
        return retime.ease(shot, np.stack([np.linspace(0, 1, count), values], axis=1), count, rate)
    if retiming.mode != "NONE":
        return retiming.apply(shot, rate)
    return retime.match_rate(shot, rate) if settings.timing == "SECONDS" else shot
