"""What a server says of itself."""

import functools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence

from parascale import __version__
from parascale.link.limits import PROTOCOL
from parascale.link.messages import GeneratorInfo, Health, Welcome

_DRIVER = 10.0  # seconds to wait for the driver's own tool


def welcome(request: int, health: Health | None = None, devices: Sequence[str] | None = None) -> Welcome:
    """Return the answer to a client's hello; of this installation, where no server is asked."""
    found = list_devices() if devices is None else tuple(devices)
    health = health or Health(time.time(), 0.0, 0, 0, 0, 0)
    return Welcome(request, __version__, PROTOCOL, describe_generators(), found, health)


@functools.cache
def describe_generators() -> tuple[GeneratorInfo, ...]:
    """Return what is known of every generator."""
    from parascale.generators import GENERATORS

    return tuple(
        GeneratorInfo(name, known.scale_class, known.requirements, known.describe(), known.trained)
        for name, known in GENERATORS.items()
    )


@functools.cache
def list_devices() -> tuple[str, ...]:
    """Name the processor and, asked of the driver's own tool, the GPUs: importing torch would take seconds."""
    devices = [f"CPU, {os.cpu_count()} threads"]
    tool = shutil.which("nvidia-smi")
    if tool is not None:
        command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        try:
            listed = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER, check=True)
        except (OSError, subprocess.SubprocessError):
            return tuple(devices)
        devices += [line.strip() for line in listed.stdout.splitlines() if line.strip()]
    return tuple(devices)


class Devices:
    """The devices of this machine, asked for in the background: a driver that hangs holds nobody up."""

    def __init__(self) -> None:
        self._found: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    @property
    def known(self) -> bool:
        """Whether the driver answered, or gave up."""
        return not self._thread.is_alive()

    @property
    def names(self) -> tuple[str, ...]:
        """What is known so far."""
        return self._found or (f"CPU, {os.cpu_count()} threads",)

    def _look(self) -> None:
        self._found = list_devices()
