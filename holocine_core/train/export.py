"""A run's averaged weights as a complete model folder that the renderer loads as any other."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from holocine_core.model.card import CARD_NAME, card_of, read_json
from holocine_core.model.spec import Attention, ModelSpec
from holocine_core.train.lora import write_lora
from holocine_core.train.networks import Company, state_of
from holocine_core.train.recipe import Recipe
from holocine_core.vault import disk_errors

TIED = "encoder.embed_tokens.weight"
"""The embedding's second name in a T5 encoder; a file holds it once."""


def export(recipe: Recipe, company: Company, step: int, folder: Path) -> None:
    """Write a pipeline folder with the weights that the networks hold now.

    Parts that were not trained are copied from the model the run started from. Weights are
    bfloat16 but for the layers that diffusers keeps in float32. The folder appears whole.

    Args:
        recipe: Of the run; it is written into the weight files.
        company: With the weights to export in place.
        step: Steps done.
        folder: Where the model goes; an earlier export there is replaced.
    """
    part = folder.with_name(f".{folder.name}.part")
    metadata = _metadata(recipe, step)
    with disk_errors("export the model", folder):
        shutil.rmtree(part, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(company.located.folder, part)
        if "transformer" in recipe.parts:
            state, keep = _transformer(company)
            _write(part / company.part, "diffusion_pytorch_model", state, metadata, keep)
        if "text_encoder" in recipe.parts:
            state = {n: v for n, v in state_of(company.text_encoder).items() if n != TIED}
            _write(part / "text_encoder", "model", state, metadata, frozenset())
        if recipe.attention is not None:
            _card_with(part / CARD_NAME, company.located.spec, recipe.attention)
        _replace(part, folder)


def export_lora(recipe: Recipe, company: Company, step: int, path: Path) -> None:
    """Write the matrices that the transformer holds now as a LoRA file; else as :func:`export`."""
    write_lora(company.transformer, path, _metadata(recipe, step))


def _transformer(company: Company) -> tuple[dict[str, Tensor], frozenset[str]]:
    """The weights, and the names in them that stay float32."""
    network = company.transformer
    return state_of(network), frozenset(network._keep_in_fp32_modules or ())


def _metadata(recipe: Recipe, step: int) -> dict[str, str]:
    """What a weight file says about how it was made."""
    return {
        "format": "pt",
        "holocine_step": str(step),
        "holocine_seed": str(recipe.seed),
        "holocine_recipe": recipe.model_dump_json(),
    }


def _card_with(path: Path, spec: ModelSpec, attention: Attention) -> None:
    card = {**(read_json(path) if path.is_file() else card_of(spec)), "attention": attention}
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _write(
    home: Path,
    stem: str,
    state: Mapping[str, Tensor],
    metadata: dict[str, str],
    keep: frozenset[str],
) -> None:
    for old in home.glob(f"{stem}*.safetensors*"):
        old.unlink()
    tensors = {
        name: value.to("cpu", torch.float32 if keep & set(name.split(".")) else torch.bfloat16)
        for name, value in state.items()
    }
    save_file(
        {n: t.contiguous() for n, t in tensors.items()}, home / f"{stem}.safetensors", metadata
    )


def _replace(part: Path, folder: Path) -> None:
    """Give a finished folder its name; a folder cannot be renamed over another one."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
