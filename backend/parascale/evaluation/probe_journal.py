"""What a probe has measured so far, kept beside its profile until that is written: a stopped probe goes on there."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from parascale.evaluation.probe import Plan, Response
from parascale.files.disk import replace_files


class ProbeJournal:
    """The responses of one probe, in a file.

    Parameters
    ----------
    path : Path
        Read where it is of the same probe, and replaced where it is not.
    generator : str
    plan : Plan
    """

    def __init__(self, path: Path, generator: str, plan: Plan) -> None:
        self._path, self._key = path, _fingerprint(generator, plan)

    def read(self) -> tuple[Response, ...]:
        """Return what was measured before; nothing where the file is missing, broken or of another probe."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return tuple(Response(**item) for item in document["responses"] if document["probe"] == self._key)
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def write(self, responses: Sequence[Response]) -> None:
        """Keep what is measured by now."""
        document = {"probe": self._key, "responses": [asdict(item) for item in responses]}
        replace_files({self._path: json.dumps(document).encode()})

    def remove(self) -> None:
        """Forget it: the profile is written."""
        self._path.unlink(missing_ok=True)


def _fingerprint(generator: str, plan: Plan) -> str:
    """Return what tells one probe from another: all that its videos depend on."""
    digest = hashlib.sha256()
    settings = (generator, plan.frames, plan.fps, plan.prompt, plan.seed, sorted(plan.parameters.items()))
    digest.update(repr(settings).encode())
    for picture in plan.pictures:
        digest.update(picture.name.encode())
        digest.update(picture.image.tobytes())
        digest.update(picture.intrinsics.tobytes())
        digest.update(b"" if picture.depth is None else picture.depth.tobytes())
    return digest.hexdigest()
