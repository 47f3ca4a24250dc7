"""ParaScale's node for ComfyUI: a camera path, as exported or uploaded, for Wan's Control-Camera models.

Copy this folder into ComfyUI's ``custom_nodes``. It needs nothing that ComfyUI does not have.
"""

import os

import folder_paths
import numpy as np
import torch

KEY = "camera_latents"


class ParaScaleLoadCamera:
    """Reads camera latents, (1, 24, n + 1, H, W), out of ComfyUI's input folder.

    ParaScale uploads them, or ``parascale export --format wan-fun-latents`` writes them.
    """

    CATEGORY = "ParaScale"
    FUNCTION = "load"
    RETURN_TYPES = ("WAN_CAMERA_EMBEDDING", "INT", "INT", "INT")
    RETURN_NAMES = ("camera_embedding", "width", "height", "length")

    @classmethod
    def INPUT_TYPES(cls):
        """Name the file."""
        return {"required": {"camera_file": ("STRING", {"default": "camera.npz"})}}

    @classmethod
    def VALIDATE_INPUTS(cls, camera_file):
        """Say before anything runs that the file is missing."""
        return True if _path(camera_file) else f"no camera file {camera_file!r} in ComfyUI's input folder"

    @classmethod
    def IS_CHANGED(cls, camera_file):
        """Return what changes when the file does."""
        path = _path(camera_file)
        return os.path.getmtime(path) if path else ""

    def load(self, camera_file):
        """Return the latents, and the width, height and length that they are for."""
        with np.load(_path(camera_file), allow_pickle=False) as archive:
            latents = torch.from_numpy(np.asarray(archive[KEY], np.float32))
        if latents.ndim == 4:
            latents = latents[None]
        if latents.ndim != 5 or latents.shape[1] != 24:
            raise ValueError(
                f"{camera_file} holds {tuple(latents.shape)}, where camera latents are (1, 24, n + 1, H, W)"
            )
        return latents, latents.shape[4], latents.shape[3], 4 * (latents.shape[2] - 1) + 1


def _path(camera_file):
    """Return the file below the input folder; None where there is none, or the name leads out of it."""
    root = os.path.realpath(folder_paths.get_input_directory())
    path = os.path.realpath(os.path.join(root, camera_file))
    return path if path.startswith(root + os.sep) and os.path.isfile(path) else None


NODE_CLASS_MAPPINGS = {"ParaScaleLoadCamera": ParaScaleLoadCamera}
NODE_DISPLAY_NAME_MAPPINGS = {"ParaScaleLoadCamera": "Load ParaScale Camera"}
