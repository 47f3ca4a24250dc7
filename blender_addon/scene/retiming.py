"""How a move is played over another number of frames."""

from typing import NamedTuple

from parascale import retime
from parascale.parallax.shot import Shot
from parascale.retime.modes import MODES

from ..settings import CalibrationSettings


class Retiming(NamedTuple):
    """A way to retime (see `parascale.retime.modes`), "reverse", "ping-pong" or "NONE", with its options."""

    mode: str
    frames: int
    keep_angles: bool = False
    count_rotation: bool = False

    def apply(self, shot: Shot, fps: float) -> Shot:
        """Play a shot so."""
        if self.mode == "reverse":
            return retime.reverse(shot)
        if self.mode == "ping-pong":
            return retime.ping_pong(shot)
        own = {"keep-felt-speed": {"keep_angles": self.keep_angles}, "even": {"count_rotation": self.count_rotation}}
        return MODES[self.mode].function(shot, self.frames, fps, **own.get(self.mode, {}))

    def store(self, settings: CalibrationSettings) -> None:
        """Make it the settings' own."""
        settings.retiming, settings.retimed_frames = self.mode, self.frames
        settings.keep_angles, settings.count_rotation = self.keep_angles, self.count_rotation


def retiming_of(settings: CalibrationSettings) -> Retiming:
    """Read the settings' own."""
    return Retiming(settings.retiming, settings.retimed_frames, settings.keep_angles, settings.count_rotation)
