"""Cameras: trajectories, intrinsics, rotations, alignment. OpenCV axes, camera-to-world, NumPy alone."""

from parascale.camera.trajectory import Trajectory, View

__all__ = ["Trajectory", "View"]
