"""A photo as the target: its pixels for a depth model, and the surface that its depth makes of it."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypedDict

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import ArrayLike, NDArray

from parascale.blender.depth_image import read_depth_in_blender
from parascale.blender.depth_proxy import create_depth_proxy
from parascale.blender.scene_state import metres_per_unit
from parascale.blender.untyped import image_size, untyped
from parascale.camera.intrinsics import focal_from_fov, fov_from_focal, scale_intrinsics
from parascale.errors import InputError
from parascale.media.depth_file import MAX_PIXELS, read_depth_map
from parascale.media.orientation import UPRIGHT, read_orientation, upright_size
from parascale.projection.depth_map import STATED_UNCERTAINTY
from parascale.types import Image

from ..settings import settings_of_scene
from ..settings.photo import PhotoSettings
from .pictures import load_picture, read_picture

# Of a photo of which nothing says the lens: a phone's is wider, a portrait's narrower.
STATED_FOV = 50.0
# Of a photo's median depth, in metres; and by which factor two maps of one photo may differ.
PLAUSIBLE_METRES = (0.05, 1000.0)
MAX_DISAGREEMENT = 3.0


class PhotoRequest(TypedDict):
    """What a depth job keeps of its request."""

    picture: str
    model: str
    fov: float


class DepthEstimate(TypedDict):
    """What a backend says of a depth map that it estimated."""

    model: str
    kind: str
    uncertainty: float
    intrinsics: list[float]


@dataclass(frozen=True)
class PhotoDepth:
    """What is known of a photo's depth.

    Attributes
    ----------
    near, median, far : float
        Depth at 10, 50 and 90 % of what shows a surface, in units of the scene.
    cover : float
        Share of the picture that shows a surface.
    uncertainty : float
        Relative error of the depth, one sigma; 0 where it is stated.
    source : str
        Where the depth comes from.
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


def read_photo(path: Path) -> Image:
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


def restore_request(scene: bpy.types.Scene, request: Mapping[str, object]) -> None:
    """Set the panel to the request of an earlier job."""
    photo = settings_of_scene(scene).photo
    photo.source = "MODEL"
    for name in ("picture", "model", "fov"):
        setattr(photo, name, request[name])


def place_estimate(scene: bpy.types.Scene, picture: Path, fov: float, depth_map: Path, estimate: DepthEstimate) -> str:
    """Put a photo into the scene by the depth that a backend estimated; say what was done.

    Raises
    ------
    InputError
        Where the photo or its depth map is gone.
    """
    metres = metres_per_unit(scene) if estimate["kind"] == "metric" else None
    depth = read_depth_map(depth_map).depth / np.float32(metres or 1.0)
    source, relative = Path(estimate["model"]).name, estimate["kind"] == "relative"
    found = _describe_depth(depth, estimate["uncertainty"], source, relative=relative)
    return _place(scene, picture, depth, found, fov, estimate["intrinsics"])


def place_file(
    scene: bpy.types.Scene, picture: Path, path: Path, scale: float, fov: float
) -> tuple[str, tuple[str, ...]]:
    """Put a photo into the scene by a depth map; say what was done, and what is doubtful about the map.

    Raises
    ------
    InputError
        Where either file cannot be read, or they have another shape.
    """
    file = read_depth_in_blender(path, scale or None)
    found = _describe_depth(file.depth, STATED_UNCERTAINTY, path.name)
    photo = settings_of_scene(scene).photo
    before = depth_of_photo(scene) if photo.surface and _shows(photo.surface, picture) else None
    doubts = _doubts(found, before, metres_per_unit(scene))
    return _place(scene, picture, file.depth, found, fov), (*file.warnings, *doubts)


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
    return _place(scene, picture, depth, _describe_depth(depth, STATED_UNCERTAINTY, "stated"), fov)


def depth_of_photo(scene: bpy.types.Scene) -> PhotoDepth | None:
    """Return what is known of the depth of the scene's photo; None where there is no photo."""
    photo = settings_of_scene(scene).photo
    if photo.surface is None or not photo.found:
        return None
    return PhotoDepth(**json.loads(photo.found))


def _describe_depth(
    depth: NDArray[np.float32], uncertainty: float, source: str, *, relative: bool = False
) -> PhotoDepth:
    seen = np.isfinite(depth) & (depth > 0)
    near, median, far = np.percentile(depth[seen], (10, 50, 90)).tolist()
    return PhotoDepth(near, median, far, float(seen.mean()), uncertainty, source, relative)


def _doubts(found: PhotoDepth, before: PhotoDepth | None, metres: float | None) -> list[str]:
    """Say where a map may be in another unit than it is taken for, or of another photo."""
    doubts = []
    if metres is not None and not PLAUSIBLE_METRES[0] <= found.median * metres <= PLAUSIBLE_METRES[1]:
        doubts.append(
            f"{found.source} has a median depth of {found.median * metres:,.4g} m: where it counts in another unit "
            "than the scene, set Scale to what one of its steps is"
        )
    if before is not None and not before.relative and found.source != before.source:
        ratio = found.median / before.median
        if max(ratio, 1 / ratio) > MAX_DISAGREEMENT:
            doubts.append(
                f"{found.source} is {ratio:.3g} times as deep as {before.source} said of this photo "
                f"({found.median:.3g} instead of {before.median:.3g}, median): check its unit, and that it is its map"
            )
    return doubts


def _place(
    scene: bpy.types.Scene,
    path: Path,
    depth: NDArray[np.float32],
    found: PhotoDepth,
    fov: float,
    intrinsics: ArrayLike | None = None,
) -> str:
    state = settings_of_scene(scene)
    if not path.is_file():
        raise InputError(f"the photo {path} is not there any more")
    image = load_picture(path, check_existing=True)
    orientation = read_orientation(path) or UPRIGHT
    width, height = upright_size(image_size(image), orientation)
    if fov or intrinsics is None:
        focal = focal_from_fov(math.radians(fov or STATED_FOV), width)
        lens = np.array([focal, focal, width / 2, height / 2])
    else:
        lens = scale_intrinsics(intrinsics, (depth.shape[1], depth.shape[0]), (width, height))
    proxy = create_depth_proxy(scene, image, depth, lens, name=path.stem, orientation=orientation)
    before = _remove_earlier(state.photo, image)
    if before is not None:
        proxy.surface.matrix_world = proxy.camera.matrix_world = before
    state.photo.surface, state.photo.camera = proxy.surface, proxy.camera
    state.photo.found = json.dumps(asdict(found))
    state.picture, state.picture_path = "FILE", str(path)
    angle = math.degrees(fov_from_focal(float(lens[0]), width))
    return f"{path.name} is in the scene; {proxy.camera.name} sees it over {angle:.0f} degrees"


def _remove_earlier(photo: PhotoSettings, image: bpy.types.Image) -> Matrix | None:
    """Remove an earlier surface of the same photo and return its pose; hide one of another photo.

    Two surfaces at one place would both be measured.
    """
    surface, camera = photo.surface, photo.camera
    if surface is None:
        return None
    if image not in _images_of(surface):
        for item in (surface, *surface.children):
            item.hide_viewport = item.hide_render = True
        return None
    pose = surface.matrix_world.copy()
    for removed in (*surface.children, surface, camera):
        if removed is not None:
            bpy.data.objects.remove(removed)
    return pose


def _shows(surface: bpy.types.Object, picture: Path) -> bool:
    return any(Path(bpy.path.abspath(image.filepath)) == picture for image in _images_of(surface))


def _images_of(surface: bpy.types.Object) -> list[bpy.types.Image]:
    """Pictures that lie on a surface."""
    mesh = surface.data
    assert isinstance(mesh, bpy.types.Mesh)
    trees = [material.node_tree for material in mesh.materials if material is not None]
    nodes = [node for tree in trees if tree is not None for node in tree.nodes]
    return [untyped(node).image for node in nodes if getattr(node, "image", None) is not None]
