"""What the recipes that need GPUs ask of each of them, as `holocine train --dry-run` estimates it.

    python -m benchmarks.recipes

The models' configs are written as they are published, without weights, and two clips of every size
and length that a recipe trains on: numbers follow from these. Nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.lab.samples import write_sample
from holocine_core.model import networks
from holocine_core.model.home import MODELS_VARIABLE
from holocine_core.model.locate import find_model
from holocine_core.model.spec import MODELS, ModelSpec
from holocine_core.script.screenplay import Screenplay
from holocine_core.shipped.names import RECIPES
from holocine_core.train.dry_run import outline
from holocine_core.train.recipe import Recipe
from holocine_core.train.recipe_file import read_recipe
from holocine_core.units import memory, scaled

CONFIGS = Path(networks.__file__).parent / "configs" / "wan2.2-t2v-a14b"


@dataclass(frozen=True, slots=True)
class Case:
    """A recipe, the devices it is for, and how many seconds the scenes of its folders last."""

    recipe: str
    gpus: int
    gib: int
    seconds: Mapping[str, float]


CASES = (
    Case("lora-14b", 1, 80, {"data": 5}),
    Case("lora-14b-two-cards", 2, 80, {"data": 15}),
    Case("full-14b-8", 8, 80, {"data-05s": 5, "data-15s": 16}),
    Case("full-14b-64", 64, 80, {"data-05s": 5, "data-15s": 16}),
    Case("small-1.3b", 1, 24, {"data-15s": 15, "data-05s": 5}),
)
SHOT = 12
"""Latent frames of a shot."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    args = parsed(parser)
    print(f"*{machine()}; estimates*\n")
    print("| recipe | devices | trained | phase | tokens of the longest scene | memory of each "
          "| work of each a step |")  # fmt: skip
    print("|" + "---|" * 7)
    for case in CASES[-1:] if args.quick else CASES:
        home = scratch()
        os.environ[MODELS_VARIABLE] = str(home / "models")
        recipe = _placed(read_recipe(RECIPES.files()[case.recipe], Recipe), case, home)
        found = outline(recipe, case.gpus, "cuda")
        for one in found.phases:
            seconds = case.seconds[Path(one.phase.data or "").name]
            print(
                f"| [{case.recipe}](../holocine_core/shipped/recipes/{case.recipe}.yaml) "
                f"| {case.gpus} of {case.gib} GB "
                f"| {scaled(found.trained, '').strip()} | {one.phase.size}, {seconds:g} s "
                f"| {one.longest} | {memory(one.peak_bytes)} | {scaled(one.flops, 'FLOP')} |"
            )


def _placed(recipe: Recipe, case: Case, home: Path) -> Recipe:
    """A recipe whose model and clips lie below ``home``."""
    name = recipe.model.folder or ""
    write_configs(MODELS[name], home / "models")
    spec = find_model(name).spec
    phases = []
    for number, phase in enumerate(recipe.phases):
        assert phase.data is not None
        folder = home / str(number) / phase.data
        frames = int(case.seconds[phase.data] * spec.fps) // 4 * 4 + 1
        _write_clips(folder, frames, (phase.width, phase.height), spec.fps)
        phases.append(phase.model_copy(update={"data": str(folder)}))
    held_out = recipe.held_out.model_copy(update={"data": None})
    changed = {
        "out": str(home / "run"),
        "phases": tuple(phases),
        "held_out": held_out,
        "films": None,
    }
    return recipe.model_copy(update=changed)


def _write_clips(folder: Path, frames: int, size: tuple[int, int], fps: int) -> None:
    """Two clips of shots of even length."""
    latents = (frames + 3) // 4
    edges = [*range(0, latents - SHOT // 2, SHOT), latents]
    lengths = [4 * (b - a) - 3 * (a == 0) for a, b in pairwise(edges)]
    shots = [{"prompt": "A lamp.", "frames": length} for length in lengths]
    told = {"scenes": [{"global": "A room.", "shots": shots}]}
    screenplay = Screenplay.model_validate_json(json.dumps(told))
    for number in range(2):
        still = np.full((1, 1, 1, 3), 60 + number, np.uint8)
        clip = np.broadcast_to(still, (frames, size[1], size[0], 3))
        write_sample(folder, f"clip-{number}", screenplay, clip, Fraction(fps))


def write_configs(spec: ModelSpec, home: Path) -> None:
    """A published model's folders: configs, and files without weights."""
    shape = spec.shape
    transformer = {
        **json.loads((CONFIGS / "transformer" / "config.json").read_text()),
        "num_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "attention_head_dim": shape.width // shape.heads,
        "ffn_dim": shape.ffn,
        "in_channels": shape.latent_channels,
        "out_channels": shape.latent_channels,
    }
    for source in spec.sources:
        for pattern in source.files:
            path = home / source.folder / pattern
            if not pattern.endswith("/*"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                continue
            _write_part(path.parent, transformer)


def _write_part(home: Path, transformer: Mapping[str, object]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    files: Sequence[str] = ("diffusion_pytorch_model.safetensors",)
    if home.name == "tokenizer":
        files = ("tokenizer.json",)
    elif home.name == "text_encoder":
        files = ("model.safetensors",)
    for name in files:
        (home / name).touch()
    if home.name == "transformer":
        (home / "config.json").write_text(json.dumps(transformer), encoding="utf-8")
    elif home.name != "tokenizer":
        (home / "config.json").write_bytes((CONFIGS / home.name / "config.json").read_bytes())


if __name__ == "__main__":
    main()
