"""Solving in a process of its own, which can be stopped at once: inside pycolmap a signal waits for seconds."""

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from parascale.errors import Cancelled, InputError
from parascale.parallax.shot import Shot
from parascale.types import CancelCheck, Progress

# How often, in seconds, the wish to stop is asked for.
PULSE = 0.05


def solve_in_child(
    reference: Path, *, progress: Progress | None = None, cancelled: CancelCheck | None = None, **options: Any
) -> Shot:
    """Solve a clip in a child process, killed when cancelled or interrupted.

    Parameters
    ----------
    reference : Path
    progress, cancelled
        As for `solve`; both are called in this process.
    **options
        The other parameters of `solve`.

    Returns
    -------
    Shot

    Raises
    ------
    InputError
        As `solve` does, and where the child died.
    Cancelled
    """
    # Spawned, not forked: the libraries keep threads, which a fork would leave without their owners.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    level = logging.getLogger().getEffectiveLevel()
    child = context.Process(target=_work, args=(there, reference, options, level), daemon=True)
    with _without_interrupts():
        child.start()
    there.close()
    try:
        return _listen(here, reference, progress, cancelled)
    finally:
        child.kill()
        child.join()
        child.close()
        here.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let a child be born deaf to Ctrl-C, which reaches the whole process group: this process decides, and kills."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started with the first child, it would lift the mask again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _interrupts_put_off():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Hold back Ctrl-C, which another thread of this process may still receive: half started, a child would say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    usual = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came:
            signal.raise_signal(signal.SIGINT)


def _listen(pipe: Connection, reference: Path, progress: Progress | None, cancelled: CancelCheck | None) -> Shot:
    while True:
        if cancelled is not None and cancelled():
            raise Cancelled
        if not pipe.poll(PULSE):
            continue
        try:
            kind, content = pipe.recv()
        except EOFError:
            raise InputError(
                f"solving {reference} ended without an answer, most likely for want of memory: give a shorter range"
            ) from None
        if kind == "shot":
            assert isinstance(content, Shot)
            return content
        if kind == "refused":
            raise content
        if kind == "broken":
            raise RuntimeError(f"solving {reference} failed:\n{content}")
        if progress is not None:
            progress(*content)


def _work(pipe: Connection, reference: Path, options: dict[str, Any], level: int) -> None:
    logging.basicConfig(level=level, format="%(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from parascale.solve.pipeline import solve

    try:
        shot = solve(reference, progress=lambda fraction, phase: pipe.send(("progress", (fraction, phase))), **options)
    except InputError as error:
        pipe.send(("refused", error))
    except Exception:
        pipe.send(("broken", traceback.format_exc()))
    else:
        pipe.send(("shot", shot))


def _end_with_parent() -> None:
    """Wait for the parent's death, and follow it: killed, it cannot kill its child."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
