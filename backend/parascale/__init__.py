"""ParaScale: scale-calibrated camera-motion transfer by the Parallax Number.

What a script needs is here by name, and imported when it is first used:

>>> import parascale
>>> shot = parascale.solve_clip("walk.mp4")
>>> target = parascale.ConstantDepth(3.0)
>>> asked = parascale.calibrate(shot, target, shot.trajectory.view(0)).shot
>>> parascale.write_shot(asked, "desk.shot.json")
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parascale.camera import Trajectory, View
    from parascale.conditioning.plucker import plucker_maps
    from parascale.errors import InputError
    from parascale.evaluation.verify import verify
    from parascale.files.shot_file import read_shot, write_shot
    from parascale.files.trajectory_file import read_trajectory, write_trajectory
    from parascale.media.depth_file import read_depth_map
    from parascale.parallax.calibrate import calibrate
    from parascale.parallax.depth_source import ConstantDepth
    from parascale.parallax.metrics import compare
    from parascale.parallax.number import parallax_number
    from parascale.parallax.settings import Settings
    from parascale.parallax.shot import Shot
    from parascale.projection.depth_map import depth_map_target
    from parascale.retime.resample import match_rate
    from parascale.solve.pipeline import solve as solve_clip

__version__ = "0.1.0"

# Public name: the module it is in. `solve` itself is the room that solves.
_PLACES = {
    "ConstantDepth": "parallax.depth_source",
    "InputError": "errors",
    "Settings": "parallax.settings",
    "Shot": "parallax.shot",
    "Trajectory": "camera",
    "View": "camera",
    "calibrate": "parallax.calibrate",
    "compare": "parallax.metrics",
    "depth_map_target": "projection.depth_map",
    "match_rate": "retime.resample",
    "parallax_number": "parallax.number",
    "plucker_maps": "conditioning.plucker",
    "read_depth_map": "media.depth_file",
    "read_shot": "files.shot_file",
    "read_trajectory": "files.trajectory_file",
    "solve_clip": "solve",
    "verify": "evaluation.verify",
    "write_shot": "files.shot_file",
    "write_trajectory": "files.trajectory_file",
}
_OWN_NAMES = {"solve_clip": "solve"}

__all__ = [
    "ConstantDepth",
    "InputError",
    "Settings",
    "Shot",
    "Trajectory",
    "View",
    "calibrate",
    "compare",
    "depth_map_target",
    "match_rate",
    "parallax_number",
    "plucker_maps",
    "read_depth_map",
    "read_shot",
    "read_trajectory",
    "solve_clip",
    "verify",
    "write_shot",
    "write_trajectory",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'parascale' has no attribute {name!r}")
    return getattr(import_module(f"parascale.{_PLACES[name]}"), _OWN_NAMES.get(name, name))


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
