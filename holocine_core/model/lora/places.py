"""Where the keys of a LoRA file belong in a Wan transformer, by their names alone. No torch here.

Four namings are read: diffusers (``transformer.blocks.0.attn1.to_q.lora_A.weight``), ComfyUI and
lightx2v (``diffusion_model.blocks.0.self_attn.q.lora_down.weight``), musubi and kohya
(``lora_unet_blocks_0_self_attn_q.lora_down.weight``), LyCORIS and SimpleTuner
(``lycoris_blocks_0_attn1_to_q.lokr_w1``), each also behind peft's ``base_model.model.``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from holocine_core.errors import InputError
from holocine_core.model.lora.file import DOWN, JOINED, LENGTHS, UP, LoraFile, Part
from holocine_core.model.original_names import original_name

PREFIXES = (
    "base_model.model.",
    "transformer_2.",
    "transformer.",
    "model.diffusion_model.",
    "diffusion_model.",
    "pipe.dit.",
    "lora_unet_",
    "lycoris_",
)
ROLES: Mapping[str, str] = {
    **dict.fromkeys(DOWN, "down"),
    **dict.fromkeys(UP, "up"),
    ".lora_B.bias": "up_bias",
    ".alpha": "alpha",
    ".diff": "weight",
    ".diff_b": "bias",
    ".diff_m": "modulation",
    **{ending: ending[1:] for ending in JOINED},
    **dict.fromkeys(LENGTHS, "lengths"),
}
MODEL_HINT = (
    "use a text-to-video LoRA of Wan2.2-T2V-A14B or Wan2.1-T2V-14B "
    "(LoRA, LoKr, LoHa or DoRA) in the diffusers, ComfyUI, musubi or LyCORIS naming"
)
T = TypeVar("T")
Layers = dict[str, dict[str, tuple[str, T]]]
"""By layer (or table): role -> the key in the file and its tensor, or what stands for it."""


def refusal(path: Path, fault: str, hint: str = MODEL_HINT) -> InputError:
    """The error about a file."""
    return InputError(f"LoRA {path.name}: {fault}", where=str(path), hint=hint)


def first(keys: Sequence[str]) -> str:
    """Some of them, for a message."""
    return ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")


def by_layer(
    tensors: Mapping[str, T], part: Part, lora: LoraFile, layers: Iterable[str]
) -> Layers[T]:
    """A file's keys for one expert, sorted by layer and role.

    Args:
        tensors: All of the file's.
        part: The expert.
        lora: The file, as it is asked for.
        layers: The network's layers with a weight, in diffusers' names.

    Raises:
        InputError: A key has no place in the network, or the file names other experts.
    """
    own = _of_part(tensors, part, lora)
    known = list(layers)
    found, unplaced = _sorted(own, _layer_names(known), _table_names(known))
    if unplaced:
        image = any("_img" in key or "img_emb" in key for key in unplaced)
        raise refusal(
            lora.path,
            f"{len(unplaced)} of {len(own)} keys have no place in the network: {first(unplaced)}",
            f"this is an image-to-video LoRA; {MODEL_HINT}" if image else MODEL_HINT,
        )
    return found


def _of_part(tensors: Mapping[str, T], part: Part, lora: LoraFile) -> dict[str, T]:
    """A file's keys for one expert; files that name no second expert fit either.

    diffusers saves one file per expert, both with the prefix ``transformer.``; only files that
    use ``transformer_2.`` as well say themselves which expert a key belongs to.
    """
    second = [key for key in tensors if key.startswith("transformer_2.")]
    if not second:
        return dict(tensors)
    holds = "low" if len(second) == len(tensors) else "both"
    if (lora.expert or "both") != holds:
        experts = {"low": "the low-noise expert only", "both": "both experts"}[holds]
        raise refusal(
            lora.path,
            f"it has matrices for {experts}, but is asked for on: {lora.expert or 'both'}",
            f"write `expert: {holds}`, or split the file",
        )
    other = "transformer." if part == "transformer_2" else "transformer_2."
    return {key: tensor for key, tensor in tensors.items() if not key.startswith(other)}


def _layer_names(layers: Sequence[str]) -> dict[str, str]:
    """Every name a layer goes by in LoRA files (diffusers', Wan's, kohya's) -> diffusers' name."""
    names = {_original(name): name for name in layers}
    names |= {original.replace(".", "_"): name for original, name in names.items()}
    own = {name: name for name in layers} | {name.replace(".", "_"): name for name in layers}
    return own | names


def _original(layer: str) -> str:
    return original_name("transformer", f"{layer}.weight").removesuffix(".weight")


def _table_names(layers: Sequence[str]) -> dict[str, str]:
    """Modulation tables: where ``diff_m`` is attached -> diffusers' parameter."""
    blocks = {".".join(name.split(".")[:2]) for name in layers if name.startswith("blocks.")}
    return {block: f"{block}.scale_shift_table" for block in blocks} | {"head": "scale_shift_table"}


def _sorted(
    tensors: Mapping[str, T], layer_names: Mapping[str, str], table_names: Mapping[str, str]
) -> tuple[Layers[T], list[str]]:
    """Sort a file's keys by layer (or table) and role, and list those without a place."""
    layers: Layers[T] = {}
    unplaced: list[str] = []
    for key, tensor in tensors.items():
        bare = key
        for prefix in PREFIXES:
            bare = bare.removeprefix(prefix)
        suffix = next((suffix for suffix in ROLES if bare.endswith(suffix)), "")
        role = ROLES.get(suffix, "")
        known = table_names if role == "modulation" else layer_names
        layer = known.get(bare.removesuffix(suffix))
        if not role or layer is None or role in layers.get(layer, {}):
            unplaced.append(key)
        else:
            layers.setdefault(layer, {})[role] = (key, tensor)
    return layers, unplaced


SHARED = "condition_embedder.time"
"""Layers that no token is the input of."""
WHOLE = (".weight", ".bias", "scale_shift_table")
"""Endings of parameters, which a file changes by their whole difference."""


def shared_by_all(changed: Iterable[str]) -> list[str]:
    """Of a file's layers and whole parameters, those that act on no shot by itself."""
    return [name for name in changed if name.startswith(SHARED) or name.endswith(WHOLE)]
