"""Models that are trained: train, stage, and what only the drawn world needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import InputError
from holocine_core.events import Emit, Stop, ignore, never

if TYPE_CHECKING:
    from holocine_core.ingest.collect import Collected
    from holocine_core.ingest.request import IngestRequest
    from holocine_core.lab.samples import Sample
    from holocine_core.shipped.names import Kind
    from holocine_core.train.call import ExportOf
    from holocine_core.train.dry_run import Outline
    from holocine_core.train.measure import StepPace
    from holocine_core.train.recipe import Recipe
    from holocine_core.train.run import Trained

Note = Callable[[str], None]


def read_recipe(recipe: str | Path) -> Recipe:
    """A training recipe.

    Args:
        recipe: A file, or as text also the name of one that ships: ``nano-quick``.

    Raises:
        InputError: With every problem of the file; or no such recipe ships, or one does and a file
            of its name lies in the current folder.
    """
    from holocine_core.shipped.names import RECIPES
    from holocine_core.train.recipe import Recipe
    from holocine_core.train.recipe_file import read_recipe as read

    return read(_meant(recipe, RECIPES), Recipe)


def _meant(given: str | Path, kind: Kind) -> Path:
    """A path as it is; a text may be a name."""
    from holocine_core.shipped.names import file_meant

    return given if isinstance(given, Path) else file_meant(given, kind)


def outline(recipe: str | Path | Recipe, *, gpus: int = 1, device: str = "auto") -> Outline:
    """A recipe in numbers: phases, samples, tokens, memory; nothing is trained.

    Args:
        recipe: A YAML file, the name of one that ships, or what was read of one.
        gpus: Devices that it is parted among.
        device: What it is trained on: ``auto``, ``cpu``, ``cuda`` ...

    Raises:
        InputError: The recipe does not fit its model, its data or its films, or can't be parted so.
        MachineError: Files of its model are missing.
    """
    from holocine_core.train.dry_run import outline as dry_run

    return dry_run(_read(recipe), gpus, device)


def measure_training(found: Outline, device: str = "auto") -> list[StepPace | str]:
    """Measure a few steps of every phase of a recipe; where that can't be, why.

    Args:
        found: Its dry run.
        device: ``auto``, ``cpu``, ``cuda`` ...

    Raises:
        InputError: The recipe does not fit its networks, or there is no such device.
    """
    from holocine_core.train.measure import measure

    return measure(found, device)


def _read(recipe: str | Path | Recipe) -> Recipe:
    return read_recipe(recipe) if isinstance(recipe, str | Path) else recipe


def train(
    recipe: str | Path | Recipe,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    export: ExportOf | None = None,
    emit: Emit = ignore,
    should_stop: Stop = never,
) -> Trained:
    """Train what a recipe says; calling it again goes on where it stopped.

    Args:
        recipe: A YAML file, the name of one that ships, or what was read of one.
        device: ``auto``, ``cpu``, ``cuda`` ...
        seconds: After this long a checkpoint is kept and the call returns.
        export: Write the model of the ``latest`` checkpoint, or of the ``best`` one (with the
            lowest held-out loss), and train nothing.
        emit: Told of everything that happens.
        should_stop: Asked after every step; True keeps a checkpoint and raises Interrupted.

    Raises:
        InputError: The recipe does not fit its model or its data.
        MachineError: Weights, memory or disk failed; the last checkpoint is whole.
        RenderError: The loss is no longer finite.
        Interrupted: ``should_stop`` said so.
    """
    from holocine_core.train.run import train as run

    return run(
        _read(recipe),
        device=device,
        emit=emit,
        should_stop=should_stop,
        seconds=seconds,
        export=export,
    )


def ingest(request: IngestRequest, *, emit: Emit = ignore, should_stop: Stop = never) -> Collected:
    """Cut films into scenes to train on; calling it again goes on, and makes the same folder.

    Args:
        request: Films, folder, form and captions.
        emit: Told of everything that happens.
        should_stop: Asked between pieces of work; True raises Interrupted, what is done is kept.

    Raises:
        InputError: The request or its answers are wrong, or no film could be read.
        MachineError: A package is missing, the disk failed, or another process works there.
        Interrupted: ``should_stop`` said so.
    """
    from holocine_core.ingest.collect import collect

    return collect(request, emit=emit, should_stop=should_stop)


def stage(
    folder: str | Path,
    seeds: range,
    *,
    size: tuple[int, int] = (224, 128),
    person: int | None = None,
    model: str | None = None,
    models_dir: Path | None = None,
    force: bool = False,
) -> Iterator[Sample]:
    """Draw scenes of the drawn world, with captions, as a training set: one sample at a time.

    Args:
        folder: For the samples.
        seeds: One scene each, counting up.
        size: Width and height in pixels, multiples of 16, 32 at least.
        person: The look of the only person in all scenes, which captions do not tell.
        model: Draw only what this model knows.
        models_dir: Where downloaded models lie.
        force: Replace samples of the same names.

    Raises:
        InputError: A size that can not be trained on, or samples are in the way.
    """
    from holocine_core.lab.learned import world_of
    from holocine_core.lab.samples import stage_samples
    from holocine_core.lab.stage.world import EVERYTHING
    from holocine_core.model.locate import find_model

    width, height = size
    if width % 16 or height % 16 or min(width, height) < 32:
        raise InputError(
            f"--size {width}x{height} can't be trained on",
            hint="both sides are multiples of 16 pixels, 32 at least",
        )
    within = EVERYTHING if model is None else world_of(find_model(model, models_dir))
    return stage_samples(
        Path(folder), seeds, (height, width), replace=force, within=within, person=person
    )


def draw_sheet(samples: Sequence[Sample], out: str | Path) -> Path:
    """A picture with a row per sample, a frame per shot."""
    from holocine_core.edit.contact_sheet import write_contact_sheet

    write_contact_sheet([sample.middles for sample in samples], Path(out))
    return Path(out)


# --- nano's parts that ``train`` does not make -------------------------------------------------


def train_codec(recipe: str | Path, note: Note) -> Path:
    """Train a codec on drawn scenes; its folder.

    Args:
        recipe: A file, or as text also the name of one that ships: ``nano-codec``.
        note: Told how it goes.

    Raises:
        InputError: With every problem of the recipe.
    """
    from holocine_core.lab.codec.recipe import CodecRecipe
    from holocine_core.lab.codec.train import train_codec as run
    from holocine_core.shipped.names import CODECS
    from holocine_core.train.recipe_file import read_recipe as read

    known = read(_meant(recipe, CODECS), CodecRecipe)
    run(known, note)
    return Path(known.out)


def refit(model: Path, codec: Path, out: Path, note: Note) -> Path:
    """Move a finished model onto another codec; the new model's folder.

    Raises:
        InputError: A folder holds no such thing.
    """
    from holocine_core.lab.codec.refit import Settings
    from holocine_core.lab.codec.refit import refit as run

    run(model, codec, out, Settings(), note)
    return out


def teach_encoder(
    text: Path,
    out: Path,
    note: Note,
    *,
    minutes: float = 8.0,
    keep: float = 0.0,
    casts: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Teach a text encoder to read captions of the drawn world.

    Args:
        text: Folder with tokenizer/ and text_encoder/.
        out: Folder to write.
        note: Told how it goes.
        minutes: How long to learn.
        keep: How much rows are held where they are.
        casts: Who plays in the scenes that are read; all where empty.
        seed: Decides all chance.

    Returns:
        By topic and fact, the share that it understands.

    Raises:
        InputError: There is no such cast or folder.
    """
    from holocine_core.lab.stage.world import CASTS
    from holocine_core.lab.words.encoder import Settings, teach

    chosen = tuple(casts) or CASTS
    if wrong := [name for name in chosen if name not in CASTS]:
        raise InputError(f"--casts has no '{wrong[0]}'", hint=f"it has {', '.join(CASTS)}")
    settings = Settings(minutes=minutes, seed=seed, keep=keep, casts=chosen)
    return teach(text, out, settings, note)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """How a judge is trained and measured."""

    minutes: float = 12.0
    """For drawing and learning."""
    codec: Path | None = None
    """A video codec to look through."""
    model: str | None = None
    """Learn the world that this model knows, and no more."""
    models_dir: Path | None = None
    start: Path | None = None
    """A judge to go on from."""
    check: int = 1500
    """Shots to measure it on."""
    workers: int | None = None
    """Processes that draw; one per core where None."""
    device: str = "cpu"
    seed: int = 0


def train_judge(out: Path, settings: JudgeSettings, note: Note) -> Path:
    """Train and measure the judge that reads films of the drawn world; its folder.

    Raises:
        InputError: A folder holds no such thing.
    """
    from holocine_core.lab.judge.train import Settings, make_judge
    from holocine_core.lab.learned import world_of
    from holocine_core.lab.stage.world import EVERYTHING
    from holocine_core.model.locate import find_model

    model = settings.model
    within = world_of(find_model(model, settings.models_dir)) if model else EVERYTHING
    chosen = Settings(
        minutes=settings.minutes,
        codec=settings.codec,
        device=settings.device,
        workers=settings.workers,
        check_shots=settings.check,
        start=settings.start,
        seed=settings.seed,
        within=within,
    )
    make_judge(out, chosen, note)
    return out
