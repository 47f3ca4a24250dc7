"""The scene: what a calibration, a photo or a generation takes from it, and what is made in it."""
