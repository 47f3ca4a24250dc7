"""The two ways work ends early on purpose: input that cannot be used, and a user who stops it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

Remedy = Literal[
    "",
    "blend-camera",  # choices: the cameras of the scene
    "camera",  # choices: the cameras of the file
    "extra",  # choices: the one optional part of the package that is missing; empty where it is no optional one
    "fewer-frames",
    "fetch-result",  # choices: the job whose files the backend keeps
    "format",
    "fov",
    "fps",
    "frame-range",
    "keys",
    "other-format",  # choices: the formats that the file may be of instead
    "probe",
    "rerun",  # the viewer is not installed
    "shot",  # choices: a frame range "START:END" for each shot, end exclusive, in order
    "size",
    "start-backend",
    "state-folder",
    "address",
    "verify",
    "weights",  # choices: the name of the weights to fetch
    "weights-list",
    "write-format",  # choices: the formats that can be written
]
"""What the user can give to mend a refusal or an assumption. Each front end words it with its own option or button."""


@dataclass(frozen=True)
class Notice:
    """Something to tell the user that does not stop the work, such as a value that was assumed.

    Attributes
    ----------
    message : str
        What is so, without the name of any option or button.
    remedy : Remedy
        What the user can give to change it; empty where nothing can.
    choices : tuple of str
        What can be given, where that is known.
    """

    message: str
    remedy: Remedy = ""
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message

    @classmethod
    def from_json(cls, value: object) -> "Notice":
        """Read what `dataclasses.asdict` made of a notice, from JSON; a text alone is its message."""
        if not isinstance(value, dict):
            return cls(str(value))
        remedy, choices = value.get("remedy"), value.get("choices")
        known = cast("Remedy", remedy) if remedy in get_args(Remedy) else ""
        return cls(str(value.get("message")), known, tuple(map(str, choices)) if isinstance(choices, list) else ())


class InputError(ValueError):
    """The input cannot be used; the message says in one sentence what is wrong, where, and what is expected.

    The message names no option and no button: ``remedy`` and ``choices`` state what would mend it, and each front end
    words that. The command line prints it and exits with status 3; the add-on shows it as a report.

    Parameters
    ----------
    message : str
    remedy : Remedy
        What the user can give to mend it; empty where the message says all.
    choices : iterable of str
        What can be given, where that is known.
    """

    def __init__(self, message: str, remedy: Remedy = "", choices: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.notice = Notice(message, remedy, tuple(choices))

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, Remedy, tuple[str, ...]]]:
        return type(self), (self.notice.message, self.notice.remedy, self.notice.choices)


class Cancelled(Exception):  # noqa: N818 - named as what happened: it is no error
    """The user asked for the work to stop."""
