"""What a recipe will do, before anything is drawn or trained: the dry run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean as mean

from holocine_core.errors import InputError
from holocine_core.model.cost import Geometry, forward_flops
from holocine_core.model.folders import locate_folder
from holocine_core.model.headers import read_header
from holocine_core.model.spec import MODELS, ModelSpec, NetworkShape
from holocine_core.store.files import load_json
from holocine_core.train.check import phase_problems
from holocine_core.train.data.folder import read_samples
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.networks import EMBEDDINGS, expert_part
from holocine_core.train.recipe import New, Phase, Recipe

FLOAT32, HALF = 4, 2
"""Bytes."""
LOOKED_AT = 64
"""Layouts that a phase's numbers are the mean of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOutline:
    """A phase in numbers.

    Attributes:
        samples: How many it trains on.
        epochs: How often each is seen.
        tokens: Video tokens of a sample, mean.
        longest: Video tokens of the longest sample.
        shots: Shots of a sample, mean.
        flops: Of one optimizer step, forward and backward.
        latent_bytes: Of all encoded samples on disk.
        peak_bytes: Of memory at the longest sample, weights and optimizer included; about.
    """

    phase: Phase
    samples: int
    epochs: float
    tokens: float
    longest: int
    shots: float
    flops: float
    latent_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A recipe in numbers.

    Attributes:
        parameters: Numbers in the networks that run in every pass.
        trained: Those of them that move.
    """

    recipe: Recipe
    parameters: int
    trained: int
    phases: tuple[PhaseOutline, ...]


def outline(recipe: Recipe) -> Outline:
    """A recipe in numbers.

    Raises:
        InputError: The recipe does not fit its model or its data.
    """
    spec = _spec(recipe)
    weights = _weights(recipe, spec)
    trained = sum(count for _, count, moves in weights if moves)
    held = _held_bytes(recipe, weights)
    return Outline(
        recipe=recipe,
        parameters=sum(count for _, count, _ in weights),
        trained=trained,
        phases=tuple(_phase(recipe, spec, phase, held) for phase in recipe.phases),
    )


def _spec(recipe: Recipe) -> ModelSpec:
    new = recipe.model.new
    if new is None:
        assert recipe.model.folder is not None
        located = locate_folder(Path(recipe.model.folder).expanduser())
        located.require()
        return located.spec
    vae = load_json(Path(new.codec) / "config.json")
    text = load_json(Path(new.text) / "text_encoder" / "config.json")
    return replace(
        MODELS["nano"],
        shape=NetworkShape(
            layers=new.layers,
            width=new.heads * new.head_width,
            heads=new.heads,
            ffn=new.ffn,
            text_width=text["d_model"],
            latent_channels=vae["z_dim"],
            patch=new.patch,
        ),
        attention="sparse",
        fps=new.card.fps,
        text_tokens=new.card.text_tokens,
        text_padding=new.card.text_padding,
        spatial_stride=vae.get("scale_factor_spatial", 8),
    )


Weights = list[tuple[str, int, bool]]
"""Name, count of numbers, and whether they move."""


def _weights(recipe: Recipe, spec: ModelSpec) -> Weights:
    new = recipe.model.new
    if new is None:
        folder = Path(recipe.model.folder or "").expanduser()
        located = locate_folder(folder)
        part = expert_part(recipe, located, folder)
        shapes = _shapes(located.component(part).paths)
        text = located.component("text_encoder").paths
    else:
        shapes = _new_shapes(new, spec)
        text = tuple(sorted((Path(new.text) / "text_encoder").glob("*.safetensors")))
    learns = recipe.train == "full"
    found = [
        (f"transformer.{name}", math.prod(shape), learns and "transformer" in recipe.parts)
        for name, shape in shapes.items()
    ]
    found += [
        (
            f"text_encoder.{name}",
            math.prod(shape),
            "text_encoder" in recipe.parts and (recipe.words or name not in EMBEDDINGS),
        )
        for name, shape in _shapes(text).items()
    ]
    return [*found, *(_matrices(recipe, shapes) if recipe.train == "lora" else [])]


def _shapes(paths: Sequence[Path]) -> dict[str, tuple[int, ...]]:
    return {name: entry.shape for path in paths for name, entry in read_header(path).items()}


def _new_shapes(new: New, spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    from accelerate import init_empty_weights

    from holocine_core.train.fresh import empty_transformer

    with init_empty_weights(include_buffers=True):
        network = empty_transformer(new, spec.shape.latent_channels, spec.shape.text_width)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def _matrices(recipe: Recipe, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    ends = tuple(f".{target}.weight" for target in recipe.lora.targets)
    return [
        (f"{name}.lora", recipe.lora.rank * sum(shape), True)
        for name, shape in shapes.items()
        if len(shape) == 2 and name.endswith(ends)
    ]


def _held_bytes(recipe: Recipe, weights: Weights) -> int:
    """Weights, and for those that move gradient, average and what the optimizer remembers."""
    frozen = 2 if recipe.train == "lora" and recipe.precision == "bf16" else FLOAT32
    moments = 1 if recipe.optimizer.kind == "muon" and recipe.train == "full" else 2
    return sum(n * (FLOAT32 * (3 + moments) if moves else frozen) for _, n, moves in weights)


def _phase(recipe: Recipe, spec: ModelSpec, phase: Phase, held: int) -> PhaseOutline:
    if phase.data is None:
        samples, layouts = drawn_world().outline(phase, LOOKED_AT)
    else:
        found = read_samples(Path(phase.data), width=phase.width, height=phase.height, fps=spec.fps)
        samples, layouts = len(found), [sample.shots for sample in found]
    if problems := list(phase_problems(phase, spec)):
        raise InputError.of(problems)
    rows, columns = phase.height // spec.spatial_stride, phase.width // spec.spatial_stride
    scenes = [Geometry(rows=rows, columns=columns, shots=shots) for shots in layouts]
    per_frame = (rows // spec.shape.patch) * (columns // spec.shape.patch)
    tokens = [scene.frames * per_frame for scene in scenes]
    passes = phase.batch * phase.accumulate
    forward = mean(forward_flops(spec, scene, attention=recipe.attention).total for scene in scenes)
    latent = spec.shape.latent_channels * rows * columns * HALF
    return PhaseOutline(
        phase=phase,
        samples=samples,
        epochs=phase.steps * passes / samples,
        tokens=mean(tokens),
        longest=max(tokens),
        shots=mean(len(scene.shots) for scene in scenes),
        # Backward costs twice as much as forward.
        flops=3 * passes * forward,
        latent_bytes=round(samples * latent * mean(scene.frames for scene in scenes)),
        peak_bytes=held + phase.batch * max(tokens) * _token_bytes(recipe, spec.shape),
    )


def _token_bytes(recipe: Recipe, shape: NetworkShape) -> int:
    """Bytes that a video token keeps for the backward pass, as measured on small networks."""
    by_width, by_ffn = (94.0, 4.5) if recipe.precision == "bf16" else (126.0, 8.0)
    return round(shape.layers * (by_width * shape.width + by_ffn * shape.ffn))
