"""Workflows in ComfyUI's API format, whose nodes say by their titles what goes into them.

A node titled "parascale: seed, width, length=frames" has its inputs ``seed``, ``width`` and ``frames`` filled with the
values of the slots ``seed``, ``width`` and ``length``; a slot without "=" goes into the first input that
`SLOTS` names and the node has.
"""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parascale.errors import InputError

MARK = "parascale:"

SLOTS: dict[str, tuple[str, ...]] = {
    "picture": ("image",),
    "control_video": ("file", "video"),
    "mask_video": ("file", "video"),
    "camera": ("camera_file",),
    "poses": ("pose_text", "poses", "text", "value", "string"),
    "prompt": ("text", "prompt", "positive_prompt", "value"),
    "negative_prompt": ("text", "negative_prompt", "value"),
    "seed": ("seed", "noise_seed", "value"),
    "width": ("width", "value"),
    "height": ("height", "value"),
    "length": ("length", "num_frames", "frames", "value"),
    "fps": ("fps", "frame_rate", "value"),
    "steps": ("steps", "value"),
}
"""By slot, the inputs it may go into."""


def read_workflow(path: Path) -> dict[str, Any]:
    """Read a workflow.

    Raises
    ------
    InputError
        Where it is no JSON, the editor's own format, or names no slot.
    """
    try:
        workflow = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a workflow: it cannot be read as JSON") from error
    if isinstance(workflow, dict) and isinstance(workflow.get("nodes"), list):
        raise InputError(f"{path} is in the editor's own format: export it with Workflow > Export (API)")
    if not isinstance(workflow, dict) or not all(map(_is_node, workflow.values())):
        raise InputError(f"{path} is not a workflow in API format")
    if not slots_of(workflow):
        raise InputError(f"{path} has no node titled {MARK!r} and the slots it takes, such as 'parascale: prompt'")
    return workflow


def _is_node(node: object) -> bool:
    if not isinstance(node, dict) or "class_type" not in node:
        return False
    return all(isinstance(node.get(part, {}), dict) for part in ("inputs", "_meta"))


def slots_of(workflow: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return by slot the inputs, (node, input), that its value goes into.

    Raises
    ------
    InputError
        Where a title names no known slot, or an input that the node does not have.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for name, node in workflow.items():
        title = str(node.get("_meta", {}).get("title", "")).strip()
        if not title.lower().startswith(MARK):
            continue
        for part in title[len(MARK) :].split(","):
            slot, equals, chosen = (text.strip() for text in part.partition("="))
            if slot not in SLOTS:
                raise InputError(f"node {name} asks for {slot!r}: the slots are {', '.join(SLOTS)}")
            inputs = node.get("inputs", {})
            known = [chosen] if equals else [candidate for candidate in SLOTS[slot] if candidate in inputs]
            if not known or known[0] not in inputs:
                raise InputError(f"node {name} ({node['class_type']}) has no input for {slot}: write {slot}=INPUT")
            found.setdefault(slot, []).append((name, known[0]))
    return found


def fill_workflow(workflow: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, Any]:
    """Return a workflow whose slots hold values.

    Raises
    ------
    InputError
        As `slots_of`.
    """
    filled: dict[str, Any] = copy.deepcopy(dict(workflow))
    for slot, places in slots_of(workflow).items():
        for node, name in places:
            filled[node]["inputs"][name] = values[slot]
    return filled
