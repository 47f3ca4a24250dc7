"""What Blender shows of what lower rooms report: their message, and the field, button or preference that mends it."""

from parascale.errors import InputError, Notice, Remedy

ADVICE: dict[Remedy, str] = {
    "address": "choose another address in Preferences",
    "blend-camera": "choose a camera",
    "camera": "choose another under Camera",
    "extra": "press Copy Install Command and run it where the backend is to run ({})",
    "fetch-result": "",
    "format": "choose one under Format",
    "fov": "change it under Field of View",
    "fps": "change it under Frame Rate",
    "fewer-frames": "give a smaller range under Start and End",
    "frame-range": "give a smaller range under Start and End",
    "other-format": "choose {} under Format if that is wrong",
    "keys": "choose the folder of its keys in Preferences",
    "probe": "",
    "rerun": "",
    "shot": "choose one under Start and End: {}",
    "size": "change it under Picture Size",
    "start-backend": "start it in Preferences",
    "state-folder": "start the backend with another state folder",
    "verify": "",
    "weights": "press Copy Fetch Command and run it where the backend runs ({})",
    "weights-list": "",
    "write-format": "choose another under Format",
}
"""What follows the message, by remedy; choices stand in place of {}, else after it. Empty: Blender has no such step."""


def sentence(report: Exception | Notice | str) -> str:
    """Word a refusal, a notice or an error as one line that begins with a capital, with what mends it."""
    notice = report.notice if isinstance(report, InputError) else report
    text = str(notice)
    if isinstance(notice, Notice) and (advice := ADVICE.get(notice.remedy)):
        choices = ", ".join(notice.choices)
        text += ": " + (advice if "{}" in advice or not choices else f"{advice} ({{}})").format(choices)
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]
