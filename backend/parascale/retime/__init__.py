"""Time that can be bent: other frames and rates for a camera move, and other moves made of it."""

from parascale.parallax.horizon import up_direction
from parascale.retime.even import even
from parascale.retime.felt_speed import keep_felt_speed
from parascale.retime.horizon import level, level_anchor
from parascale.retime.playback import hold, ping_pong, reverse
from parascale.retime.resample import ease, fit_to_training, generator_times, keep_path, match_rate, resample
from parascale.retime.shake import Separation, separate, smooth, take_shake
from parascale.retime.stitch import stitch
from parascale.retime.strength import at_speed, felt_speed, strengthen, typical_speed

__all__ = [
    "Separation",
    "at_speed",
    "ease",
    "even",
    "felt_speed",
    "fit_to_training",
    "generator_times",
    "hold",
    "keep_felt_speed",
    "keep_path",
    "level",
    "level_anchor",
    "match_rate",
    "ping_pong",
    "resample",
    "reverse",
    "separate",
    "smooth",
    "stitch",
    "strengthen",
    "take_shake",
    "typical_speed",
    "up_direction",
]
