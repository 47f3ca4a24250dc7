"""Render the clip that the window suite solves, a flight along a street, and write down the P that was filmed."""

import json
import sys
from pathlib import Path

import bpy
import numpy as np

from parascale.blender.depth import SceneDepth
from parascale.blender.render import render_clip
from parascale.blender.scenes.moves import animate
from parascale.blender.scenes.street import build_street
from parascale.parallax.number import median_depth, parallax_number

FRAMES, FPS, SIZE = 33, 16, (480, 272)

bpy.ops.wm.read_homefile(use_empty=True)
scene = bpy.context.scene
build_street(scene)
scene.render.resolution_x, scene.render.resolution_y = SIZE
path = animate(scene, "crane", FRAMES, FPS)
clip = Path(sys.argv[1])
render_clip(scene, clip, SIZE, (1, FRAMES + 1), FPS)
depth = SceneDepth(scene)
looks = zip(path.camera_to_world, path.intrinsics, range(FRAMES), strict=True)
median = np.array([median_depth(depth(pose, lens, path.size, frame)) for pose, lens, frame in looks])
truth = {"frames": FRAMES, "fps": FPS, "parallax_number": parallax_number(path, median).tolist()}
clip.with_suffix(".json").write_text(json.dumps(truth))
