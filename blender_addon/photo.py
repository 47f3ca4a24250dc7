"""A photo as the target: its pixels for a depth model, and the surface that its depth makes of it."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from parascale.blender.depth_image import read_depth_in_blender
from parascale.blender.depth_proxy import create_depth_proxy
from parascale.blender.scene_state import metres_per_unit
from parascale.camera.intrinsics import focal_from_fov, fov_from_focal, scale_intrinsics
from parascale.errors import InputError
from parascale.media.depth_file import MAX_PIXELS, DepthFile, read_depth_map
from parascale.media.orientation import UPRIGHT, orientation_of, upright_size
from parascale.projection.depth_map import STATED_UNCERTAINTY

from .jobs.journal import Job
from .scene.pictures import read_picture
from .settings import settings_of_scene

# Of a photo of which nothing says the lens: a phone's is wider, a portrait's narrower.
STATED_FOV = 50.0


@dataclass(frozen=True)
class Found:
    """What is known of a photo's depth.

    Attributes
    ----------
    near, median, far : float
        Depth at 10, 50 and 90 % of what shows a surface, in units of the scene.
    cover : float
        Share of the picture that shows a surface.
    uncertainty : float
        Relative error of the depth, one sigma; 0 where it is stated to be what it is.
    source : str
        What said so.
    relative : bool
        Whether the depth has an unknown shift, and its median was made 1.
    """

    near: float
    median: float
    far: float
    cover: float
    uncertainty: float
    source: str
    relative: bool = False


def picture_of(path: Path) -> NDArray[np.uint8]:
    """Read a photo (H, W, 3), sRGB, upright; one of more than 16 megapixels is averaged down below that.

    Raises
    ------
    InputError
        Where Blender cannot read it.
    """
    picture = read_picture(path)
    step = math.ceil(math.sqrt(picture.shape[0] * picture.shape[1] / MAX_PIXELS))
    if step == 1:
        return picture
    rows, columns = picture.shape[0] // step, picture.shape[1] // step
    blocks = picture[: rows * step, : columns * step].reshape(rows, step, columns, step, 3)
    return np.asarray(np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)), np.uint8)


def ask_as(scene: bpy.types.Scene, job: Job) -> None:
    """Set the panel to what an earlier job asked."""
    photo = settings_of_scene(scene).photo
    photo.source = "MODEL"
    for name in ("picture", "model", "fov"):
        setattr(photo, name, job.request[name])


def place_estimate(scene: bpy.types.Scene, job: Job) -> str:
    """Put a photo into the scene by the depth that a backend estimated; say what was done.

    Raises
    ------
    InputError
        Where the photo or its depth map is gone.
    """
    file = read_depth_map(Path(job.files["depth_map"]))
    facts = job.summary
    metres = metres_per_unit(scene) if facts["kind"] == "metric" else None
    depth = file.depth / np.float32(metres or 1.0)
    found = _found(depth, float(facts["uncertainty"]), Path(facts["model"]).name, relative=facts["kind"] == "relative")
    return _place(scene, Path(job.request["picture"]), depth, found, float(job.request["fov"]), facts["intrinsics"])


def place_file(scene: bpy.types.Scene, picture: Path, path: Path, scale: float, fov: float) -> tuple[str, DepthFile]:
    """Put a photo into the scene by a depth map; say what was done.

    Raises
    ------
    InputError
        Where either file cannot be read, or they have another shape.
    """
    file = read_depth_in_blender(path, scale or None)
    return _place(scene, picture, file.depth, _found(file.depth, STATED_UNCERTAINTY, path.name), fov), file


def place_wall(scene: bpy.types.Scene, picture: Path, distance: float, fov: float) -> str:
    """Put a photo into the scene as a wall; say what was done.

    Raises
    ------
    InputError
        Where the photo cannot be read.
    """
    rows, columns = read_picture(picture).shape[:2]
    # Of a plane the corners say all there is; near ones keep its samples apart as any map's.
    share = min(1.0, 64 / max(rows, columns))
    size = max(2, round(rows * share)), max(2, round(columns * share))
    depth = np.full(size, distance, np.float32)
    return _place(scene, picture, depth, _found(depth, STATED_UNCERTAINTY, "stated"), fov)


def found_in(scene: bpy.types.Scene) -> Found | None:
    """Return what is known of the depth of the scene's photo; None where there is no photo."""
    photo = settings_of_scene(scene).photo
    if photo.surface is None or not photo.found:
        return None
    return Found(**json.loads(photo.found))


def _found(depth: NDArray[np.float32], uncertainty: float, source: str, *, relative: bool = False) -> Found:
    seen = np.isfinite(depth) & (depth > 0)
    near, median, far = np.percentile(depth[seen], (10, 50, 90)).tolist()
    return Found(near, median, far, float(seen.mean()), uncertainty, source, relative)


def _place(
    scene: bpy.types.Scene,
    path: Path,
    depth: NDArray[np.float32],
    found: Found,
    fov: float,
    intrinsics: ArrayLike | None = None,
) -> str:
    state = settings_of_scene(scene)
    image = _loaded(path)
    orientation = orientation_of(path) or UPRIGHT
    size: Any = image.size
    width, height = upright_size((int(size[0]), int(size[1])), orientation)
    if fov or intrinsics is None:
        focal = focal_from_fov(math.radians(fov or STATED_FOV), width)
        lens = np.array([focal, focal, width / 2, height / 2])
    else:
        lens = scale_intrinsics(intrinsics, (depth.shape[1], depth.shape[0]), (width, height))
    proxy = create_depth_proxy(scene, image, depth, lens, name=path.stem, orientation=orientation)
    before = _placed_before(state.photo, image)
    if before is not None:
        proxy.surface.matrix_world = proxy.camera.matrix_world = before
    state.photo.surface, state.photo.camera = proxy.surface, proxy.camera
    state.photo.found = json.dumps(asdict(found))
    state.picture, state.picture_path = "FILE", str(path)
    angle = math.degrees(fov_from_focal(float(lens[0]), width))
    return f"{path.name} stands in the scene, {proxy.camera.name} sees it over {angle:.0f} degrees"


def _loaded(path: Path) -> bpy.types.Image:
    try:
        return bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError:
        raise InputError(f"the photo {path} is not there any more") from None


def _placed_before(photo: Any, image: bpy.types.Image) -> Any:
    """Take an earlier surface of the same photo away and return where it stood; hide one of another photo.

    Two surfaces at one place would both be measured.
    """
    surface, camera = photo.surface, photo.camera
    if surface is None:
        return None
    nodes: Any = [item.node_tree.nodes for item in surface.data.materials if item and item.node_tree]
    if not any(getattr(node, "image", None) == image for group in nodes for node in group):
        for item in (surface, *surface.children):
            item.hide_viewport = item.hide_render = True
        return None
    place = surface.matrix_world.copy()
    for item in (*surface.children, surface, camera):
        if item is not None:
            bpy.data.objects.remove(item)
    return place
