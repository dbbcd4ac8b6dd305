"""LoRA files, read: every key has its place in a Wan transformer, or the file is refused.

Where a key belongs is ``places``' to say. diffusers' LoRA converters are not used: they drop whole
differences in silence and fail on files that train some layers only.

Letters: R rank, I and O input and output width of a layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diffusers import WanTransformer3DModel
from safetensors import safe_open
from torch import Tensor, nn

from holocine_core.model.lora.dense import Decomposed, Difference, Joined, Plain, Product
from holocine_core.model.lora.file import PARTS, LoraFile, Part
from holocine_core.model.lora.places import by_layer, first, refusal
from holocine_core.model.lora.settings import Settings, read_settings, scale_told

Roles = Mapping[str, tuple[str, Tensor]]
"""Of one layer: role -> the key in the file and its tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRank:
    """The change ``up_OR @ down_RI`` of one layer's weight, its scale folded in."""

    down_RI: Tensor
    up_OR: Tensor
    bias_O: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """All that one file does to one network, in the network's own names, at weight 1."""

    low_rank: Mapping[str, LowRank]
    """By layer."""
    differences: Mapping[str, Difference]
    """By parameter; added to it."""

    def tensors(self) -> Iterator[Tensor]:
        """Everything the file brings; matrices of a pair come one after the other."""
        for pair in self.low_rank.values():
            yield from (pair.down_RI, pair.up_OR)
            if pair.bias_O is not None:
                yield pair.bias_O
        for difference in self.differences.values():
            yield from difference.tensors()

    @property
    def has_effect(self) -> bool:
        return any(
            (pair.down_RI.any() and pair.up_OR.any())
            or (pair.bias_O is not None and pair.bias_O.any())
            for pair in self.low_rank.values()
        ) or any(difference.has_effect for difference in self.differences.values())


def read_change(transformer: WanTransformer3DModel, part: Part, lora: LoraFile) -> Change:
    """What a file would do to a network; nothing is changed yet. Raises InputError."""
    tensors = _load(lora.path)
    modules = transformer.named_modules()
    weighted = [name for name, one in modules if getattr(one, "weight", None) is not None]
    layers = by_layer(tensors, part, lora, weighted)
    change = _change_of(layers, read_settings(lora.path, part), lora.path)
    _refuse_misfits(transformer, change, lora.path)
    if not all(bool(tensor.isfinite().all()) for tensor in change.tensors()):
        raise refusal(lora.path, "it holds values that are not finite", "fetch or train it again")
    if not change.has_effect:
        raise refusal(
            lora.path,
            f"all its matrices are zero: it changes nothing in the {PARTS[part]}-noise expert",
            "train it further, or take it out",
        )
    return change


def _load(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as opened:
        return {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118


def _scale(layer: str, roles: Roles, settings: Settings, rank: int, path: Path) -> float:
    """alpha / rank, from the file's alpha key or its header; 1 where neither speaks."""
    if "alpha" in roles:
        return float(roles["alpha"][1]) / rank
    return scale_told(layer, settings, rank, path)


def _change_of(layers: Mapping[str, Roles], settings: Settings, path: Path) -> Change:
    low_rank: dict[str, LowRank] = {}
    differences: dict[str, Difference] = {}
    alone: list[str] = []
    for layer, roles in layers.items():
        paired = roles.keys() >= {"down", "up"}
        joined = _joined(layer, roles, settings, path)
        if not paired:
            halves = {"down", "up", "up_bias"} | (set() if joined else {"alpha", "lengths"})
            alone += [roles[role][0] for role in roles.keys() & halves]
        if sum(("weight" in roles, paired, joined is not None)) > 1:
            keys = ", ".join(key for key, _ in roles.values())
            raise refusal(path, f"one weight is changed in more than one way: {keys:.200}")
        if "weight" in roles:
            differences[f"{layer}.weight"] = Plain(roles["weight"][1].float())
        if joined is not None:
            differences[f"{layer}.weight"] = joined
        if "modulation" in roles:
            differences[layer] = Plain(roles["modulation"][1].float())
        if "bias" in roles and not paired:
            differences[f"{layer}.bias"] = Plain(roles["bias"][1].float())
        if paired:
            low_rank[layer] = _pair(layer, roles, settings, path)
        if paired and "lengths" in roles:
            pair = low_rank.pop(layer)
            if pair.bias_O is not None:
                differences[f"{layer}.bias"] = Plain(pair.bias_O)
            change = Product((pair.up_OR, pair.down_RI))
            differences[f"{layer}.weight"] = _decomposed(change, roles, path)
    if alone:
        raise refusal(
            path,
            f"{len(alone)} matrices lack their other half: {first(alone)}",
            "fetch or save it again",
        )
    return Change(low_rank=low_rank, differences=differences)


def _pair(layer: str, roles: Roles, settings: Settings, path: Path) -> LowRank:
    (down_key, down_RI), (up_key, up_OR) = roles["down"], roles["up"]
    if down_RI.ndim != 2 or up_OR.ndim != 2 or down_RI.shape[0] != up_OR.shape[1]:
        raise refusal(
            path,
            f"{down_key} {list(down_RI.shape)} and {up_key} {list(up_OR.shape)} are no pair",
        )
    if "up_bias" in roles and "bias" in roles:
        raise refusal(path, f"{roles['up_bias'][0]} and {roles['bias'][0]} both set one bias")
    if "alpha" in roles and roles["alpha"][1].numel() != 1:
        raise refusal(path, f"{roles['alpha'][0]} is not one number")
    scale = _scale(layer, roles, settings, down_RI.shape[0], path)
    bias_O = None
    if "up_bias" in roles:
        # peft scales an adapter's bias like its matrices; a `diff_b` is a plain difference.
        bias_O = roles["up_bias"][1].float() * scale
    if "bias" in roles:
        bias_O = roles["bias"][1].float()
    return LowRank(down_RI=down_RI.float(), up_OR=up_OR.float() * scale, bias_O=bias_O)


def _joined(layer: str, roles: Roles, settings: Settings, path: Path) -> Difference | None:
    """A layer's LoKr or LoHa, with DoRA's lengths where there are some; None without one."""
    found = {role: roles[role] for role in roles if role.startswith(("hada_", "lokr_"))}
    if not found:
        return None
    kronecker = any(role.startswith("lokr_") for role in found)
    kind = "lokr" if kronecker else "hada"
    parts = [_product(f"{kind}_w{number}", found) for number in (1, 2)]
    used = sum(len(part) for part in parts)
    if used != len(found) or not all(parts):
        raise refusal(
            path,
            f"{len(found)} matrices lack their other half: {first([k for k, _ in found.values()])}",
            "fetch or save it again",
        )
    if any(tensor.ndim != 2 for part in parts for tensor in part) or any(
        len(part) == 2 and part[0].shape[1] != part[1].shape[0] for part in parts
    ):
        shapes = "; ".join(f"{key} {list(tensor.shape)}" for key, tensor in found.values())
        raise refusal(path, f"these matrices can not be multiplied: {shapes:.300}")
    one, two = (Product(tuple(tensor.float() for tensor in part)) for part in parts)
    if not kronecker and one.shape != two.shape:
        raise refusal(path, f"the two halves of {layer} differ in shape")
    ranks = [part[1].shape[0] for part in parts if len(part) == 2]
    # LyCORIS: a LoKr of two whole matrices has no rank, and its alpha means nothing.
    scale = _scale(layer, roles, settings, ranks[0], path) if ranks else 1.0
    change = Joined(one, two, scale, kronecker)
    return _decomposed(change, roles, path) if "lengths" in roles else change


def _product(name: str, found: Roles) -> tuple[Tensor, ...]:
    """A matrix's factors; empty where neither it nor both of them are there."""
    if name in found:
        return (found[name][1],)
    if found.keys() >= {f"{name}_a", f"{name}_b"}:
        return (found[f"{name}_a"][1], found[f"{name}_b"][1])
    return ()


def _decomposed(change: Difference, roles: Roles, path: Path) -> Difference:
    key, lengths = roles["lengths"]
    made = Decomposed(change, lengths.float())
    if not made.fits:
        rows, columns = change.shape
        raise refusal(path, f"{key} {list(lengths.shape)} are no lengths of {rows}x{columns}")
    return made


def _refuse_misfits(transformer: WanTransformer3DModel, change: Change, path: Path) -> None:
    """Refuse matrices and differences whose shapes are not those of the network."""
    parameters = dict(transformer.named_parameters())
    faults = []
    for name, pair in change.low_rank.items():
        layer = transformer.get_submodule(name)
        change_OI = (pair.up_OR.shape[0], pair.down_RI.shape[1])
        if not isinstance(layer, nn.Linear):
            faults.append(f"{name} is no linear layer")
        elif change_OI != (layer.out_features, layer.in_features):
            have = (layer.out_features, layer.in_features)
            faults.append(f"{name} is {_shape(have)}, the LoRA's {_shape(change_OI)}")
        elif pair.bias_O is not None and pair.bias_O.shape != (layer.out_features,):
            faults.append(f"{name} has {layer.out_features} outputs, the LoRA another bias")
    for name, difference in change.differences.items():
        if name not in parameters:
            faults.append(f"{name} does not exist")
        elif hasattr(parameters[name], "quant_type"):
            raise refusal(
                path,
                f"it changes all of {name}, which lies packed in a GGUF file",
                "use a bfloat16 model with it, or a LoRA of plain matrices",
            )
        elif parameters[name].shape != difference.shape:
            have, got = parameters[name].shape, difference.shape
            faults.append(f"{name} is {_shape(have)}, the LoRA's {_shape(got)}")
    if faults:
        raise refusal(path, f"made for another network: {'; '.join(faults[:3])}")


def _shape(sizes: Sequence[int]) -> str:
    return "x".join(str(size) for size in sizes)
