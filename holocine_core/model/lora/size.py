"""What LoRA files add to an expert's memory, by their headers. No torch here.

As model/lora/apply lays them over a network: pairs of matrices stay beside the weights as adapters,
of the film and of single shots alike; differences, LoKr, LoHa and DoRA are added to the weights
once, which are then as large as before but no longer those that lie in the model's file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import prod

from holocine_core.errors import MachineError
from holocine_core.model.entries import read_entries
from holocine_core.model.lora.file import DIFFERENCES, DOWN, LENGTHS, PARTS, UP, LoraFile, Part
from holocine_core.model.memory import LoraSize

Shapes = Mapping[str, tuple[int, ...]]
BIAS = ".lora_B.bias"
SECOND = "transformer_2."


def lora_sizes(loras: Iterable[LoraFile]) -> tuple[LoraSize, LoraSize]:
    """Numbers that files add to the high-noise and to the low-noise expert.

    Args:
        loras: Each file that is laid over the model, as often as that is. One that can't be read is
            refused elsewhere and counts nothing.
    """
    found = {part: LoraSize() for part in PARTS}
    for lora in loras:
        shapes: Shapes = {}
        with suppress(MachineError):
            shapes = {name: entry.shape for name, entry in read_entries(lora.path).items()}
        for part in PARTS:
            if lora.changes(part):
                one, before = _size(_of_part(shapes, part)), found[part]
                found[part] = LoraSize(before.adapters + one.adapters, before.changed + one.changed)
    return found["transformer"], found["transformer_2"]


def _of_part(shapes: Shapes, part: Part) -> Shapes:
    """A file's keys for one expert: those that name the second are its own, where there are any."""
    if not any(name.startswith(SECOND) for name in shapes):
        return shapes
    other = "transformer." if part == "transformer_2" else SECOND
    return {name: shape for name, shape in shapes.items() if not name.startswith(other)}


def _size(shapes: Shapes) -> LoraSize:
    adapters = changed = 0
    lengths = {name.removesuffix(end) for name in shapes for end in LENGTHS if name.endswith(end)}
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        ends = _end_of(name)
        layers.setdefault(name.removesuffix(ends), {})[_role(ends)] = shape
    for layer, roles in layers.items():
        pair = [roles[role] for role in ("down", "up") if role in roles]
        if len(pair) == 2 and layer in lengths:
            changed += pair[1][0] * pair[0][-1]
        else:
            adapters += sum(map(prod, pair)) + prod(roles.get("bias", (0,)))
        changed += prod(roles.get("difference", (0,))) + _joined(roles)
    return LoraSize(adapters, changed)


def _end_of(name: str) -> str:
    known = (*DOWN, *UP, *DIFFERENCES, *LENGTHS, BIAS)
    told = next((end for end in known if name.endswith(end)), "")
    return told or name[name.rfind(".") :]


def _role(end: str) -> str:
    if end in DOWN:
        return "down"
    if end in UP:
        return "up"
    if end == BIAS:
        return "bias"
    return "difference" if end in DIFFERENCES else end.removeprefix(".")


def _joined(roles: Shapes) -> int:
    """Numbers of the weight that a LoKr or LoHa changes; 0 without one."""
    sides = []
    for kind in ("hada", "lokr"):
        for number in (1, 2):
            name = f"{kind}_w{number}"
            one, other = roles.get(f"{name}_a"), roles.get(f"{name}_b")
            if name in roles:
                sides.append((kind, prod(roles[name])))
            elif one and other:
                sides.append((kind, one[0] * other[-1]))
    if len(sides) != 2:
        return 0
    (kind, first), (_, second) = sides
    return first * second if kind == "lokr" else first
