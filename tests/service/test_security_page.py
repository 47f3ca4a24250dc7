"""The pages about the service and the code say the same."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from parascale.link import messages as m
from parascale.link.codec import _TYPES
from parascale.link.limits import MAX_DEPTH, MAX_PARTS, PROTOCOL
from parascale.link.parameters import Parameter, ParameterKind
from parascale.service.connections import MAX_CONNECTIONS, MAX_STRANGERS, MAX_UNREAD, MAX_UNSENT

ROOT = Path(__file__).parents[2]
PROTOCOL_PAGE = (ROOT / "docs" / "protocol.md").read_text()
SECURITY_PAGE = (ROOT / "docs" / "security.md").read_text()


def help_of(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "parascale.cli", *command, "--help"],
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_each_line_of_the_security_page_has_its_tests() -> None:
    defined: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        defined |= set(re.findall(r"def (test_\w+)", path.read_text()))
    page, _, open_ = SECURITY_PAGE.partition("## What is not held")
    assert open_
    named = set(re.findall(r"`(test_[a-z]\w+)`", page))
    assert named <= defined, named - defined
    lines = re.split(r"^- ", page, flags=re.MULTILINE)[1:]
    assert [line[:60] for line in lines if "`test_" not in line] == [
        "Every client learns the version, the generators, the devices"
    ]


def test_the_protocol_page_has_every_message_with_its_fields() -> None:
    assert f"# Protocol, version {PROTOCOL}\n" in PROTOCOL_PAGE
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*)$", PROTOCOL_PAGE, re.MULTILINE))
    internal = {"run", "progress", "finished", "failed", "stopped", "pull", "chunk", "no-chunk"}
    for name, cls in _TYPES.items():
        if name in internal:
            assert f"`{name}`" in PROTOCOL_PAGE
            continue
        for field in dataclasses.fields(cls):
            assert f"`{field.name}`" in rows[name], f"{name}.{field.name}"


def test_the_protocol_page_has_every_part_code_and_limit() -> None:
    parts = {"job": m.JobStatus, "health": m.Health, "parameter": Parameter, "trained": m.Trained, "file": m.FileInfo}
    rows = dict(re.findall(r"^\| ([a-z]+) \| (.*)$", PROTOCOL_PAGE, re.MULTILINE))
    for name, cls in parts.items():
        for field in dataclasses.fields(cls):
            assert f"`{field.name}`" in rows[name], f"{name}.{field.name}"
    for kind in get_args(ParameterKind):
        assert f"`{kind}`" in rows["parameter"]
    for code in get_args(m.Refusal):
        assert f"`{code}`" in PROTOCOL_PAGE
    for text in (f"at most {MAX_PARTS}", f"{MAX_DEPTH} levels", f"at most {MAX_CONNECTIONS} of a client"):
        assert text in PROTOCOL_PAGE
    assert f"{MAX_STRANGERS} of an address" in PROTOCOL_PAGE
    assert MAX_UNREAD == MAX_UNSENT == 12 << 20


def test_the_page_of_the_gpu_box_and_the_unit_name_options_that_exist() -> None:
    pages = [
        ROOT / "docs" / "gpu-box.md",
        ROOT / "packaging" / "parascale.service",
        ROOT / "packaging" / "Containerfile",
    ]
    text = "".join(path.read_text() for path in pages).replace('", "', " ")
    helps: dict[str, str] = {}
    found = re.findall(r"parascale ((?:keys|weights) [a-z]+|serve|doctor|jobs)([^`\n]*)", text)
    assert len(found) > 10
    for command, options in found:
        if command not in helps:
            helps[command] = help_of(*command.split())
        for option in re.findall(r"--[a-z-]+", options):
            assert option in helps[command], (command, option)
    serve = help_of("serve")
    for option in re.findall(r"^\| (.*?) \|", (ROOT / "docs" / "gpu-box.md").read_text(), re.MULTILINE):
        assert all(name in serve for name in re.findall(r"--[a-z][a-z-]+", option))
