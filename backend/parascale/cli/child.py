"""Solving in a child process that ends at once on Ctrl-C: inside pycolmap a signal waits for seconds."""

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TypeVar

from parascale.errors import InputError
from parascale.extras import missing_package
from parascale.types import Progress

T = TypeVar("T")


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
    # Spawned, not forked: the libraries keep threads, which a fork would leave without their owners.
    context = multiprocessing.get_context("spawn")
    keep_terminating()
    here, there = context.Pipe(duplex=False)
    level = logging.getLogger().getEffectiveLevel()
    child = context.Process(target=_work, args=(there, level, partial(work, clip, *arguments, **options)), daemon=True)
    with _interrupts_held_back():
        child.start()
    there.close()
    try:
        while True:
            kind, content = here.recv()
            if kind == "progress":
                progress(*content)
            elif kind == "raised":
                raise content
            else:
                return content  # type: ignore[no-any-return]  # what work returned
    except EOFError:
        raise InputError(
            f"solving {clip} ended without an answer, most likely for want of memory: give a shorter range"
        ) from None
    finally:
        child.kill()
        child.join()
        child.close()
        here.close()


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


def _work(pipe: Connection, level: int, work: Callable[..., object]) -> None:
    logging.basicConfig(level=level, format="%(name)s: %(message)s")
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
