"""Which generators there are."""

from parascale.generators.easyanimate_camera import EasyAnimateCamera
from parascale.generators.generator import Generator
from parascale.generators.motionmaster import MotionMaster
from parascale.generators.preview import Preview
from parascale.generators.recammaster import ReCamMaster
from parascale.generators.wan_fun_camera import WanFunCamera
from parascale.generators.wan_vace import WanVace


def generators() -> dict[str, Generator]:
    """All generators by name. Nothing heavy is imported before one is asked to generate."""
    known: tuple[Generator, ...] = (
        *(Preview(), WanFunCamera(), ReCamMaster(), WanVace(), EasyAnimateCamera()),
        MotionMaster(),
    )
    return {generator.name: generator for generator in known}
