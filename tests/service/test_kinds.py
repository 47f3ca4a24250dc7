"""The kinds of jobs: every request has a module that runs it, and two new files add a kind."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import parascale
from parascale.link.kinds import KINDS

REQUEST = """
from dataclasses import asdict, dataclass

from parascale.link.codec import build
from parascale.link.request import Packed, Request


@dataclass(frozen=True)
class CountFields:
    text: str


@dataclass(frozen=True)
class CountRequest(Request):
    kind = "count"
    fields_type = CountFields
    grace = 1.0

    text: str

    def pack(self):
        return Packed("count letters", asdict(CountFields(self.text)), {})

    @classmethod
    def unpack(cls, fields, arrays, files):
        return cls(build(CountFields, dict(fields), cls.kind).text)
"""

RUN = """
from parascale.errors import InputError
from parascale.link.request import JobResult


def run(request, context):
    if not request.text:
        raise InputError("nothing to count", "shot", ["0:8", "8:20"])
    (context.directory / "count.txt").write_text(str(len(request.text)))
    return JobResult({"name": context.name}, {"count": context.directory / "count.txt"})
"""

CLIENT = """
import sys
from pathlib import Path

from parascale.link.kinds.count import CountRequest
from parascale.link.local import start_backend

backend = start_backend(state=Path(sys.argv[1]) / "state")
with backend.connect() as client:
    job = client.submit(CountRequest("seven letters"))
    assert client.wait(job).state == "done"
    result = client.fetch(job, Path(sys.argv[1]) / "fetched")
    print(result.files["count"].read_text(), result.summary["name"], client.status(job).kind)
    failed = client.wait(client.submit(CountRequest("")))
    print(failed.state, failed.message, failed.remedy, *failed.choices, sep="|")
backend.stop()
"""


def test_every_kind_has_a_module_that_runs_it() -> None:
    assert set(KINDS) == {"solve", "depth", "generate", "verify", "subject"}
    assert all(find_spec(f"parascale.service.jobs.{kind}") for kind in KINDS)


def test_two_files_add_a_kind(tmp_path: Path) -> None:
    package = tmp_path / "with_count" / "parascale"
    shutil.copytree(Path(parascale.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "link" / "kinds" / "count.py").write_text(REQUEST)
    (package / "service" / "jobs" / "count.py").write_text(RUN)
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["13 letters count", "failed|nothing to count|shot|0:8|8:20"]
