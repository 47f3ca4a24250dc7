"""What of a submission is looked at before anything of it is kept."""

import functools
from dataclasses import dataclass
from pathlib import Path

from parascale.errors import InputError
from parascale.link import messages as m
from parascale.link.arrays import ARRAYS_FILE, from_frames, travel_as_file
from parascale.link.codec import build
from parascale.link.kinds import KINDS
from parascale.link.kinds.generate import GenerationFields
from parascale.link.limits import JOB_ID
from parascale.link.resources import Resources
from parascale.link.transfer import check_files
from parascale.service.access import Owner
from parascale.service.models import may_name

_MAX_LABEL = 200


class RefusedError(InputError):
    """What a client asked for cannot be; the code is for programs."""

    def __init__(self, code: m.Refusal, message: str) -> None:
        super().__init__(message)
        self.code: m.Refusal = code


def check_submission(owner: Owner, submit: m.Submit, frames: list[bytes]) -> None:
    """Refuse what is no job, or names what the client may not name.

    Raises
    ------
    InputError
        Where it is malformed.
    RefusedError
        Where it names a path, or a model that is not on the operator's list.
    """
    if not JOB_ID.fullmatch(submit.job):
        raise InputError(f"{submit.job[:40]!r} is no job id: 32 hexadecimal digits are needed")
    if len(submit.label) > _MAX_LABEL:
        raise InputError(f"a label has {len(submit.label)} letters where {_MAX_LABEL} are allowed")
    if submit.kind not in KINDS:
        raise InputError(f"submit.kind is not one of {', '.join(KINDS)}")
    fields: object = build(KINDS[submit.kind].fields_type, submit.fields, submit.kind)
    check_files(submit.files)
    _check_arrays(submit, frames)
    for name in KINDS[submit.kind].models:
        _check_name(owner, name, getattr(fields, name))
    if isinstance(fields, GenerationFields):
        _check_generation(owner, fields, {file.role for file in submit.files})


def _check_arrays(submit: m.Submit, frames: list[bytes]) -> None:
    if not travel_as_file(submit.arrays):
        from_frames(submit.arrays, frames)
    elif frames or [file.role for file in submit.files].count(ARRAYS_FILE) != 1:
        raise InputError(f"arrays of that size travel as one file, {ARRAYS_FILE}")


def _check_generation(owner: Owner, fields: GenerationFields, roles: set[str]) -> None:
    if fields.generator in _local_only() and not owner.local:
        raise RefusedError("forbidden", f"{fields.generator} is for the user of the backend's machine alone")
    kinds = _parameter_kinds().get(fields.generator, {})
    for name, value in fields.parameters.items():
        if kinds.get(name) == "path":
            _check_name(owner, name, value)
        elif kinds.get(name) == "file" and value and not (owner.local and Path(str(value)).is_absolute()):
            raise RefusedError("forbidden", f"parameter {name} is a file, which has to be sent along")
    for role in roles - {ARRAYS_FILE}:
        if kinds.get(role) != "file":
            raise InputError(f"a generate request takes no file for {role}")


def _check_name(owner: Owner, field: str, value: object) -> None:
    """Refuse alike what is there and what is not: nobody finds out the folders of this machine."""
    if value is None or not isinstance(value, str) or may_name(value):
        return
    if owner.local:
        if Path(value).is_absolute() or "/" not in value.replace("\\", "/") or value.count("/") == 1:
            return
        raise InputError(f"{field} is {value}: a path has to be absolute")
    raise RefusedError(
        "forbidden", f"{field}: {value[:80]!r} is not on the backend's list of models, and paths are not taken"
    )


@functools.cache
def _local_only() -> set[str]:
    from parascale.generators import GENERATORS

    return {name for name, generator in GENERATORS.items() if generator.local_only}


@functools.cache
def _parameter_kinds() -> dict[str, dict[str, str]]:
    from parascale.generators import GENERATORS

    return {
        name: {parameter.name: parameter.kind for parameter in generator.describe()}
        for name, generator in GENERATORS.items()
    }


@dataclass(frozen=True)
class Demand:
    """What a job asks of its worker, by its kind or, generating, generator.

    Attributes
    ----------
    stall : float
        Seconds without progress after which it counts as hung.
    resources : Resources
    """

    stall: float
    resources: Resources


def generator_of(submit: m.Submit) -> str:
    """Return the known generator that a submission asks for; empty where it asks for none."""
    from parascale.generators import GENERATORS

    name = str(submit.fields.get("generator", "")) if submit.kind == "generate" else ""
    return name if name in GENERATORS else ""


def demand_of(kind: str, generator: str) -> Demand:
    """Return what a job asks of its worker; of its kind alone, where it asks for no known generator."""
    from parascale.generators import GENERATORS

    wanted = GENERATORS.get(generator) or KINDS[kind]
    return Demand(wanted.stall, wanted.resources)
