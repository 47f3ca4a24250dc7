"""Changes of the journal that wait for the disk together, and what follows from each once they are there."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from parascale.service.journal import Journal

log = logging.getLogger(__name__)

_Effect = Callable[[], object]


class Batch:
    """What follows from changes: at once, or after all changes of a batch are on disk; never where they are not.

    Parameters
    ----------
    journal : Journal
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open = False
        self._effects: list[tuple[_Effect, _Effect | None]] = []
        self._undo: list[_Effect] = []

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Have the changes made within wait for the disk once; where that fails, none of them was made."""
        self._open = True
        try:
            self._journal.begin()
            yield
            self._write()
        except Exception:
            self._take_back()
            raise
        finally:
            self._open = False

    def settle(self) -> None:
        """Wait for the disk now; what is changed after this is not undone with what was changed before."""
        self._write()
        if self._open:
            self._journal.begin()

    def follow_up(self, effect: _Effect, instead: _Effect | None = None) -> None:
        """Do what follows from a change that was just made: at once where nothing waits for the disk.

        Parameters
        ----------
        effect : callable
        instead : callable, optional
            What is done where the changes cannot be written, after all of them were undone.
        """
        if self._open and (self._effects or self._journal.waits_for_disk):
            self._effects.append((effect, instead))
        else:
            effect()

    def undo_with(self, undo: _Effect) -> None:
        """Say how something that was done within a batch is undone where its changes cannot be written."""
        if self._open:
            self._undo.append(undo)

    def _write(self) -> None:
        self._journal.commit()
        effects, self._effects, self._undo = self._effects, [], []
        for effect, _ in effects:
            _attempt(effect)

    def _take_back(self) -> None:
        self._journal.roll_back()
        self._open = False
        effects, undo = self._effects, self._undo
        self._effects, self._undo = [], []
        for each in reversed(undo):
            _attempt(each)
        for _, instead in effects:
            if instead is not None:
                _attempt(instead)


def _attempt(effect: _Effect) -> None:
    """Do one of several things; a mistake of ours in it does not keep the others from being done."""
    try:
        effect()
    except Exception:
        log.exception("what follows from a change was dropped")
