"""What the command line advises for what lower rooms report: the option that mends it."""

from parascale.errors import InputError, Notice, Remedy

ADVICE: dict[Remedy, str] = {
    "blend-camera": "name one with --camera",
    "camera": "choose another with --camera",
    "extra": "pip install",
    "format": "name it with --format (`parascale formats` lists them)",
    "fov": "override with --fov",
    "fps": "override with --fps",
    "frame-range": "give a range with --start and --end",
    "plot": "draw a picture with --plot",
    "size": "override with --size",
    "state-folder": "name another with --state",
    "address": "take another with --bind",
}
"""What follows the message, by remedy; choices are added after it."""


def sentence(notice: Notice | InputError) -> str:
    """Word a notice or a refusal for a terminal, with the option that mends it."""
    if isinstance(notice, InputError):
        notice = notice.notice
    if notice.remedy == "shot":
        ranges = [range_.split(":") for range_ in notice.choices]
        listed = [f"--shot {number} (--start {a} --end {b})" for number, (a, b) in enumerate(ranges, 1)]
        return f"{notice.message}: choose one with {', or '.join(listed)}"
    advice = ADVICE.get(notice.remedy)
    if advice is None:
        return notice.message
    choices = f" ({', '.join(notice.choices)})" if notice.choices else ""
    return f"{notice.message}: {advice}{choices}"
