"""Work that goes on beside the user: one task at a time, a step a timer event, while Blender stays usable.

A task never changes the file by itself. Where its work is done it waits until Blender is idle in Object Mode, and then
calls the operator it belongs to, which writes the result as one undo step.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import bpy

from parascale.errors import Cancelled, InputError

from .advice import sentence

INTERVAL_SECONDS = 0.02
# Steps are taken until this much of the interval is used.
_BUSY_SECONDS = 0.012
_REDRAW_SECONDS = 0.1
# How long the status bar shows what came of it.
_SHOWN_SECONDS = 10.0

# A task yields this when only the writing is left: from here on it changes the file.
WRITE = (1.0, "Waiting for Object Mode")


@dataclass
class Task:
    """Work under way, and what its panel shows.

    Attributes
    ----------
    label : str
    steps : iterator of (fraction, phase)
    write : callable
        Takes the rest of the steps, which write the result.
    """

    label: str
    steps: Iterator[tuple[float, str]]
    write: Callable[[], None]
    fraction: float = 0.0
    phase: str = ""
    reports: list[tuple[Any, str]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    is_ready: bool = False

    def report(self, levels: Any, text: str) -> None:
        """Keep a report until it can be shown."""
        self.reports.append((levels, text))

    def seconds_left(self) -> float | None:
        """Estimate the remaining time from the fraction done; None if too little is done for an estimate."""
        if self.fraction < 0.05 or self.is_ready:
            return None
        return (time.monotonic() - self.started) * (1 - self.fraction) / self.fraction


@dataclass
class _State:
    task: Task | None = None
    # Why the last task ended without a result.
    trouble: str = ""
    shown_until: float | None = None
    redrawn: float = 0.0


_state = _State()


def current() -> Task | None:
    """Return the task under way."""
    return _state.task


def trouble() -> str:
    """Return why the last task ended without a result; empty where it did not."""
    return _state.trouble


def dismiss() -> None:
    """Forget why the last task ended without a result."""
    _state.trouble = ""


def start(task: Task) -> None:
    """Begin a task in place of the one before; its first step is taken at once, in the caller's context."""
    cancel()
    dismiss()
    _state.task = task
    _take_steps(task, 0.0)
    if not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=INTERVAL_SECONDS, persistent=True)


def cancel(reason: str = "") -> None:
    """End the task under way; nothing was changed yet."""
    task, _state.task = _state.task, None
    if task is not None:
        close = getattr(task.steps, "close", None)
        if close is not None:
            close()
        _state.trouble = f"{task.label}: {reason}" if reason else ""
        _set_status(None)


def stop() -> None:
    """End all of it."""
    cancel()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)


def is_idle() -> bool:
    """Whether results may enter the file: no window is in the middle of a grab, nor out of Object Mode."""
    for window in bpy.data.window_managers[0].windows:
        # Operators that change the file, or hold the mouse, until they end.
        if any({"UNDO", "GRAB_CURSOR"} & set(running.bl_options) for running in window.modal_operators):
            return False
        active = window.view_layer.objects.active if window.view_layer else None
        if active is not None and active.mode != "OBJECT":
            return False
    return True


def tell(text: str) -> None:
    """Show a sentence in the status bar for a while."""
    _set_status(text)
    _state.shown_until = time.monotonic() + _SHOWN_SECONDS
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=INTERVAL_SECONDS, persistent=True)


def _on_timer() -> float | None:
    now = time.monotonic()
    if _state.shown_until is not None and now > _state.shown_until:
        _state.shown_until = None
        _set_status(None)
    task = _state.task
    if task is None:
        return None if _state.shown_until is None else 1.0
    windows = bpy.data.window_managers[0].windows
    if len(windows):
        # A timer has no window of its own.
        with bpy.context.temp_override(window=bpy.context.window or windows[0]):
            _advance(task)
    if now - _state.redrawn > _REDRAW_SECONDS or _state.task is None:
        _state.redrawn = now
        redraw_panels()
    return INTERVAL_SECONDS


def is_rendering() -> bool:
    """Whether the user renders: the scene must not go to other frames meanwhile, nor be rendered by us."""
    return bpy.app.is_job_running("RENDER")


def _advance(task: Task) -> None:
    if is_rendering():
        task.phase = "Waiting for the render"
        return
    if not task.is_ready:
        _take_steps(task, _BUSY_SECONDS)
        if _state.task is task:
            _set_status(f"ParaScale: {task.label}: {task.phase} {task.fraction:.0%}")
        return
    if not is_idle():
        task.phase = WRITE[1]
        return
    _state.task = None
    _attempt(task.write)
    if task.reports:
        tell(task.reports[-1][1])


def _take_steps(task: Task, seconds: float) -> None:
    end = time.monotonic() + seconds

    def work() -> None:
        while True:
            step = next(task.steps)
            if step is WRITE:
                task.is_ready = True
            task.fraction, task.phase = step[0], "" if step is WRITE else step[1]
            if task.is_ready or time.monotonic() >= end:
                return

    try:
        _attempt(work)
    except StopIteration:
        _state.task = None
        _set_status(None)
        if task.reports:
            tell("; ".join(text for _, text in task.reports))


def _attempt(work: Callable[[], None]) -> None:
    """Do some of a task's work; where that is refused, the task ends and its panel says why."""
    try:
        work()
        return
    except ReferenceError:
        trouble = "What it worked on was removed: nothing was changed"
    except Cancelled:
        trouble = ""
    except (InputError, OSError) as error:
        trouble = sentence(error)
    except RuntimeError as error:  # how Blender passes on what an operator refuses
        trouble = sentence(str(error).removeprefix("Error: "))
    _state.task, _state.trouble = None, trouble
    _set_status(None)
    if trouble:
        tell(f"ParaScale: {trouble}")


def _set_status(text: str | None) -> None:
    for workspace in {window.workspace for window in bpy.data.window_managers[0].windows}:
        workspace.status_text_set(text)


def redraw_panels() -> None:
    """Have what shows panels of ours drawn anew, and nothing of the scene: a large one takes longer than the work."""
    for window in bpy.data.window_managers[0].windows:
        for area in window.screen.areas:
            if area.type in ("SEQUENCE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == "UI":
                    region.tag_redraw()


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def _on_another_state(*_: object) -> None:
    # What the steps hold of the file is freed.
    cancel("stopped by an undo or another file: nothing was changed")


HANDLERS = (
    (bpy.app.handlers.undo_pre, _on_another_state),
    (bpy.app.handlers.redo_pre, _on_another_state),
    (bpy.app.handlers.load_pre, _on_another_state),
)
