"""ParaScale: scale-calibrated camera-motion transfer by the Parallax Number."""

__version__ = "0.1.0"
