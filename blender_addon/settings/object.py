"""What the add-on stores on an object: what the object is, and what it was made from."""

import bpy

from ..typed_properties import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    PointerProperty,
    StringProperty,
)
from .calibration import CalibrationSettings
from .changes import notify
from .choices import ROLES

# Custom properties of a calibrated camera, which play and may be animated without the add-on.
STRENGTH = "parascale_strength"
TIME = "parascale_time"


class ObjectSettings(bpy.types.PropertyGroup):
    """What an object of ours is, and what it was made from."""

    role: str = EnumProperty(name="Role", items=ROLES)
    text: bpy.types.Text | None = PointerProperty(
        name="Shot", description="Text that holds the exact reference", type=bpy.types.Text
    )
    points: bpy.types.Object | None = PointerProperty(
        name="Points", description="Mesh of the reference's points", type=bpy.types.Object
    )
    reference: bpy.types.Object | None = PointerProperty(
        name="Reference", description="Reference camera it follows", type=bpy.types.Object
    )
    calibration: CalibrationSettings = PointerProperty(type=CalibrationSettings)
    report: str = StringProperty(name="Report", description="Result of the last calibration, as JSON")
    inputs: str = StringProperty(name="Inputs", description="Inputs of the last calibration, as JSON")
    draft: bool = BoolProperty(name="Draft", description="Whether the keys are a quick draft of fewer rays")
    own_lens: tuple[float, float, float] = FloatVectorProperty(
        name="Own Lens", description="Lens and shift from before the reference's were copied; 0 if not copied"
    )
    # The property that is animated is a plain one, which plays without the add-on; this one answers while it slides.
    strength: float = FloatProperty(
        name="Strength",
        description="Multiplies the target Parallax Number",
        min=0.0,
        soft_max=4.0,
        get=lambda settings: float(settings.id_data.get(STRENGTH, 1.0)),
        set=lambda settings, value: settings.id_data.__setitem__(STRENGTH, value),
        update=notify,
    )


def settings_of_object(item: bpy.types.Object) -> ObjectSettings:
    """Return what the add-on stores on an object."""
    return item.parascale  # type: ignore[attr-defined, no-any-return]  # `attach` makes it
