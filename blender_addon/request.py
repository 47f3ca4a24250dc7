"""For scripts: what the add-on would send for a calibrated camera, without a backend. These names stay.

::

    asked = request.Asked(long_side=320)
    steps = request.build(scene, camera, request.timing_of(scene, camera, asked), asked)

``steps`` yields (fraction, phase) and returns a `parascale.link.kinds.generate.GenerationRequest`.
"""

import dataclasses

import bpy

from parascale.link.kinds.generate import GenerationRequest

from .scene.generation import FrameTimes, build_request
from .scene.generation import GenerationSettings as Asked
from .scene.generation import choose_frame_times as timing_of
from .scene.pictures import read_picture
from .steps import Steps

__all__ = ["Asked", "build", "read_picture", "timing_of"]


def build(
    scene: bpy.types.Scene, camera: bpy.types.Object, timing: FrameTimes, asked: Asked
) -> Steps[GenerationRequest]:
    """Build the request at given times (see `scene.generation.build_request`)."""
    return build_request(scene, camera, dataclasses.replace(asked, fps=timing.fps, frames=len(timing.times)))
