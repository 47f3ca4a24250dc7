"""The kinds of jobs: every request has a module that runs it, and two new files add a kind."""

from importlib.util import find_spec
from pathlib import Path

from new_kind import run_with_kind

from parascale.link.kinds import KINDS

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

from parascale.link.kinds.count import NewRequest
from parascale.link.local import start_backend

backend = start_backend(state=Path(sys.argv[1]) / "state")
with backend.connect() as client:
    job = client.submit(NewRequest("seven letters"))
    assert client.wait(job).state == "done"
    result = client.fetch(job, Path(sys.argv[1]) / "fetched")
    print(result.files["count"].read_text(), result.summary["name"], client.status(job).kind)
    failed = client.wait(client.submit(NewRequest("")))
    print(failed.state, failed.message, failed.remedy, *failed.choices, sep="|")
backend.stop()
"""


def test_every_kind_has_a_module_that_runs_it() -> None:
    assert set(KINDS) == {"solve", "depth", "generate", "verify", "subject", "report"}
    assert all(find_spec(f"parascale.service.jobs.{kind}") for kind in KINDS)


def test_two_files_add_a_kind(tmp_path: Path) -> None:
    done = run_with_kind(tmp_path, "count", RUN, CLIENT)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["13 letters count", "failed|nothing to count|shot|0:8|8:20"]
