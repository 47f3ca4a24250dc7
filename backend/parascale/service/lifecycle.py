"""The life of a job as a table, apart from sockets, files and processes: what may follow what, and what is retried."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from parascale.link.messages import JobState

MAX_ATTEMPTS = 3
"""Starts of a job that each ended with the death of its worker or of the backend, after which the job is the reason."""

MAX_HANGS = 2
"""Starts of a job that each ended without progress."""

Event = Literal[
    "receive",  # all its files are here
    "start",
    "finish",
    "fail",
    "stop",  # the worker heeded a cancel
    "cancel",
    "worker-dies",
    "hang",  # no progress
    "backend-dies",
    "backend-stops",  # in good order
    "lose",  # what was submitted is gone, or never came
]

TABLE: Mapping[JobState, Mapping[Event, tuple[JobState, ...]]] = {
    "queued": {
        "receive": ("queued",),
        "start": ("running",),
        "fail": ("failed",),  # its files did not come as they were announced
        "cancel": ("cancelled",),
        "lose": ("lost",),
    },
    "running": {
        "finish": ("done",),
        "fail": ("failed",),
        "stop": ("cancelled",),
        "cancel": ("cancelling",),
        "worker-dies": ("queued", "failed"),
        "hang": ("queued", "failed"),
        "backend-dies": ("queued", "lost"),
        "backend-stops": ("queued",),
        "lose": ("lost",),
    },
    "cancelling": {
        "finish": ("done",),
        "fail": ("failed",),
        "stop": ("cancelled",),
        "cancel": ("cancelling",),
        "worker-dies": ("cancelled",),
        "hang": ("cancelled",),
        "backend-dies": ("cancelled",),
        "backend-stops": ("cancelled",),
        "lose": ("cancelled",),
    },
    "done": {"cancel": ("done",)},
    "failed": {"cancel": ("failed",)},
    "cancelled": {"cancel": ("cancelled",)},
    "lost": {"cancel": ("lost",)},
}
"""By state and event the states that may follow; where two may, the first until the tries are used up."""


class IllegalTransitionError(RuntimeError):
    """Something happened to a job that cannot happen in its state: a mistake of ours, refused."""


@dataclass(frozen=True)
class Tries:
    """How often a job was started, and how often it hung."""

    attempts: int = 0
    hangs: int = 0


def next_state(state: JobState, event: Event, tries: Tries) -> tuple[JobState, Tries]:
    """Return the state that follows, and the tries counted on.

    Raises
    ------
    IllegalTransitionError
        Where the event cannot happen in that state.
    """
    following = TABLE[state].get(event)
    if following is None:
        raise IllegalTransitionError(f"a job that is {state} cannot {event}")
    if event == "start":
        return following[0], Tries(tries.attempts + 1, tries.hangs)
    if event == "backend-stops" and state == "running":  # it did not die of this job
        return following[0], Tries(tries.attempts - 1, tries.hangs)
    if event == "hang" and state == "running":
        tries = Tries(tries.attempts, tries.hangs + 1)
        used_up = tries.hangs >= MAX_HANGS
    else:
        used_up = tries.attempts >= MAX_ATTEMPTS
    return following[-1 if used_up else 0], tries
