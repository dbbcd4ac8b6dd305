"""What a recipe will do, before anything is drawn or trained: the dry run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean as mean

from holocine_core.errors import InputError
from holocine_core.model.components import ComponentFiles, MissingFile, part_in_folder
from holocine_core.model.cost import Geometry, forward_flops
from holocine_core.model.folders import vae_shape
from holocine_core.model.pipeline import TIED
from holocine_core.model.spec import MODELS, ModelSpec, NetworkShape
from holocine_core.model.weights import empty_network
from holocine_core.store.files import load_json
from holocine_core.train.check import cache_folder, phase_problems
from holocine_core.train.data.samples import buckets_of, read_samples
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.fresh import NOT_THERE
from holocine_core.train.networks import EMBEDDINGS, expert_part, find_base
from holocine_core.train.recipe import Phase, Recipe
from holocine_core.train.recipe_start import New
from holocine_core.train.work import BACK

FLOAT32, HALF = 4, 2
"""Bytes."""
LOOKED_AT = 64
"""Layouts that a phase's numbers are the mean of."""


Weights = list[tuple[str, int, bool]]
"""Name, count of numbers, and whether they move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Samples that can stand in one pass.

    Attributes:
        frames: Of a clip.
        size: Width x height.
        samples: How many there are.
        tokens: Video tokens of one.
        batch: How many stand in a pass at most.
    """

    frames: int
    size: str
    samples: int
    tokens: int
    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOutline:
    """A phase in numbers.

    Attributes:
        scenes: Some of its samples, from the one with fewest tokens to the one with most.
        samples: How many it trains on.
        epochs: How often each is seen.
        tokens: Video tokens of a sample, mean.
        longest: Video tokens of the longest sample.
        shots: Shots of a sample, mean.
        buckets: Sizes and lengths of its clips; empty for drawn scenes.
        flops: Of one optimizer step, forward and backward, of one device.
        latent_bytes: Of all encoded samples on disk.
        peak_bytes: Of one device's memory at the longest sample, weights and optimizer included;
            about.
    """

    phase: Phase
    scenes: tuple[Geometry, ...]
    samples: int
    epochs: float
    tokens: float
    longest: int
    shots: float
    buckets: tuple[Bucket, ...]
    flops: float
    latent_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A recipe in numbers.

    Attributes:
        parameters: Numbers in the networks that run in every pass.
        trained: Those of them that move.
        gpus: Devices that it is parted among.
    """

    recipe: Recipe
    gpus: int
    parameters: int
    trained: int
    phases: tuple[PhaseOutline, ...]


def outline(recipe: Recipe, gpus: int = 1) -> Outline:
    """A recipe in numbers.

    Args:
        recipe: The run.
        gpus: Devices that it is parted among.

    Raises:
        InputError: The recipe does not fit its model or its data, or can't be parted so.
    """
    if gpus % recipe.ulysses:
        raise InputError(
            f"{gpus} devices can't share clips by {recipe.ulysses}",
            where="ulysses",
            hint="--gpus must be a multiple of it",
        )
    spec = _spec(recipe)
    weights = _weights(recipe, spec)
    trained = sum(count for _, count, moves in weights if moves)
    held = _held_bytes(recipe, weights)
    if gpus > 1:
        # Of its share, and of the block at work and the next, which are whole.
        largest = max(_blocks(weights).values())
        held = held // gpus + 2 * FLOAT32 * largest
    return Outline(
        recipe=recipe,
        gpus=gpus,
        parameters=sum(count for _, count, _ in weights),
        trained=trained,
        phases=tuple(_phase(recipe, spec, phase, held, gpus) for phase in recipe.phases),
    )


def _blocks(weights: Weights) -> Mapping[str, int]:
    """Numbers of every block of the transformer."""
    found: dict[str, int] = {"": 0}
    for name, count, _ in weights:
        if ".blocks." in name:
            block = name.partition(".blocks.")[2].partition(".")[0]
            found[block] = found.get(block, 0) + count
    return found


def _spec(recipe: Recipe) -> ModelSpec:
    new = recipe.model.new
    if new is None:
        assert recipe.model.folder is not None
        located = find_base(Path(recipe.model.folder).expanduser())
        located.require()
        return located.spec
    codec = Path(new.codec) / "config.json"
    vae = load_json(codec)
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
        vae=vae_shape(vae, codec),
    )


def _weights(recipe: Recipe, spec: ModelSpec) -> Weights:
    new = recipe.model.new
    if new is None:
        folder = Path(recipe.model.folder or "").expanduser()
        located = find_base(folder)
        part = expert_part(recipe, located, folder)
        shapes = _shapes(located.component(part))
        text = located.component("text_encoder")
    else:
        shapes = _new_shapes(new, spec)
        text = _text_of(new)
    learns = recipe.train == "full"
    found = [
        (f"transformer.{name}", math.prod(shape), learns and "transformer" in recipe.parts)
        for name, shape in shapes.items()
    ]
    # Prompts of clips are encoded before, by an encoder that is gone then.
    draws = any(phase.data is None for phase in recipe.phases)
    runs = draws or "text_encoder" in recipe.parts
    found += [
        (
            f"text_encoder.{name}",
            math.prod(shape),
            "text_encoder" in recipe.parts and (recipe.words or name not in EMBEDDINGS),
        )
        for name, shape in (_shapes(text) if runs else {}).items()
    ]
    return [*found, *(_matrices(recipe, shapes) if recipe.train == "lora" else [])]


def _shapes(files: ComponentFiles) -> dict[str, tuple[int, ...]]:
    """Of a part's weights, by their names in diffusers: those in files may be other ones."""
    named = empty_network(files).state_dict().items()
    return {name: tuple(value.shape) for name, value in named if name != TIED}


def _text_of(new: New) -> ComponentFiles:
    found = part_in_folder(Path(new.text) / "text_encoder", "text_encoder", hint=NOT_THERE)
    if isinstance(found, MissingFile):
        raise InputError(
            f"there is no text encoder at {new.text}", where=str(found.path), hint=NOT_THERE
        )
    return found


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
    moments = {"adamw": 2 * FLOAT32, "adamw-8bit": 2 * (1 + FLOAT32 / 256)}
    moments["muon"] = moments["adamw"] if recipe.train == "lora" else FLOAT32
    moved = (3 if recipe.ema else 2) * FLOAT32 + moments[recipe.optimizer.kind]
    return round(sum(n * (moved if moves else frozen) for _, n, moves in weights))


def _phase(recipe: Recipe, spec: ModelSpec, phase: Phase, held: int, gpus: int) -> PhaseOutline:
    if problems := list(phase_problems(phase, spec)):
        raise InputError.of(problems)
    samples, scenes, buckets = _scenes(recipe, spec, phase)
    patch = spec.shape.patch**2
    per_frame = [scene.rows * scene.columns // patch for scene in scenes]
    tokens = [scene.frames * each for scene, each in zip(scenes, per_frame, strict=True)]
    passes = phase.batch * phase.accumulate
    forward = mean(forward_flops(spec, scene, attention=recipe.attention).total for scene in scenes)
    latent = mean(scene.frames * scene.rows * scene.columns for scene in scenes)
    parts = gpus // recipe.ulysses

    def on_one(batch: int, tokens: int) -> float:
        """Tokens of a pass on one device."""
        return -(-batch // parts) * tokens / recipe.ulysses

    most = max(on_one(bucket.batch, bucket.tokens) for bucket in buckets) if buckets else 0
    by_tokens = sorted(scenes, key=lambda scene: scene.frames * scene.rows * scene.columns)
    return PhaseOutline(
        phase=phase,
        scenes=tuple(by_tokens),
        samples=samples,
        epochs=phase.steps * passes / samples,
        tokens=mean(tokens),
        longest=max(tokens),
        shots=mean(len(scene.shots) for scene in scenes),
        buckets=buckets,
        flops=BACK[recipe.train] * passes * forward / gpus,
        latent_bytes=round(samples * spec.shape.latent_channels * latent * HALF),
        peak_bytes=round(
            held + (most or on_one(phase.batch, max(tokens))) * _token_bytes(recipe, spec.shape)
        ),
    )


def _scenes(
    recipe: Recipe, spec: ModelSpec, phase: Phase
) -> tuple[int, list[Geometry], tuple[Bucket, ...]]:
    """How many samples a phase has, some of them as the network sees them, and its buckets."""
    stride, patch = spec.spatial_stride, spec.shape.patch
    if phase.data is None:
        samples, layouts = drawn_world().outline(phase, LOOKED_AT)
        rows, columns = phase.height // stride, phase.width // stride
        return samples, [Geometry(rows=rows, columns=columns, shots=s) for s in layouts], ()
    found = read_samples(
        Path(phase.data),
        size=phase.pixels,
        fps=spec.fps,
        index=cache_folder(recipe) / "index",
        keep=False,
    )
    buckets = []
    for (frames, high, wide), members in buckets_of(found).items():
        tokens = frames * (high // (stride * patch)) * (wide // (stride * patch))
        most = phase.batch if phase.tokens is None else min(phase.batch, phase.tokens // tokens)
        buckets.append(
            Bucket(
                frames=4 * frames - 3,
                size=f"{wide}x{high}",
                samples=len(members),
                tokens=tokens,
                batch=max(1, min(most, len(members))),
            )
        )
    step = max(1, len(found) // (LOOKED_AT * 16))
    scenes = [
        Geometry(rows=one.size[1] // stride, columns=one.size[0] // stride, shots=one.shots)
        for one in found[::step]
    ]
    return len(found), scenes, tuple(buckets)


def _token_bytes(recipe: Recipe, shape: NetworkShape) -> int:
    """Bytes that a video token keeps for the backward pass, as measured on small networks."""
    by_width, by_ffn = (94.0, 4.5) if recipe.precision == "bf16" else (126.0, 8.0)
    block = by_width * shape.width + by_ffn * shape.ffn
    if recipe.checkpoint_activations:
        # What enters every block, and all of the one at work.
        entering = HALF if recipe.precision == "bf16" else FLOAT32
        return round(shape.layers * entering * shape.width + block)
    return round(shape.layers * block)
