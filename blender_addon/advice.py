"""What the add-on advises for what lower rooms report: the field that mends it."""

from parascale.errors import Remedy

ADVICE: dict[Remedy, str] = {
    "camera": "choose another under Camera",
    "format": "choose one under Format",
    "fov": "change it under Field of View",
    "fps": "change it under Frame Rate",
    "size": "change it under Picture Size",
}
"""What follows the message, by remedy; the choices follow it."""
