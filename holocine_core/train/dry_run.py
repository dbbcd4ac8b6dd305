"""What a recipe will do, before anything is drawn or trained: the dry run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean as mean

from holocine_core.errors import InputError, MachineError
from holocine_core.model.attention.cpu import computes_bf16
from holocine_core.model.components import (
    ComponentFiles,
    LocatedModel,
    MissingFile,
    part_in_folder,
    vae_shape,
)
from holocine_core.model.cost import Geometry, forward_flops
from holocine_core.model.parallel import require_heads
from holocine_core.model.pipeline import TIED, refuse_packed
from holocine_core.model.spec import MODELS, ModelSpec, NetworkShape
from holocine_core.model.weights import empty_network
from holocine_core.script.reader import read
from holocine_core.store.files import load_json
from holocine_core.train.activations import Training
from holocine_core.train.check import cache_folder, phase_problems, size_problems
from holocine_core.train.data.samples import Sample, buckets_of, read_samples
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.films import check_films
from holocine_core.train.fresh import NOT_THERE, empty_transformer
from holocine_core.train.networks import EMBEDDINGS, expert_part, find_base, open_device
from holocine_core.train.places import codec_folder, screenplay_meant, text_folder
from holocine_core.train.recipe import Phase, Recipe
from holocine_core.train.recipe_start import New
from holocine_core.train.sharding import refuse_undivided
from holocine_core.train.work import BACK

FLOAT32, HALF = 4, 2
"""Bytes."""
LOOKED_AT = 64
"""Layouts that a phase's numbers are the mean of."""
Weights = list[tuple[str, int, bool, float]]
"""Name, count of numbers, whether they move, and the bytes of one that stands still."""


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


def outline(recipe: Recipe, gpus: int = 1, device: str = "cpu") -> Outline:
    """A recipe in numbers.

    Args:
        recipe: The run.
        gpus: Devices that it is parted among.
        device: ``auto``, ``cpu``, ``cuda`` ...; what `precision: auto` means is its to say.

    Raises:
        InputError: The recipe does not fit its model, its data or its films, or can't be parted so.
        MachineError: Files of its model are missing.
    """
    base = _base(recipe)
    spec = _new_spec(recipe.model.new) if base is None else base.spec
    _refuse_ranks(recipe, spec, gpus)
    _refuse_misfits(recipe, base)
    _refuse_held_out(recipe, spec)
    bf16, cpu = _place(recipe, gpus, device)
    weights = _weights(recipe, base, spec, bf16)
    held = _held_bytes(recipe, weights)
    if gpus > 1:
        # Of its share, and of the block at work and the next, which are whole.
        held = held // gpus + 2 * FLOAT32 * _largest_block(weights)
    moving = sum(count for _, count, moves, _ in weights if moves)
    training = Training(
        train=recipe.train,
        spec=spec,
        bf16=bf16,
        cpu=cpu,
        checkpoint=recipe.checkpoint_activations,
        rank=recipe.lora.rank if recipe.train == "lora" else 0,
        moving=moving if gpus == 1 else 0,
        attention=recipe.attention or spec.attention,
    )
    return Outline(
        recipe=recipe,
        gpus=gpus,
        parameters=sum(count for _, count, _, _ in weights),
        trained=moving,
        phases=tuple(_phase(recipe, training, phase, gpus, held) for phase in recipe.phases),
    )


def _refuse_ranks(recipe: Recipe, spec: ModelSpec, gpus: int) -> None:
    """Raises InputError for what so many devices can't share."""
    if gpus < 1:
        raise InputError(f"{gpus} devices train nothing", where="--gpus", hint="1 or more")
    if gpus % recipe.ulysses:
        raise InputError(
            f"{gpus} devices can't share clips by {recipe.ulysses}",
            where="ulysses",
            hint="--gpus must be a multiple of it",
        )
    if gpus > 1:
        refuse_undivided(recipe)
        require_heads(spec.shape.heads, recipe.ulysses, guided=False)


def _refuse_misfits(recipe: Recipe, base: LocatedModel | None) -> None:
    """Raises InputError for what the networks can't learn or film."""
    if base is not None:
        for one in recipe.by_expert() if recipe.train == "full" else ():
            for name in (expert_part(one, base, base.folder), *one.parts[1:]):
                refuse_packed(base, name, "`train: full`")
        check_films(recipe, base)
    elif recipe.films is not None:
        # A new model is not there yet to plan with.
        for name in recipe.films.screenplays:
            read(screenplay_meant(name, None)).accepted()


def _refuse_held_out(recipe: Recipe, spec: ModelSpec) -> None:
    """Raises InputError where nothing could be measured on the folder that is held out."""
    folder = recipe.held_out.data
    phases = [phase for phase in recipe.phases if phase.data is not None]
    if folder is None or not phases:
        return
    sizes = {one.size for one in _samples(recipe, spec, folder, None)}
    for phase in phases:
        if phase.pixels is not None and phase.pixels not in sizes:
            raise InputError(
                f"no held-out sample is {phase.size}, as a phase trains",
                where=folder,
                hint="put some of that size there too, or leave `size` out of the phases",
            )


def _place(recipe: Recipe, gpus: int, device: str) -> tuple[bool, bool]:
    """Whether passes run in bfloat16 on a device, which need not be here, and whether that is a
    processor."""
    try:
        # Several are never processors unless that is said.
        place = open_device("cuda" if gpus > 1 and device == "auto" else device)
    except MachineError:
        return recipe.precision != "float32", False  # GPUs that one trains on multiply it.
    return computes_bf16(recipe.precision, place), place.type == "cpu"


def _largest_block(weights: Weights) -> int:
    """Numbers of the transformer's largest block."""
    found = Counter[str]()
    for name, count, _, _ in weights:
        if ".blocks." in name:
            found[name.partition(".blocks.")[2].partition(".")[0]] += count
    return max(found.values(), default=0)


def _base(recipe: Recipe) -> LocatedModel | None:
    """The model that a recipe begins with; None where that is a new one."""
    if recipe.model.folder is None:
        return None
    located = find_base(Path(recipe.model.folder).expanduser())
    located.require()
    return located


def _new_spec(new: New | None) -> ModelSpec:
    assert new is not None
    codec = codec_folder(new.codec) / "config.json"
    vae = load_json(codec)
    text = load_json(text_folder(new.text) / "text_encoder" / "config.json")
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


def _weights(recipe: Recipe, base: LocatedModel | None, spec: ModelSpec, bf16: bool) -> Weights:
    # As networks are opened: what only stands still may be stored as it computes.
    stored: float = HALF if recipe.train == "lora" and bf16 else FLOAT32
    packed = stored
    if base is None:
        assert recipe.model.new is not None
        shapes = _new_shapes(recipe.model.new, spec)
        text = _text_of(recipe.model.new)
    else:
        files = base.component(expert_part(recipe, base, base.folder))
        shapes = _shapes(files)
        text = base.component("text_encoder")
        if files.form == "gguf":
            # It stays as it is in its file.
            packed = files.bytes / sum(map(math.prod, shapes.values()))
    moves = recipe.train == "full" and "transformer" in recipe.parts
    found = [
        (f"transformer.{name}", math.prod(shape), moves, packed) for name, shape in shapes.items()
    ]
    # Prompts of clips are encoded before, by an encoder that is gone then.
    draws = any(phase.data is None for phase in recipe.phases)
    reads = "text_encoder" in recipe.parts
    for name, shape in (_shapes(text) if draws or reads else {}).items():
        moves = reads and (recipe.words or name not in EMBEDDINGS)
        found.append((f"text_encoder.{name}", math.prod(shape), moves, stored))
    return [*found, *(_matrices(recipe, shapes) if recipe.train == "lora" else [])]


def _shapes(files: ComponentFiles) -> dict[str, tuple[int, ...]]:
    """Of a part's weights, by their names in diffusers: those in files may be other ones."""
    named = empty_network(files).state_dict().items()
    return {name: tuple(value.shape) for name, value in named if name != TIED}


def _text_of(new: New) -> ComponentFiles:
    found = part_in_folder(text_folder(new.text) / "text_encoder", "text_encoder", hint=NOT_THERE)
    if isinstance(found, MissingFile):
        raise InputError(
            f"there is no text encoder at {new.text}", where=str(found.path), hint=NOT_THERE
        )
    return found


def _new_shapes(new: New, spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=True):
        network = empty_transformer(new, spec.shape.latent_channels, spec.shape.text_width)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def _matrices(recipe: Recipe, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    ends = tuple(f".{target}.weight" for target in recipe.lora.targets)
    return [
        (f"{name}.lora", recipe.lora.rank * sum(shape), True, FLOAT32)
        for name, shape in shapes.items()
        if len(shape) == 2 and name.endswith(ends)
    ]


def _held_bytes(recipe: Recipe, weights: Weights) -> int:
    """Weights, and for those that move gradient, average and what the optimizer remembers."""
    moments = {"adamw": 2 * FLOAT32, "adamw-8bit": 2 * (1 + FLOAT32 / 256)}
    moments["muon"] = moments["adamw"] if recipe.train == "lora" else FLOAT32
    moved = (3 if recipe.ema else 2) * FLOAT32 + moments[recipe.optimizer.kind]
    return round(sum(n * (moved if moves else stored) for _, n, moves, stored in weights))


def _phase(recipe: Recipe, training: Training, phase: Phase, gpus: int, held: int) -> PhaseOutline:
    """A phase in numbers, with the bytes that are held all the time."""
    spec = training.spec
    if problems := list(phase_problems(phase, spec)):
        raise InputError.of(problems)
    samples, scenes, buckets = _scenes(recipe, spec, phase)
    latents = [scene.frames * scene.rows * scene.columns for scene in scenes]
    tokens = [each // spec.shape.patch**2 for each in latents]
    passes = phase.batch * phase.accumulate
    forward = mean(forward_flops(spec, scene, attention=recipe.attention).total for scene in scenes)
    parts = gpus // recipe.ulysses
    seen = training.seen(scenes)

    def on_one(batch: int, tokens: int) -> int:
        """Bytes of a pass on one device beside what it holds."""
        samples = -(-batch // parts)
        return training.pass_bytes(samples * tokens / recipe.ulysses, samples, seen * tokens)

    most = max((on_one(bucket.batch, bucket.tokens) for bucket in buckets), default=0)
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
        latent_bytes=round(samples * spec.shape.latent_channels * mean(latents) * HALF),
        peak_bytes=held + (most or on_one(phase.batch, max(tokens))),
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
    found = _samples(recipe, spec, phase.data, phase.pixels)
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


def _samples(
    recipe: Recipe, spec: ModelSpec, folder: str, size: tuple[int, int] | None
) -> tuple[Sample, ...]:
    """A folder's samples, as training reads them; nothing is written down."""
    index = cache_folder(recipe) / "index"
    found = read_samples(Path(folder), size=size, fps=spec.fps, index=index, keep=False)
    if problems := list(size_problems(found, spec)):
        raise InputError.of(problems)
    return found
