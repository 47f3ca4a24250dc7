"""Operators that take their time: modal with progress and Esc from the interface, blocking from scripts.

Such an operator does its work in steps, a generator of (fraction, phase). The interface takes one step a timer event;
scripts and background runs take all of them at once.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

import bpy

from parascale.errors import Cancelled, InputError

from .advice import sentence
from .stubs import Context, Outcome

T = TypeVar("T")
Steps = Generator[tuple[float, str], None, T]

STEP_SECONDS = 0.015


class CheckedOperator(bpy.types.Operator):
    """Base of operators that say in Blender's own tooltip what is missing (see `operators.polls`)."""

    # Each returns what is missing, or "".
    needs: tuple[Callable[[Context], str], ...] = ()

    @classmethod
    def poll(cls, context: Context) -> bool:
        missing = next(filter(None, (need(context) for need in cls.needs)), "")
        if missing:
            cls.poll_message_set(missing)
        return not missing


class DirectOperator(CheckedOperator):
    """Base of operators that do their work at once; a subclass writes `run`."""

    def run(self, context: Context) -> None:
        """Do the work."""
        raise NotImplementedError

    def execute(self, context: Context) -> Outcome:
        try:
            self.run(context)
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class StepOperator(CheckedOperator):
    """Base of operators that work in steps; a subclass writes `steps`."""

    _steps: Steps[None]
    _timer: bpy.types.Timer

    # Whether the steps are taken one a timer event.
    is_modal = False

    def steps(self, context: Context) -> Steps[None]:
        """Do the work, yielding (fraction, phase) now and then."""
        raise NotImplementedError

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        if bpy.app.background:
            return self.execute(context)
        return self.start_modal(context)

    def execute(self, context: Context) -> Outcome:
        if self.is_modal and not bpy.app.background:
            return self.start_modal(context)
        self.is_modal = False
        window_manager = context.window_manager
        window_manager.progress_begin(0, 1)
        try:
            for fraction, _ in self.steps(context):
                window_manager.progress_update(fraction)
                time.sleep(0.001)
        except (InputError, OSError, Cancelled) as error:
            return self._refuse(error)
        finally:
            window_manager.progress_end()
        return {"FINISHED"}

    def start_modal(self, context: Context) -> Outcome:
        """Begin the steps and hand the rest to `modal`."""
        self.is_modal = True
        self._steps = self.steps(context)
        window_manager = context.window_manager
        self._timer = window_manager.event_timer_add(STEP_SECONDS, window=context.window)
        window_manager.modal_handler_add(self)
        window_manager.progress_begin(0, 1)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: bpy.types.Event) -> Outcome:
        if event.type == "ESC" and event.value == "PRESS":
            self._steps.close()
            self._end_modal(context)
            self.report({"INFO"}, "Cancelled: nothing was changed")
            return {"CANCELLED"}
        if event.type != "TIMER":
            # Until the end the file stays as the work found it.
            return {"RUNNING_MODAL"}
        try:
            fraction, phase = next(self._steps)
        except StopIteration:
            self._end_modal(context)
            return {"FINISHED"}
        except (InputError, OSError, Cancelled) as error:
            self._end_modal(context)
            return self._refuse(error)
        context.window_manager.progress_update(fraction)
        context.workspace.status_text_set(f"ParaScale: {phase} {fraction:.0%} (Esc to cancel)")
        return {"RUNNING_MODAL"}

    def _end_modal(self, context: Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)

    def _refuse(self, error: Exception) -> Outcome:
        if not isinstance(error, Cancelled):
            self.report({"ERROR"}, sentence(error))
        return {"CANCELLED"}


class Hooks:
    """What work on a thread may ask of the main thread, where alone Blender's data may be touched."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self._stop = threading.Event()
        self.state = (0.0, "")

    def progress(self, fraction: float, phase: str) -> None:
        """Take note of how far the work has come."""
        self.state = (fraction, phase)

    def cancelled(self) -> bool:
        """Whether the work should stop."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the work to stop, and refuse what it still asks for."""
        self._stop.set()

    def on_main(self, function: Callable[..., T]) -> Callable[..., T]:
        """Wrap a function so that its calls are carried out on the main thread."""

        def call(*arguments: object) -> T:
            if self.cancelled():
                raise Cancelled
            future: Future[T] = Future()

            def answer() -> None:
                _answer(future, lambda: function(*arguments), refused=self.cancelled())

            self._calls.put(answer)
            return future.result()

        return call

    def serve(self, seconds: float) -> None:
        """Carry out calls of the thread for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                answer = self._calls.get(timeout=left)
            except queue.Empty:
                return
            answer()


def _answer(future: "Future[T]", call: Callable[[], T], *, refused: bool = False) -> None:
    try:
        if refused:
            raise Cancelled
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)


def in_thread(work: Callable[[Hooks], T]) -> Steps[T]:
    """Run work on a thread in steps; the generator's return value is the work's."""
    hooks = Hooks()
    outcome: Future[T] = Future()
    thread = threading.Thread(target=_answer, args=(outcome, lambda: work(hooks)), daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            hooks.serve(STEP_SECONDS)
            yield hooks.state
    finally:
        hooks.cancel()
        while thread.is_alive():
            hooks.serve(STEP_SECONDS)
    return outcome.result()
