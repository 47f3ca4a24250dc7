"""The ways to play a move over another number of frames. A new one is a row here and a function."""

from collections.abc import Callable
from dataclasses import dataclass

from parascale.parallax.shot import Shot
from parascale.retime.even import even
from parascale.retime.felt_speed import keep_felt_speed
from parascale.retime.resample import keep_path
from parascale.types import Choice


@dataclass(frozen=True)
class RetimeMode(Choice):
    """A way to retime.

    Attributes
    ----------
    function : callable
        (shot, frames, fps) -> shot; options of its own follow by name.
    """

    function: Callable[..., Shot]


MODES = {
    mode.name: mode
    for mode in (
        RetimeMode("keep-path", "Keep Path", "The same path over another number of frames", keep_path),
        RetimeMode(
            "keep-felt-speed",
            "Keep Felt Speed",
            "As fast as it was for longer: an orbit turns further",
            keep_felt_speed,
        ),
        RetimeMode("even", "Even", "Every frame moves by the same felt step", even),
    )
}
