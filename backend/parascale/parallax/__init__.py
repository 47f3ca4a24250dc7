"""The paper's mathematics: shots, the Parallax Number, gains, realised paths, metrics. NumPy alone."""
