"""Whether a LoRA file fits the networks that take it, by its header: every key has a place there,
every pair is whole, every shape is the layer's. No torch here, and no matrix is read.

What is asked here is asked again, of the matrices themselves, by
:mod:`holocine_core.model.lora.read`; but that of a low-noise file at half of a film's steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from holocine_core.errors import InputError, MachineError, Problem
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.entries import read_entries
from holocine_core.model.fitting import held
from holocine_core.model.headers import TensorEntry
from holocine_core.model.lora.file import PARTS, LoraFile
from holocine_core.model.lora.places import Layers, by_layer, first, refusal, shared_by_all
from holocine_core.model.lora.settings import Settings, read_settings, scale_told

Shape = tuple[int, ...]
Shapes = Mapping[str, tuple[str, Shape]]
"""Of one layer: role -> the key in the file and its shape."""
_LOW_RANK = frozenset({"down", "up", "up_bias"})
_PACKED = ("Q", "IQ")
"""Beginnings of the kinds of GGUF's packed weights."""
_UNPACKED = frozenset({"patch_embedding", "time_embedder", "norm1", "norm2", "norm3"})
"""Modules whose weights are unpacked as they are loaded."""


def misfit(lora: LoraFile, located: LocatedModel, *, of_a_shot: bool = False) -> Problem | None:
    """What is wrong with a file for the experts that take it; None where nothing is, or where the
    model's own files can't be read, which is told otherwise.

    Args:
        lora: A whole safetensors file, with its expert.
        located: The model.
        of_a_shot: Whether some shots alone take it.
    """
    for part in PARTS:
        files = located.components.get(part)
        if files is None or not lora.changes(part):
            continue
        try:
            network = _network(files)
        except (MachineError, InputError, OSError):
            continue
        try:
            entries = read_entries(lora.path)
            weighted = [name.removesuffix(".weight") for name in network if _weight(name)]
            layers = by_layer(entries, part, lora, weighted)
            changed = _changed(layers, lora, read_settings(lora.path, part))
            _require_shapes(changed, layers, network, lora)
            if of_a_shot and (common := shared_by_all(changed)):
                fault = f"it changes what all shots of a scene share: {first(common)}"
                hint = "put it under `lora:` of the film instead of a shot"
                raise refusal(lora.path, fault, hint)
        except (InputError, MachineError) as refused:
            return Problem(refused.message, refused.where, refused.hint)
    return None


def _network(files: ComponentFiles) -> Mapping[str, tuple[Shape, bool]]:
    """Parameter -> its shape, and whether it stays packed in a GGUF file."""
    found = held(files)
    return {name: (one.shape, _stays_packed(name, one.dtype)) for name, one in found.items()}


def _stays_packed(name: str, dtype: str) -> bool:
    return dtype.startswith(_PACKED) and _UNPACKED.isdisjoint(name.split("."))


def _weight(name: str) -> bool:
    return name.endswith(".weight")


def _changed(layers: Layers[TensorEntry], lora: LoraFile, settings: Settings) -> dict[str, Shape]:
    """What the file changes -> the shape of the change: of layers by their name, of whole
    parameters by theirs.

    Raises:
        InputError: A matrix lacks its other half, one weight is changed in two ways, or how
            strongly can't be read.
    """
    found: dict[str, Shape] = {}
    for layer, listed in layers.items():
        roles = {role: (key, entry.shape) for role, (key, entry) in listed.items()}
        if "alpha" not in roles and (rank := _rank(roles)):
            scale_told(layer, settings, rank, lora.path)
        found.update(_of_layer(layer, roles, lora))
    return found


def _rank(roles: Shapes) -> int:
    """Of a layer's matrices; 0 where they have none."""
    halves = ("down", "hada_w1_b", "lokr_w1_b", "lokr_w2_b")
    return next((roles[role][1][0] for role in halves if role in roles and roles[role][1]), 0)


def _of_layer(layer: str, roles: Shapes, lora: LoraFile) -> Iterator[tuple[str, Shape]]:
    joined = {role: one for role, one in roles.items() if role.startswith(("hada_", "lokr_"))}
    paired = roles.keys() >= {"down", "up"}
    made = _joined(layer, joined, lora) if joined else None
    if sum(("weight" in roles, paired, made is not None)) > 1:
        keys = ", ".join(key for key, _ in roles.values())
        raise refusal(lora.path, f"one weight is changed in more than one way: {keys:.200}")
    halves = _LOW_RANK | (frozenset() if joined else {"alpha", "lengths"})
    alone = [] if paired else [roles[role][0] for role in roles.keys() & halves]
    if alone:
        raise _halves(alone, lora)
    if shape := made or (_pair(layer, roles, lora) if paired else None):
        _require_lengths(roles, shape, lora)
        yield (layer if paired and "lengths" not in roles else f"{layer}.weight"), shape
    if "weight" in roles:
        yield f"{layer}.weight", roles["weight"][1]
    if "modulation" in roles:
        yield layer, roles["modulation"][1]
    # A pair's own bias is the pair's; all else is a parameter of its own.
    if "bias" in roles and (not paired or "lengths" in roles):
        yield f"{layer}.bias", roles["bias"][1]


def _pair(layer: str, roles: Shapes, lora: LoraFile) -> Shape:
    (down_key, down), (up_key, up) = roles["down"], roles["up"]
    if len(down) != 2 or len(up) != 2 or down[0] != up[1]:
        raise refusal(lora.path, f"{down_key} {list(down)} and {up_key} {list(up)} are no pair")
    if "up_bias" in roles and "bias" in roles:
        raise refusal(lora.path, f"{roles['up_bias'][0]} and {roles['bias'][0]} both set one bias")
    if "alpha" in roles and math.prod(roles["alpha"][1]) != 1:
        raise refusal(lora.path, f"{roles['alpha'][0]} is not one number")
    for role in ("up_bias", "bias"):
        if role in roles and roles[role][1] != (up[0],):
            fault = f"{layer} has {up[0]} outputs, the LoRA another bias"
            raise refusal(lora.path, f"made for another network: {fault}")
    return up[0], down[1]


def _require_lengths(roles: Shapes, shape: Shape, lora: LoraFile) -> None:
    """Raises InputError where DoRA's lengths are not one for each row or column."""
    if "lengths" not in roles:
        return
    (key, lengths), (rows, columns) = roles["lengths"], shape
    if lengths not in {(rows,), (rows, 1), (1, columns)}:
        fault = f"{key} {list(lengths)} are no lengths of {rows}x{columns}"
        raise refusal(lora.path, fault)


def _joined(layer: str, joined: Shapes, lora: LoraFile) -> Shape:
    """The shape of a LoKr's or LoHa's change."""
    kind = "lokr" if any(role.startswith("lokr_") for role in joined) else "hada"
    factors = [_factors(f"{kind}_w{number}", joined) for number in (1, 2)]
    if not all(factors) or sum(map(len, factors)) != len(joined):
        raise _halves([key for key, _ in joined.values()], lora)
    flat = [shape for part in factors for shape in part]
    if any(len(shape) != 2 for shape in flat) or any(
        len(part) == 2 and part[0][1] != part[1][0] for part in factors
    ):
        shapes = "; ".join(f"{key} {list(shape)}" for key, shape in joined.values())
        raise refusal(lora.path, f"these matrices can not be multiplied: {shapes:.300}")
    (rows, columns), (inner_rows, inner_columns) = ((part[0][0], part[-1][1]) for part in factors)
    if kind == "lokr":
        return rows * inner_rows, columns * inner_columns
    if (rows, columns) != (inner_rows, inner_columns):
        raise refusal(lora.path, f"the two halves of {layer} differ in shape")
    return rows, columns


def _factors(name: str, joined: Shapes) -> list[Shape]:
    if name in joined:
        return [joined[name][1]]
    halves = [f"{name}_a", f"{name}_b"]
    return [joined[half][1] for half in halves] if joined.keys() >= set(halves) else []


def _halves(keys: list[str], lora: LoraFile) -> InputError:
    return refusal(
        lora.path,
        f"{len(keys)} matrices lack their other half: {first(keys)}",
        "fetch or save it again",
    )


def _require_shapes(
    changed: Mapping[str, Shape],
    layers: Layers[TensorEntry],
    network: Mapping[str, tuple[Shape, bool]],
    lora: LoraFile,
) -> None:
    """Raises InputError where a change is not of the shape of what it changes."""
    faults = []
    for name, shape in changed.items():
        of_a_layer = name in layers and "modulation" not in layers[name]
        has, packed = network.get(f"{name}.weight" if of_a_layer else name, ((), False))
        if not has:
            faults.append(f"{name} does not exist")
        elif packed and not of_a_layer:
            raise refusal(
                lora.path,
                f"it changes all of {name}, which lies packed in a GGUF file",
                "use a bfloat16 model with it, or a LoRA of plain matrices",
            )
        elif of_a_layer and len(has) != 2:
            faults.append(f"{name} is no linear layer")
        elif has != shape:
            faults.append(f"{name} is {_size(has)}, the LoRA's {_size(shape)}")
    if faults:
        raise refusal(lora.path, f"made for another network: {'; '.join(faults[:3])}")


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape))
