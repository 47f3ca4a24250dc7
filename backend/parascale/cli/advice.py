"""What the command line advises for what lower rooms report: the option that mends it."""

import json
from importlib import metadata
from pathlib import Path

import parascale
from parascale.errors import InputError, Notice, Remedy

ADVICE: dict[Remedy, str] = {
    "blend-camera": "name one with --camera",
    "camera": "choose another with --camera",
    "fetch-result": "bring it somewhere else with `parascale result {} -o FILE`",
    "format": "name it with --format (`parascale formats` lists them)",
    "fov": "override with --fov",
    "fps": "override with --fps",
    "fewer-frames": "give a range with --start and --end, or take one frame in N with --every N",
    "frame-range": "give a range with --start and --end",
    "keys": "make them with `parascale keys new DIR`",
    "other-format": "read it with --format {} if that is wrong",
    "probe": "write one with `parascale probe`",
    "rerun": (
        "it needs NumPy 2, so give it an environment of its own, python -m venv parascale-view && "
        "parascale-view/bin/{install}, and run parascale-view/bin/parascale view; or draw a picture with --plot"
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
"""What follows the message, by remedy; choices stand in place of {}, else after it.

What is missing has no row: `install_line` says how to get it.
"""


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
    choices = ", ".join(notice.choices)
    if notice.remedy == "extra":
        return f"{notice.message}: {install_line(choices)}"
    advice = ADVICE.get(notice.remedy)
    if notice.remedy == "rerun" and advice is not None:
        return f"{notice.message}: {advice.format(install=install_line('view'))}"
    if advice is None:
        return notice.message
    if "{}" in advice:
        return f"{notice.message}: {advice.format(choices)}"
    return f"{notice.message}: {advice}" + (f" ({choices})" if choices else "")


def install_line(extra: str) -> str:
    """Return the command that installs an extra from where this package came from: no index has it.

    Parameters
    ----------
    extra : str
        Empty where what every installation has is missing.
    """
    wanted = f"[{extra}]" if extra else ""
    checkout = Path(parascale.__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return f'pip install -e "{checkout}{wanted}"'
    if source := _installed_from():
        return f'pip install "parascale{wanted} @ {source}"'
    return f'pip install ".{wanted}" in the folder of ParaScale\'s source'


def _installed_from() -> str:
    """Return the URL that pip installed this package from; empty where it kept none."""
    try:
        return str(json.loads(metadata.distribution("parascale").read_text("direct_url.json") or "{}").get("url", ""))
    except (metadata.PackageNotFoundError, ValueError):
        return ""
