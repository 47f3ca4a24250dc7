import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, print_notes, refuse_ignored
from parascale.cli.info import print_shot
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot, stem_of, unused_name
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot


def retime(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The shot file to write; default: NAME.retimed.shot.json."),
    ] = None,
    frames: Annotated[str | None, typer.Option(help="Number of frames, or a rule such as 4n+1.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frame rate; default: the shot's.")] = None,
    mode: Annotated[str, typer.Option(help="What to keep: {modes}.")] = "keep-path",
    keep_angles: Annotated[bool, typer.Option("--keep-angles", help="keep-felt-speed: keep view directions.")] = False,
    count_rotation: Annotated[bool, typer.Option("--count-rotation", help="even: count rotation as motion.")] = False,
    ease: Annotated[str | None, typer.Option(help="keep-path: TIME:SHARE pairs such as 0:0,0.3:0.1,1:1.")] = None,
    level: Annotated[bool, typer.Option("--level", help="Level the horizon.")] = False,
    smooth: Annotated[bool, typer.Option("--smooth", help="Remove the jitter that the noise floor explains.")] = False,
    shake: Annotated[float | None, typer.Option(help="Multiply the handheld shake; 0 removes it.")] = None,
    cutoff: Annotated[
        float | None, typer.Option(help="With --shake, shake is motion above this frequency, hertz; default: 1.")
    ] = None,
    hold: Annotated[str | None, typer.Option(help="SECONDS@TIME: hold the camera at TIME for SECONDS.")] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Play backwards.")] = False,
    ping_pong: Annotated[bool, typer.Option("--ping-pong", help="Play forwards, then backwards.")] = False,
    strength: Annotated[float | None, typer.Option(help="Multiply the Parallax Number.")] = None,
    speed: Annotated[float | None, typer.Option(help="Scale to this median felt parallax per second.")] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Change the frames and timing of a shot; further options apply in the order of this list.

    Example: parascale retime walk.shot.json --frames 4n+1 --fps 16 -o walk16.shot.json
    """
    from parascale import retime as bend
    from parascale.retime.even import is_even_in_travel
    from parascale.retime.modes import MODES

    output = output or unused_name(stem_of(shot), ".retimed.shot.json")
    check_outputs("retime", output_of("shot", output), [shot], overwrite=overwrite)
    options = {"keep_angles": keep_angles, "count_rotation": count_rotation}
    if mode not in MODES:
        raise InputError(f"the mode {mode!r} is not one of {', '.join(MODES)}")
    refuse_ignored(
        (keep_angles, "--keep-angles", "--mode keep-felt-speed", mode == "keep-felt-speed"),
        (count_rotation, "--count-rotation", "--mode even", mode == "even"),
        (ease is not None, "--ease", "--mode keep-path", mode == "keep-path"),
        (cutoff is not None, "--cutoff", "--shake", shake is not None),
    )
    if strength is not None and speed is not None:
        raise InputError("--strength and --speed exclude each other: give one")
    at_cutoff = {} if cutoff is None else {"cutoff": cutoff}
    flags = {name: True for name, is_set in options.items() if is_set}
    operations = (
        (level, bend.level),
        (smooth, bend.smooth),
        (shake is not None, lambda moved: bend.separate(moved, **at_cutoff).combine(shake=shake or 0.0)),
        (hold is not None, lambda moved: bend.hold(moved, *_parse_hold(hold))),
        (reverse, bend.reverse),
        (ping_pong, bend.ping_pong),
        (mode == "keep-path", lambda moved: _keep_path(moved, frames, fps, ease)),
        (
            mode != "keep-path",
            lambda moved: MODES[mode].function(moved, *_frames_and_rate(moved, frames, fps), **flags),
        ),
        (strength is not None, lambda moved: bend.strengthen(moved, strength or 0.0)),
        (speed is not None, lambda moved: bend.at_speed(moved, speed or 0.0)),
    )
    result = open_shot(shot)
    for wanted, operation in operations:
        if wanted:
            result = operation(result)
    result = save_shot(result, output, "retime")
    if mode == "even" and is_even_in_travel(result):
        print_notes(["the path turns back too sharply for equal steps of P: its travel is even instead"])
    print_shot(result, json=json, output=output)


def _keep_path(shot: "Shot", frames: str | None, fps: float | None, ease: str | None) -> "Shot":
    from parascale import retime as bend

    if ease is not None:
        pairs = [_parse_pair(pair, ":", "--ease", "pairs such as 0:0,0.3:0.1,1:1") for pair in ease.split(",")]
        return bend.ease(shot, pairs, *_frames_and_rate(shot, frames, fps))
    if frames is not None and frames.isdecimal():
        return bend.keep_path(shot, *_frames_and_rate(shot, frames, fps))
    if frames is None and fps is None:
        return shot
    return bend.match_rate(shot, shot.fps if fps is None else fps, *_parse_frame_rule(frames))


def _frames_and_rate(shot: "Shot", frames: str | None, fps: float | None) -> tuple[int, float]:
    """Return the number of frames and their rate; where not given, the shot's rate and as many as fit its duration."""
    from parascale.retime import generator_times

    rate = shot.fps if fps is None else fps
    if frames is not None and frames.isdecimal():
        return int(frames), rate
    times = shot.trajectory.times
    return len(generator_times(float(times[-1] - times[0]), rate, *_parse_frame_rule(frames))), rate


def _parse_frame_rule(frames: str | None) -> tuple[int, int]:
    """Parse a rule A n + B for the number of frames; any number where none is given."""
    if frames is None:
        return 1, 1
    match = re.fullmatch(r"(\d{1,6})n\+(\d{1,6})", frames.replace(" ", ""))
    if match is None:
        raise InputError(f"--frames expects a number or a rule such as 4n+1, got {frames!r}")
    return int(match[1]), int(match[2])


def _parse_hold(hold: str | None) -> tuple[float, float]:
    seconds, at = _parse_pair(hold or "", "@", "--hold", "SECONDS@TIME such as 1.5@2")
    return at, seconds


def _parse_pair(text: str, separator: str, option: str, form: str) -> tuple[float, float]:
    parts = text.split(separator)
    try:
        first, second = map(float, parts)
    except ValueError:
        raise InputError(f"{option} expects {form}, got {text!r}") from None
    return first, second
