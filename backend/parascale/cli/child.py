"""Solving in a child process that ends at once on Ctrl-C: inside pycolmap a signal waits for seconds."""

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar, cast

from parascale.cli.voice import Voice, current_voice, log_to
from parascale.errors import InputError
from parascale.extras import missing_package
from parascale.types import Progress

T = TypeVar("T")
log = logging.getLogger(__name__)


def run_in_child(work: Callable[..., T], clip: Path, *arguments: object, progress: Progress, **options: object) -> T:
    """Run `solve` or `verify` in a child process, which is killed when this call is interrupted.

    Parameters
    ----------
    work : callable
        A function of a module, called in the child with what follows.
    clip : Path
    *arguments, **options
        Its other parameters.
    progress : callable
        Its progress, called in this process.

    Raises
    ------
    InputError
        As ``work`` does, and where the child dies.
    """
    child = _Child(clip, partial(work, clip, *arguments, **options))
    try:
        while True:
            kind, content = child.receive()
            if kind == "progress":
                progress(*content)
            elif kind == "raised":
                raise content
            else:
                return content  # type: ignore[no-any-return]  # what work returned
    finally:
        child.end()


def run_side_by_side(
    work: Callable[..., T], clips: Sequence[Path], at_once: int, progress: Progress, **options: object
) -> Iterator[tuple[int, T | InputError]]:
    """Run `solve` on several clips, so many at a time, each in a child process; all are killed when this ends.

    Parameters
    ----------
    work : callable
        A function of a module, called in the children with a clip and the options.
    clips : sequence of Path
    at_once : int
    progress : callable
        Called in this process, with the part done of all clips.
    **options
        Other parameters of ``work``.

    Yields
    ------
    (int, T or InputError)
        The number of a clip and its result, or why there is none, in the order in which they end.
    """
    waiting = list(enumerate(clips))[::-1]
    parts = [0.0] * len(clips)
    running: dict[Connection, tuple[int, _Child]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, clip = waiting.pop()
                child = _Child(clip, partial(work, clip, **options))
                running[child.pipe] = number, child
            for pipe in wait(list(running)):
                number, child = running[cast("Connection", pipe)]
                kind, content = child.receive()
                if kind == "progress":
                    parts[number], phase = content
                    progress(sum(parts) / len(parts), f"{clips[number].name}: {phase}")
                    continue
                child.end()
                del running[child.pipe]
                parts[number] = 1.0
                if isinstance(content, Exception) and not isinstance(content, InputError):
                    raise content
                yield number, content
    finally:
        for _, child in running.values():
            child.end()


class _Child:
    """A process at work on a clip, and the pipe through which it answers."""

    def __init__(self, clip: Path, work: Callable[..., object]) -> None:
        # Spawned, not forked: the libraries keep threads, which a fork would leave without their owners.
        context = multiprocessing.get_context("spawn")
        keep_terminating()
        self._clip = clip
        self.pipe, there = context.Pipe(duplex=False)
        level = logging.getLogger().getEffectiveLevel()
        self._process = context.Process(target=_work, args=(there, level, current_voice(), work), daemon=True)
        with _interrupts_held_back():
            self._process.start()
        there.close()

    def receive(self) -> tuple[str, Any]:
        """Wait for what it says next: "progress", "raised" or "returned", and with what."""
        try:
            kind, content = self.pipe.recv()
        except EOFError:
            return "raised", InputError(
                f"solving {self._clip} ended without an answer, most likely for want of memory: give a shorter range"
            )
        return kind, content

    def end(self) -> None:
        """Kill the process, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self.pipe.close()


def keep_terminating() -> None:
    """Take SIGTERM back from pycolmap, whose import has it end the process at once with a trace of its own."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a child be born deaf to Ctrl-C, which reaches the whole process group: this process decides, and kills.

    What comes meanwhile comes afterwards: left half started, a child would say so.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started with the first child, it would lift the mask again.
    resource_tracker.ensure_running()
    # Masked, another thread of this process may still receive them.
    came: list[int] = []
    held = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, lambda number, _: came.append(number)) for number in held]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in zip(held, handlers, strict=True):
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _work(pipe: Connection, level: int, voice: Voice, work: Callable[..., object]) -> None:
    logging.basicConfig(level=level, format="%(name)s: %(message)s")
    if voice.log_file is not None:
        log_to(voice.log_file, verbose=bool(voice.verbose))
    log.debug("working in process %d", os.getpid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        result = work(progress=lambda fraction, phase: pipe.send(("progress", (fraction, phase))))
    except InputError as error:
        pipe.send(("raised", error))
    except ImportError as error:
        pipe.send(("raised", missing_package(error, "this command") or error))
    except Exception:
        pipe.send(("raised", RuntimeError(f"the child process failed:\n{traceback.format_exc()}")))
    else:
        pipe.send(("returned", result))


def _end_with_parent() -> None:
    """Wait for the parent's death, and follow it: killed, it cannot kill its child."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
