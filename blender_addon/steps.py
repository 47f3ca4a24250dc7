"""Operators that take their time: tasks beside the user from the interface, blocking from scripts.

Such an operator does its work in steps, a generator of (fraction, phase) that yields `tasks.WRITE` before it changes
anything. The interface makes a task of them, and calls the operator again to write; scripts, repeats and changes in
Adjust Last Operation take all of them at once. None is ever modal: Blender crashes where a repeated operator is.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import bpy

from parascale.errors import Cancelled, InputError

from . import tasks
from .advice import sentence
from .stubs import Context, Outcome

T = TypeVar("T")
Report = Callable[[Any, str], object]
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


class Call:
    """What an operator was called with: its properties as attributes, and where its reports go; it outlives it."""

    def __init__(self, values: Mapping[str, Any], report: Report, *, is_task: bool = False) -> None:
        self._values = values
        self.report = report
        # Whether the user goes on working meanwhile.
        self.is_task = is_task

    def __getattr__(self, name: str) -> Any:
        return self._values[name]


# The task whose result the operator of this name is called to write.
_prepared: dict[str, tasks.Task] = {}


class StepOperator(CheckedOperator):
    """Base of operators that work in steps; a subclass writes `steps`."""

    # Set by `invoke` where it opens a dialog or the file browser, after which Blender calls `execute`.
    was_asked = False

    @classmethod
    def poll(cls, context: Context) -> bool:
        task = tasks.current()
        if task is None:
            return super().poll(context)
        cls.poll_message_set(f"{task.label} is under way: wait, or press Cancel above the panels")
        return False

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        """Do the work, yielding (fraction, phase) now and then, and `tasks.WRITE` before anything is changed."""
        raise NotImplementedError

    def invoke(self, context: Context, event: bpy.types.Event) -> Outcome:
        return self.execute(context) if bpy.app.background else self.start_task(context)

    def execute(self, context: Context) -> Outcome:
        if self.was_asked and not bpy.app.background:
            self.was_asked = False
            return self.start_task(context)
        task = _prepared.pop(type(self).bl_idname, None)
        steps = self.steps(context, Call(self._values(), self.report)) if task is None else task.steps
        window_manager = context.window_manager
        window_manager.progress_begin(0, 1)
        try:
            for fraction, _ in steps:
                window_manager.progress_update(fraction)
                time.sleep(0.001)
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        except Cancelled:
            return {"CANCELLED"}
        finally:
            window_manager.progress_end()
        for levels, text in task.reports if task is not None else ():
            self.report(levels, text)
        return {"FINISHED"}

    def start_task(self, context: Context) -> Outcome:
        """Begin the work beside the user. The operator that is registered is the one that writes its result."""
        name, values = type(self).bl_idname, self._values()

        def write() -> None:
            _prepared[name] = task
            try:
                getattr(bpy.ops.parascale, name.rpartition(".")[2])("EXEC_DEFAULT", True, **values)  # type: ignore[attr-defined]  # ours
            finally:
                _prepared.pop(name, None)

        task = tasks.Task(self.bl_label, iter(()), write)
        task.steps = self.steps(context, Call(values, task.report, is_task=True))
        tasks.start(task)
        if tasks.trouble():
            # Refused at once: said where the button was pressed.
            self.report({"ERROR"}, tasks.trouble())
            tasks.dismiss()
        return {"CANCELLED"}

    def _values(self) -> dict[str, Any]:
        names = self.properties.bl_rna.properties.keys()
        return {name: _plain(getattr(self, name)) for name in names if name != "rna_type"}


def _plain(value: Any) -> object:
    return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value


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
