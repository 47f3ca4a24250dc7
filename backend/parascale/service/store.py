"""The folders of jobs: what was submitted, the files that came after it, and what was made of them."""

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import stat
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from parascale.errors import InputError
from parascale.link.arrays import ARRAYS_FILE, from_bytes, from_frames
from parascale.link.codec import VersionError, decode, encode, shallow
from parascale.link.kinds import KINDS
from parascale.link.limits import STORED_SINCE
from parascale.link.messages import Submit
from parascale.link.request import Request
from parascale.link.transfer import describe_file
from parascale.service.framing import read_message, write_message
from parascale.service.limits import SPARE_DISK, SPARE_SHARE

log = logging.getLogger(__name__)

MARK = "mark"
"""The file of a job's folder that says which journal it belongs to."""

REQUEST = "request"
BALLAST, BALLAST_BYTES = ".ballast", 1 << 20
SPARE = ".spare"
"""The folder of folders that no job has yet."""

_SPARES = 16  # folders made ahead, of which half are taken before others are made

INPUTS = "inputs"
RESULTS = "results"
WHERE = "where"
"""The file of a job's folder in which a hung worker writes where it is."""

_OWNER = re.compile(r"[0-9a-f]{16}|\.spare")
_JOB = re.compile(r"\.?[0-9a-f]{32}(\.[0-9a-f]{32}\.gone|\.gone)?")  # with a dot while it is being written, or removed


class Store:
    """The folders of all jobs under one folder.

    Parameters
    ----------
    folder : Path
        Made where missing; only the user can enter it.
    journal : str
        Identity of the journal that knows the jobs. A folder that is not marked with it is never touched.

    Attributes
    ----------
    spare : int
        Bytes of its disk that no job may take.
    """

    def __init__(self, folder: Path, journal: str) -> None:
        self._folder = folder
        self._mark = journal.encode()
        self._spares: deque[Path] = deque()
        self._refill: Future[None] | None = None
        self._aside = ThreadPoolExecutor(1, "store")  # what no client waits for
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.spare = min(SPARE_DISK, round(SPARE_SHARE * shutil.disk_usage(folder).total))

    @property
    def free(self) -> int:
        """Bytes free on its disk."""
        return shutil.disk_usage(self._folder).free

    def keep_ballast(self) -> None:
        """Take a little room, which the journal gets where the disk is full, so that it can say so and make more."""
        ballast = self._folder / BALLAST
        if not ballast.exists() and self.free > self.spare:
            with contextlib.suppress(OSError):
                ballast.write_bytes(bytes(BALLAST_BYTES))

    def drop_ballast(self) -> None:
        """Give the room away that `keep_ballast` took."""
        with contextlib.suppress(OSError):
            (self._folder / BALLAST).unlink(missing_ok=True)

    def of(self, owner: str, job: str) -> Path:
        """Return the folder of a job."""
        return self._folder.joinpath(hashlib.sha256(owner.encode()).hexdigest()[:16], job)

    def write(self, owner: str, submit: Submit, frames: Sequence[bytes]) -> None:
        """Keep what was submitted, whole or not at all.

        It is not forced to the disk, which would cost more than all the rest of a submission: `read_request` finds out
        where a power cut took it.
        """
        folder = self.of(owner, submit.job)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        if os.path.lexists(folder):
            self._remove(folder)
            if folder.exists():
                raise FileExistsError(0, "a folder of another journal has the job's name")
        scratch = self._take_spare()
        try:
            with (scratch / REQUEST).open("wb") as file:
                write_message(file, encode(submit), frames)
            scratch.replace(folder)
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def remove(self, owner: str, job: str) -> None:
        """Remove the folder of a job: it is gone from its place at once, and from the disk a little later."""
        folder = self.of(owner, job)
        if self._is_ours(folder, known=True):
            gone = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.gone")
            try:
                folder.rename(gone)
            except OSError:  # at once: later, another job may be in its place
                shutil.rmtree(folder, ignore_errors=True)
            else:
                self._aside.submit(shutil.rmtree, gone, ignore_errors=True)

    def close(self) -> None:
        """Finish what is being removed, and leave nothing that was made ahead."""
        self._aside.shutdown()
        for spare in self._spares:
            shutil.rmtree(spare, ignore_errors=True)
        with contextlib.suppress(OSError):  # where it was never made, or something else is in it
            (self._folder / SPARE).rmdir()

    def sweep(self, keep: set[Path]) -> None:
        """Remove the folders of this journal but those of known jobs: what a killed server left half-written.

        What was made ahead goes whatever its journal, which may be gone.
        """
        for owner in _folders(self._folder, _OWNER):
            for folder in _folders(owner, _JOB):
                settled = folder in keep or self._remove(folder) or (owner.name == SPARE and _remove_unused(folder))
                if not settled:
                    log.warning("%s belongs to another journal: left alone", folder)
            with contextlib.suppress(OSError):
                owner.rmdir()  # where it is empty

    def _take_spare(self) -> Path:
        """Return a folder with our mark and an empty request: one made ahead, as a disk takes long to make files."""
        if len(self._spares) <= _SPARES // 2 and (self._refill is None or self._refill.done()):
            self._refill = self._aside.submit(self._make_spares)
        while self._spares:
            spare = self._spares.popleft()
            if (spare / REQUEST).is_file() and self._is_ours(spare):
                return spare
        return self._make_spare()

    def _make_spares(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: whoever needs one is told
            while len(self._spares) < _SPARES:
                self._spares.append(self._make_spare())

    def _make_spare(self) -> Path:
        spare = self._folder / SPARE / uuid.uuid4().hex
        try:
            spare.parent.mkdir(mode=0o700, exist_ok=True)
            spare.mkdir(mode=0o700)
            (spare / MARK).write_bytes(self._mark)
            (spare / REQUEST).touch()
        except OSError:
            shutil.rmtree(spare, ignore_errors=True)
            raise
        return spare

    def _remove(self, folder: Path) -> bool:
        """Remove a folder that is ours; tell whether it is gone."""
        if not _is_folder(folder):
            return True
        if not self._is_ours(folder):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True

    def _is_ours(self, folder: Path, *, known: bool = False) -> bool:
        """Tell whether a folder bears our mark, is empty, or is known and older than the mark."""
        if not _is_folder(folder):
            return False
        try:
            return (folder / MARK).read_bytes() == self._mark
        except FileNotFoundError:
            return known or not any(folder.iterdir())
        except OSError:
            return False


def _is_folder(path: Path) -> bool:
    """Tell whether something is a folder and no link, which may lead to another's."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _folders(parent: Path, name: re.Pattern[str]) -> Iterator[Path]:
    """Yield the folders of some names; no links, which may lead to another's."""
    with os.scandir(parent) as entries:
        found = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    yield from (path for path in found if name.fullmatch(path.name))


def _remove_unused(spare: Path) -> bool:
    """Remove a folder that holds nothing but a mark and an empty request; tell whether it is gone."""
    try:
        with os.scandir(spare) as entries:
            found = list(entries)
        if not all(entry.is_file(follow_symlinks=False) and entry.name in (MARK, REQUEST) for entry in found):
            return False
        if any(entry.name == REQUEST and entry.stat(follow_symlinks=False).st_size for entry in found):
            return False
        for entry in found:
            os.unlink(entry)
        spare.rmdir()
    except OSError:
        return False
    return True


def payload_hash(submit: Submit, frames: Sequence[bytes]) -> str:
    """Return the SHA-256 of all that makes one submission another job than the next."""
    what: dict[str, object] = {"kind": submit.kind, "fields": submit.fields}
    what |= {"arrays": submit.arrays, "files": submit.files}
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, allow_nan=False, default=shallow).encode())
    for frame in frames:
        digest.update(frame)
    return digest.hexdigest()


def read_submission(folder: Path) -> tuple[Submit, list[bytes]] | None:
    """Return what was submitted, header and frames, unchecked; None where it is not there whole.

    Raises
    ------
    OSError, InputError
        Where it cannot be read.
    """
    with (folder / REQUEST).open("rb") as file:
        message = read_message(file)
    submit = None if message is None else decode(message[0], STORED_SINCE)
    return (submit, message[1]) if message is not None and isinstance(submit, Submit) else None


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
        found = read_submission(folder)
    except OSError as error:
        raise InputError("what was submitted is no longer in the store: submit it again") from error
    except VersionError as error:
        raise InputError("it was submitted to another version of ParaScale: submit it again") from error
    if found is None or payload_hash(*found) != payload:
        raise InputError("what was submitted is no longer whole in the store: submit it again")
    submit, frames = found
    for file_info in submit.files:
        if describe_file(file_info.role, folder / INPUTS / file_info.name).chunks != file_info.chunks:
            raise InputError(f"{file_info.name} is no longer whole in the store: submit it again")
    files: dict[str, list[Path]] = {}
    for info in submit.files:
        files.setdefault(info.role, []).append(folder / INPUTS / info.name)
    large = files.pop(ARRAYS_FILE, None)
    arrays = from_frames(submit.arrays, frames) if large is None else from_bytes(submit.arrays, large[0].read_bytes())
    return submit.label, KINDS[submit.kind].unpack(submit.fields, arrays, files)
