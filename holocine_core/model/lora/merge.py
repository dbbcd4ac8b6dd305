"""LoRAs folded into a model: a pipeline folder that films as the model with them does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.model.components import STEMS, ComponentFiles, LocatedModel
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.experts import Experts
from holocine_core.model.lora.file import PARTS, LoraFile, Part, lora_hash
from holocine_core.model.pipeline import refuse_packed, write_pipeline
from holocine_core.model.scales import HEADER_KEY
from holocine_core.model.weights import load_component, named_as_diffusers
from holocine_core.store.files import replace_folder
from holocine_core.store.tensors import write_tensors
from holocine_core.store.vault import disk_errors

MERGED = "holocine_merged"
"""Key of a weight file's metadata: the LoRAs in it, as a list."""


def merge_loras(located: LocatedModel, loras: Sequence[LoraFile], out: Path) -> None:
    """Write a model with LoRAs folded into its weights.

    Sums are made in float32 and stored as the model's own weights are. The folder appears whole.

    Args:
        located: A model, its transformers not packed.
        loras: Files for either expert, with their weights.
        out: The new folder.

    Raises:
        InputError: The weights are packed, ``out`` is there already, or a LoRA does not fit.
        MachineError: Files are missing, or the disk is full.
    """
    located.require()
    loras = Experts(count=located.spec.experts).placed(loras)
    _refuse(located, out)
    part_folder = out.with_name(f".{out.name}.part")
    with disk_errors("write the model", out):
        shutil.rmtree(part_folder, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        of_part = {
            part: [lora for lora in loras if lora.changes(part)]
            for part in PARTS
            if part in located.components
        }
        merged = {part: mine for part, mine in of_part.items() if mine}
        write_pipeline(located, part_folder, merged)
        for part, mine in merged.items():
            _merge(located, part, mine, part_folder / part)
        replace_folder(part_folder, out)


def _refuse(located: LocatedModel, out: Path) -> None:
    if out.exists():
        raise InputError(
            f"{out} is there already", where=str(out), hint="give the name of a new folder"
        )
    for part in PARTS:
        if part in located.components:
            refuse_packed(located, part, "folding a LoRA in")


def _merge(located: LocatedModel, part: Part, loras: Sequence[LoraFile], home: Path) -> None:
    files = located.component(part)
    network = load_component(files, torch.float32)
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()  # What was loaded still lies in its file.
    apply_loras(network, part, loras)
    if getattr(network, "peft_config", None):
        network.fuse_lora(adapter_names=list(network.peft_config))
    kinds, metadata = _stored(files)
    merged = [*_merged_before(metadata, files.paths[0]), *map(_told, loras)]
    weights = {name: value.to(kinds[name]) for name, value in _whole(network).items()}
    told = {"format": "pt", **metadata, MERGED: json.dumps(merged)}
    write_tensors(home / f"{STEMS[part]}.safetensors", weights, told)


def _merged_before(metadata: Mapping[str, str], path: Path) -> list[Any]:
    """What was folded in already, as the weights tell."""
    try:
        told = json.loads(metadata.get(MERGED, "[]"))
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, list):
        return told
    raise InputError(
        f"what these weights say of LoRAs in them ({MERGED}) can not be read",
        where=str(path),
        hint="copy the model again, or save it without this metadata",
    )


def _whole(network: Any) -> dict[str, Tensor]:
    """A network's own weights, by their names before adapters came."""
    return {
        name.replace(".base_layer.", "."): value.detach()
        for name, value in network.state_dict().items()
        if ".lora_" not in name
    }


def _stored(files: ComponentFiles) -> tuple[Mapping[str, torch.dtype], dict[str, str]]:
    """How a model's weights are stored, and what its files say of themselves."""
    kinds = {name: value.dtype for name, value in named_as_diffusers(files).items()}
    metadata: dict[str, str] = {}
    for path in files.paths:
        with safe_open(path, "pt") as opened:
            metadata |= opened.metadata() or {}
    metadata.pop(HEADER_KEY, None)  # What lay in float8 is merged in bfloat16.
    return kinds, metadata


def _told(lora: LoraFile) -> dict[str, Any]:
    return {
        "file": lora.path.name,
        "weight": lora.weight,
        "expert": lora.expert,
        "sha256": lora_hash(lora),
    }
