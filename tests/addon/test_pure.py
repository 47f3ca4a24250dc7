"""The build without binary wheels: all that needs no backend works where there is no pyzmq."""

import json
from collections.abc import Callable
from pathlib import Path

WORK = """
import builtins, importlib.util, json, os, sys
import bpy

bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
assert importlib.util.find_spec("zmq") is None
bpy.ops.wm.read_homefile(use_empty=True)
scene = bpy.context.scene
scene.render.fps, scene.frame_end = 24, 9
bpy.ops.mesh.primitive_plane_add(size=100, location=(0, 0, 0))
bpy.ops.object.camera_add(location=(0, 0, 7))
scene.camera = bpy.context.object
ops, done = bpy.ops.parascale, {"FINISHED"}
assert ops.import_shot(filepath=sys.argv[2]) == done
assert ops.measure() == done
assert ops.create_camera() == done
camera = scene.camera
camera.parascale.strength = 0.5
assert ops.rebuild() == done
assert ops.retime(mode="keep-path", frames=13) == done
folder = os.path.dirname(sys.argv[2])
assert ops.export_path(filepath=os.path.join(folder, "path.txt"), format="wan-fun") == done
assert ops.use_camera() == done
assert ops.bake() == done
said = []
for operator in (ops.generate, ops.solve_clip, ops.test_backend):
    try:
        operator()
    except RuntimeError as error:
        said.append(str(error).strip())
manifest = open(os.path.join(os.path.dirname(sys.modules["bl_ext.user_default.parascale"].__file__),
                             "blender_manifest.toml")).read()
print("FOUND", json.dumps({"said": said, "pce": json.loads(camera.parascale.report)["pce"],
                           "network": "network" in manifest}))
"""


def test_pure_build_does_all_that_needs_no_backend(
    zips: Path, shot_file: Callable[..., Path], another_blender: Callable[..., str], tmp_path: Path
) -> None:
    (path,) = (zips / "pure").glob("parascale-*-pure.zip")
    (tmp_path / "resources").mkdir()
    output = another_blender(WORK, tmp_path / "resources", path, shot_file())
    (line,) = (line for line in output.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    assert len(found["said"]) == 3
    assert all("no link to a backend" in sentence for sentence in found["said"]), found["said"]
    assert found["pce"] < 1e-6
    assert not found["network"]
