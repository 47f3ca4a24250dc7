"""The folders of jobs: what was submitted, the files that came after it, and what was made of them."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from parascale.errors import InputError
from parascale.link.arrays import from_frames
from parascale.link.codec import VersionError, decode, encode
from parascale.link.kinds import KINDS
from parascale.link.messages import Submit
from parascale.link.request import Request
from parascale.link.transfer import describe_file
from parascale.service.framing import read_message, write_message

REQUEST = "request"
INPUTS = "inputs"
RESULTS = "results"


class Store:
    """The folders of all jobs under one folder.

    Parameters
    ----------
    folder : Path
        Made where missing; only the user can enter it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def of(self, owner: str, job: str) -> Path:
        """Return the folder of a job."""
        return self._folder / hashlib.sha256(owner.encode()).hexdigest()[:16] / job

    def write(self, owner: str, submit: Submit, frames: Sequence[bytes]) -> None:
        """Keep what was submitted, whole or not at all.

        It is not forced to the disk, which would cost more than all the rest of a submission: `read_request` finds out
        where a power cut took it.
        """
        folder = self.of(owner, submit.job)
        folder.parent.mkdir(exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        with (scratch / REQUEST).open("wb") as file:
            write_message(file, encode(submit), frames)
        scratch.replace(folder)

    def remove(self, owner: str, job: str) -> None:
        """Remove the folder of a job."""
        shutil.rmtree(self.of(owner, job), ignore_errors=True)

    def sweep(self, keep: set[Path]) -> None:
        """Remove every folder but those of known jobs: what a killed server left half-written."""
        for folder in self._folder.glob("*/*"):
            if folder not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def payload_hash(submit: Submit, frames: Sequence[bytes]) -> str:
    """Return the SHA-256 of all that makes one submission another job than the next."""
    what: dict[str, object] = {"kind": submit.kind, "fields": submit.fields}
    what |= {"arrays": [asdict(info) for info in submit.arrays], "files": [asdict(info) for info in submit.files]}
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, allow_nan=False).encode())
    for frame in frames:
        digest.update(frame)
    return digest.hexdigest()


def read_request(folder: Path, payload: str) -> tuple[str, Request]:
    """Return the label and the request that were submitted; the request's files are in the job's folder.

    Parameters
    ----------
    folder : Path
        The job's.
    payload : str
        Its `payload_hash` when it was submitted.

    Raises
    ------
    InputError
        Where the folder does not hold it whole, or it is no valid request.
    """
    try:
        with (folder / REQUEST).open("rb") as file:
            message = read_message(file)
        submit = None if message is None else decode(message[0])
    except OSError as error:
        raise InputError("what was submitted is no longer in the store: submit it again") from error
    except VersionError as error:
        raise InputError("it was submitted to another version of ParaScale: submit it again") from error
    if message is None or not isinstance(submit, Submit) or payload_hash(submit, message[1]) != payload:
        raise InputError("what was submitted is no longer whole in the store: submit it again")
    for file_info in submit.files:
        if describe_file(file_info.role, folder / INPUTS / file_info.name).chunks != file_info.chunks:
            raise InputError(f"{file_info.name} is no longer whole in the store: submit it again")
    files: dict[str, list[Path]] = {}
    for info in submit.files:
        files.setdefault(info.role, []).append(folder / INPUTS / info.name)
    request = KINDS[submit.kind].unpack(submit.fields, from_frames(submit.arrays, message[1]), files)
    return submit.label, request
