"""Camera paths from pixels: tracks, keyframes, maps, poses, depth, and the gate."""

# isort: off
# First of all: once pycolmap is loaded, OpenCV's PNG writer meets the wrong zlib and aborts.
import cv2  # noqa: F401

from parascale.solve.pipeline import solve
# isort: on

__all__ = ["solve"]
