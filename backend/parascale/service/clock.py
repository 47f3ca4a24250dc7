"""The time by which jobs grow old: a clock that jumps ahead must not delete a studio's results."""

import time


class SteadyClock:
    """Seconds since 1970 that go on from when it was made; less where the machine's clock was set back."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the time, not ahead of what has passed."""
        return min(time.time(), self._offset + time.monotonic())
