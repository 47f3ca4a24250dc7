"""A depth map seen from a moving camera: one surface, a NumPy reference renderer, numba kernels for speed."""
