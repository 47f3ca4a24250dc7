"""What a server says of itself."""

import functools
import os
import shutil
import subprocess

from parascale import __version__
from parascale.link.limits import PROTOCOL
from parascale.link.messages import GeneratorInfo, Welcome


def welcome(request: int) -> Welcome:
    """Return the answer to a client's hello."""
    return Welcome(request, __version__, PROTOCOL, _generators(), _devices())


@functools.cache
def _generators() -> tuple[GeneratorInfo, ...]:
    from parascale.generators import GENERATORS

    return tuple(
        GeneratorInfo(name, known.scale_class, known.requirements, known.describe(), known.trained)
        for name, known in GENERATORS.items()
    )


@functools.cache
def _devices() -> tuple[str, ...]:
    """Name the processor and, asked of the driver's own tool, the GPUs: importing torch would take seconds."""
    devices = [f"CPU, {os.cpu_count()} threads"]
    tool = shutil.which("nvidia-smi")
    if tool is not None:
        command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        try:
            listed = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        except (OSError, subprocess.SubprocessError):
            return tuple(devices)
        devices += [line.strip() for line in listed.stdout.splitlines() if line.strip()]
    return tuple(devices)
