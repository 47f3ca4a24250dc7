import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import Json, print_json
from parascale.cli.info import describe, print_description
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot


def retime(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write.")],
    frames: Annotated[str | None, typer.Option(help="How many, or 4n+1: as many of those as fit.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second; the shot's own where not given.")] = None,
    mode: Annotated[str, typer.Option(help="What to keep: {modes}.")] = "keep-path",
    keep_angles: Annotated[bool, typer.Option("--keep-angles", help="keep-felt-speed: look where it looked.")] = False,
    count_rotation: Annotated[bool, typer.Option("--count-rotation", help="even: let pans take their time.")] = False,
    ease: Annotated[str | None, typer.Option(help="keep-path: TIME:SHARE pairs, as 0:0,0.3:0.1,1:1.")] = None,
    level: Annotated[bool, typer.Option("--level", help="Level the horizon.")] = False,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Take out as much jitter as the noise floor explains.")
    ] = False,
    shake: Annotated[float | None, typer.Option(help="Multiply the handheld shake; 0 takes it out.")] = None,
    cutoff: Annotated[float, typer.Option(help="What is faster is shake, hertz.")] = 1.0,
    hold: Annotated[str | None, typer.Option(help="SECONDS@TIME: rest there for so long.")] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Play it backwards.")] = False,
    ping_pong: Annotated[bool, typer.Option("--ping-pong", help="Play it there and back.")] = False,
    strength: Annotated[float | None, typer.Option(help="Multiply its parallax.")] = None,
    speed: Annotated[float | None, typer.Option(help="Bring it to this much felt parallax per second.")] = None,
    json: Json = False,
) -> None:
    """Give a shot other frames and other timing; what else is asked happens in the order --help lists it."""
    from parascale import retime as bend
    from parascale.files.shot_file import read_shot, write_shot
    from parascale.retime.modes import MODES

    own = {"keep_angles": keep_angles, "count_rotation": count_rotation}
    _refuse_mixtures(mode, **own, eased=ease is not None)
    if strength is not None and speed is not None:
        raise InputError("--strength and --speed say the same in two ways: give one")
    options = {name: True for name, given in own.items() if given}
    operations = (
        (level, bend.level),
        (smooth, bend.smooth),
        (shake is not None, lambda moved: bend.separate(moved, cutoff).combine(shake=shake or 0.0)),
        (hold is not None, lambda moved: bend.hold(moved, *_held(hold))),
        (reverse, bend.reverse),
        (ping_pong, bend.ping_pong),
        (mode == "keep-path", lambda moved: _along_the_path(moved, frames, fps, ease)),
        (mode != "keep-path", lambda moved: MODES[mode].function(moved, *_asked(moved, frames, fps), **options)),
        (strength is not None, lambda moved: bend.strengthen(moved, strength or 0.0)),
        (speed is not None, lambda moved: bend.at_speed(moved, speed or 0.0)),
    )
    result = read_shot(shot)
    for wanted, operation in operations:
        if wanted:
            result = operation(result)
    write_shot(result, output)
    if mode == "even" and result.provenance["retiming"][-1].get("equal") == "travel":
        print("parascale: note: its path turns back so often that its travel is even, not its P", file=sys.stderr)
    (print_json if json else print_description)(describe(result) | {"output": str(output)})


def _along_the_path(shot: "Shot", frames: str | None, fps: float | None, ease: str | None) -> "Shot":
    from parascale import retime as bend

    if ease is not None:
        pairs = [_numbers(pair, ":", "--ease", "pairs as 0:0,0.3:0.1,1:1") for pair in ease.split(",")]
        return bend.ease(shot, pairs, *_asked(shot, frames, fps))
    if frames is not None and frames.isdecimal():
        return bend.keep_path(shot, *_asked(shot, frames, fps))
    if frames is None and fps is None:
        return shot
    return bend.match_rate(shot, shot.fps if fps is None else fps, *_numbering(frames))


def _refuse_mixtures(mode: str, *, keep_angles: bool, count_rotation: bool, eased: bool) -> None:
    from parascale.retime.modes import MODES

    if mode not in MODES:
        raise InputError(f"the mode {mode!r} is not one of {', '.join(MODES)}")
    for given, option, belongs in (
        (keep_angles, "--keep-angles", "keep-felt-speed"),
        (count_rotation, "--count-rotation", "even"),
        (eased, "--ease", "keep-path"),
    ):
        if given and mode != belongs:
            raise InputError(f"{option} goes with --mode {belongs}, not with {mode}")


def _asked(shot: "Shot", frames: str | None, fps: float | None) -> tuple[int, float]:
    """Read frames and rate: the shot's own rate, and as many frames as fit its duration, where not given."""
    from parascale.retime import generator_times

    rate = shot.fps if fps is None else fps
    if frames is not None and frames.isdecimal():
        return int(frames), rate
    times = shot.trajectory.times
    return len(generator_times(float(times[-1] - times[0]), rate, *_numbering(frames))), rate


def _numbering(frames: str | None) -> tuple[int, int]:
    """Read A n + B; any number where nothing is asked."""
    if frames is None:
        return 1, 1
    match = re.fullmatch(r"(\d{1,6})n\+(\d{1,6})", frames.replace(" ", ""))
    if match is None:
        raise InputError(f"--frames {frames!r} is neither a number of frames nor a rule as 4n+1")
    return int(match[1]), int(match[2])


def _held(hold: str | None) -> tuple[float, float]:
    seconds, at = _numbers(hold or "", "@", "--hold", "SECONDS@TIME, as 1.5@2")
    return at, seconds


def _numbers(text: str, separator: str, option: str, form: str) -> tuple[float, float]:
    parts = text.split(separator)
    try:
        first, second = map(float, parts)
    except ValueError:
        raise InputError(f"{option} takes {form}, not {text!r}") from None
    return first, second
