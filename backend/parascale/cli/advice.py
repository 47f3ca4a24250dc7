"""What the command line advises for what lower rooms report: the option that mends it."""

from parascale.errors import InputError, Notice, Remedy

ADVICE: dict[Remedy, str] = {
    "blend-camera": "name one with --camera",
    "camera": "choose another with --camera",
    "extra": "pip install 'parascale[{}]'",
    "format": "name it with --format (`parascale formats` lists them)",
    "fov": "override with --fov",
    "fps": "override with --fps",
    "frame-range": "give a range with --start and --end",
    "keys": "make them with `parascale keys new DIR`",
    "other-format": "read it with --format {} if that is wrong",
    "probe": "write one with `parascale probe`",
    "rerun": (
        "it needs NumPy 2, so give it an environment of its own, python -m venv parascale-view && "
        'parascale-view/bin/pip install "parascale[view]", and run parascale-view/bin/parascale view; '
        "or draw a picture with --plot"
    ),
    "size": "override with --size",
    "start-backend": "start one with `parascale serve`",
    "state-folder": "name another with --state",
    "address": "take another with --bind",
    "verify": "`parascale generate --verify` measures it",
    "weights": "run `parascale weights fetch {}`",
    "weights-list": "`parascale weights list` names all",
    "write-format": "choose another with --format",
}
"""What follows the message, by remedy; choices stand in place of {}, else after it."""


MAX_SHOTS_LISTED = 12


def sentence(notice: Notice | InputError) -> str:
    """Word a notice or a refusal for a terminal, with the option that mends it."""
    if isinstance(notice, InputError):
        notice = notice.notice
    if notice.remedy == "shot":
        ranges = [range_.split(":") for range_ in notice.choices]
        options = [f"--shot {number} (--start {a} --end {b})" for number, (a, b) in enumerate(ranges, 1)]
        listed = ", or ".join(options[:MAX_SHOTS_LISTED]) + " and so on" * (len(options) > MAX_SHOTS_LISTED)
        return f"{notice.message}: choose one with {listed}"
    advice, choices = ADVICE.get(notice.remedy), ", ".join(notice.choices)
    if advice is None:
        return notice.message
    if "{}" in advice:
        return f"{notice.message}: {advice.format(choices)}"
    return f"{notice.message}: {advice}" + (f" ({choices})" if choices else "")
