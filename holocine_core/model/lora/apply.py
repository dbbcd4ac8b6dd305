"""LoRA files onto Wan transformers: as peft adapters, and whole differences added to parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor, nn

from holocine_core.errors import RenderError
from holocine_core.model.fp8 import ScaledLinear, widen
from holocine_core.model.lora.file import LoraFile, Part, check_lora_files
from holocine_core.model.lora.per_shot import ShotLoras
from holocine_core.model.lora.places import first, refusal, shared_by_all
from holocine_core.model.lora.read import Change, read_change


def apply_loras(
    transformer: WanTransformer3DModel,
    part: Part,
    loras: Sequence[LoraFile],
    of_shots: Sequence[LoraFile] = (),
    shots: ShotLoras | None = None,
) -> None:
    """Change one expert by the LoRAs meant for it, each with its own weight.

    Call it once per network, after loading and before offloading. Files of the other expert are
    passed over. Nothing changes unless every file is sound. Layers that lie in fp8 stay so beside
    a file's matrices; those of which it changes the whole weight are widened.

    Args:
        transformer: The network, changed in place: matrices become peft adapters named
            ``lora_0``, ``lora_1``..., whole differences are added to their parameters, file after
            file: what DoRA makes of a weight depends on what was added before.
        part: Which expert it is: ``transformer`` takes high noise, ``transformer_2`` low noise.
        loras: Files for either expert.
        of_shots: Files that only some shots take.
        shots: Decides, pass by pass, which; needed with ``of_shots``.

    Raises:
        InputError: Where a file has a key without a place in this network, a shape that does not
            fit, values that are not finite, or no effect, or changes for all shots what only some
            shall take.
        RenderError: Where an adapter did not arrive in the network.
        ValueError: Where the network already has adapters.
    """
    whole = [lora for lora in loras if lora.changes(part)]
    single = [lora for lora in of_shots if lora.changes(part)]
    if not (whole or single):
        return
    if getattr(transformer, "peft_config", None):
        raise ValueError("this network already has LoRAs; load it anew to change them")
    mine = [*whole, *single]
    changes = _read(transformer, part, whole, single)
    for lora, change in zip(whole, changes, strict=False):
        _add_differences(transformer, change, lora.weight)
    weights: dict[str, float] = {}
    for index, (lora, change) in enumerate(zip(mine, changes, strict=True)):
        if change.low_rank:
            name = f"lora_{index}"
            _inject(transformer, name, change, lora.path)
            weights[name] = lora.weight
            if index >= len(whole):
                if shots is None:
                    raise ValueError("a LoRA of single shots needs what knows the shots")
                shots.bind(transformer, name, lora)
    if weights:
        transformer.set_adapters(list(weights), list(weights.values()))


def _read(
    transformer: WanTransformer3DModel,
    part: Part,
    whole: Sequence[LoraFile],
    single: Sequence[LoraFile],
) -> list[Change]:
    """What the film's files and those of single shots would do; nothing is changed yet."""
    check_lora_files(whole, experts=2)
    for lora in single:  # One file may be one shot's and another's, with another weight.
        check_lora_files([lora], experts=2)
    changes = [read_change(transformer, part, lora) for lora in (*whole, *single)]
    for lora, change in zip(single, changes[len(whole) :], strict=True):
        if common := shared_by_all([*change.low_rank, *change.differences]):
            fault = f"it changes what all shots of a scene share: {first(common)}"
            hint = "put it under `lora:` of the film instead of a shot"
            raise refusal(lora.path, fault, hint)
    return changes


@torch.no_grad()
def _add_differences(transformer: WanTransformer3DModel, change: Change, weight: float) -> None:
    widen(transformer, change.differences.keys())
    parameters = dict(transformer.named_parameters())
    for name, difference in change.differences.items():
        parameter = parameters[name]
        moved = parameter.float() + weight * difference.of(parameter)
        # Not into its place: that may be the file, mapped to be read only.
        parameter.data = moved.to(parameter.dtype)


def _inject(transformer: WanTransformer3DModel, name: str, change: Change, path: Path) -> None:
    """Add a file's matrices as the peft adapter ``name`` and see that every one arrived."""
    with_bias = any(pair.bias_O is not None for pair in change.low_rank.values())
    state: dict[str, Tensor] = {}
    for layer, pair in change.low_rank.items():
        dtype = _adapter_dtype(transformer.get_submodule(layer))
        state[f"{layer}.lora_A.weight"] = pair.down_RI.to(dtype)
        state[f"{layer}.lora_B.weight"] = pair.up_OR.to(dtype)
        if with_bias:
            # peft gives every layer of an adapter a bias or none.
            bias_O = torch.zeros(len(pair.up_OR)) if pair.bias_O is None else pair.bias_O
            state[f"{layer}.lora_B.bias"] = bias_O.to(dtype)
    with warnings.catch_warnings():
        # Several adapters are what is wanted.
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")
        transformer.load_lora_adapter(dict(state), prefix=None, adapter_name=name)
    arrived = dict(transformer.named_parameters())
    lost = [key for key, tensor in state.items() if not _arrived(arrived, key, name, tensor)]
    if lost:
        raise RenderError(
            f"LoRA {path.name}: {len(lost)} of {len(state)} matrices did not arrive: {first(lost)}",
            where=str(path),
            hint="report this with the versions of diffusers and peft",
        )


def _adapter_dtype(layer: nn.Module) -> torch.dtype:
    """The layer's own type, by which it computes; bfloat16 where its weight is stored quantized as
    integers."""
    linear = getattr(layer, "base_layer", layer)
    assert isinstance(linear, nn.Linear)
    if isinstance(linear, ScaledLinear):
        return linear.compute_dtype
    return linear.weight.dtype if linear.weight.dtype.is_floating_point else torch.bfloat16


def _arrived(parameters: Mapping[str, Tensor], key: str, adapter: str, tensor: Tensor) -> bool:
    stem, kind = key.rsplit(".", 1)
    parameter = parameters.get(f"{stem}.{adapter}.{kind}")
    return parameter is not None and torch.equal(parameter.detach().cpu(), tensor.cpu())
