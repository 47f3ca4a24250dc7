"""Caps on everything that crosses the wire."""

import re

PROTOCOL = 3

STORED_SINCE = 2
"""The oldest protocol whose submissions a backend still runs: those it holds after an update."""

JOB_ID = re.compile(r"[0-9a-f]{32}")

MAX_FRAME = 1 << 20
"""Bytes of a frame: the header, a chunk of a file, a piece of an array. What a stranger could make a socket hold."""

CHUNK = MAX_FRAME
"""Bytes of every chunk of a file but its last."""

IN_FLIGHT = 8
"""Chunks asked for and not yet arrived, a transfer."""

MAX_ARRAYS = 256 << 20
"""Bytes of all arrays of a message: an 8K picture with its depth."""

MAX_ARRAY_COUNT = 16
"""Arrays of a message."""

MAX_INLINE = 512 << 10
"""Bytes of arrays that follow a header; more of them travel as a file, whose chunks the receiver asks for."""

MAX_PARTS = 1 + MAX_ARRAY_COUNT
"""Frames of a message: a header, then a chunk or small arrays."""

MAX_DEPTH = 32
"""Lists and objects of a header inside each other."""

PAGE = 512 << 10
"""Bytes of jobs in an answer that lists them; the next answer has the next ones."""

MAX_FILES = 4096
"""Files of a message."""

BEAT = 1.0
"""Seconds between two signs of life of a server."""

SILENCE = 5.0
"""Seconds without a sign of life after which a server counts as gone."""

SKETCH = "sketch.png"
"""The file by which a running job shows what its result looks like so far; taken away as it is passed on."""

LARGEST_SKETCH = 32 << 10
"""Bytes of such a file: it travels in a header, with every change of a job."""
