"""What is known of a worker that died or hung, for the sentence its job fails with."""

import re
import signal
from pathlib import Path

from parascale.service.store import WHERE

_FRAME = re.compile(r'File "[^"]*?([^"/\\]+)", line (\d+) in (\S+)\n')


def exit_reason(code: int) -> str:
    """Word the exit code of a worker, negative for a signal."""
    if code >= 0:
        return f"ended with code {code}"
    hint = ", which the system does where memory runs out" if -code == signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{hint}"


def where_it_was(folder: Path) -> str:
    """Word the innermost call in the traceback that a hung worker left in its job's folder; empty without one."""
    try:
        found = _FRAME.search((folder / WHERE).read_text(errors="replace"))
    except OSError:
        return ""
    return "" if found is None else f" (in {found[3]}, {found[1]} line {found[2]})"
