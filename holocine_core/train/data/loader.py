"""A phase's samples, opened: drawn or encoded where they are not yet, and prepared ahead."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from holocine_core.errors import HolocineError, Interrupted
from holocine_core.events import Emit, LatentsDrawn, Stop
from holocine_core.model.parallel import Team
from holocine_core.model.spec import ModelSpec
from holocine_core.model.weights import load_component
from holocine_core.train.check import Read, cache_folder, samples_of
from holocine_core.train.data.batches import Batch, Samples
from holocine_core.train.data.folder import FolderDataset
from holocine_core.train.data.samples import Sample
from holocine_core.train.data.texts import UNTOLD, Texts
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.networks import Source, TrainingModel
from holocine_core.train.order import Chunk
from holocine_core.train.recipe import Phase, Recipe
from holocine_core.train.step import precision

MAKERS = 3
"""Processes that make batches beside a GPU."""
_PREPARED = 4
"""Batches that each of them has ready."""


def open_datasets(
    recipe: Recipe, phase: Phase, model: TrainingModel, read: Read, emit: Emit, should_stop: Stop
) -> tuple[Samples, Samples | None]:
    """A phase's samples and its held-out ones; None where the recipe has none.

    Args:
        recipe: The run.
        phase: One of its phases.
        model: The networks.
        read: The samples of its folders, of :func:`check_fits`.
        emit: Told of what is drawn or encoded.
        should_stop: Asked now and then.

    Raises:
        MachineError: Disk, memory or ffmpeg failed.
        Interrupted: ``should_stop`` said so; what is encoded is kept.
    """
    if phase.data is None:
        if model.team is None:
            return drawn_world().open(recipe, phase, model, emit, should_stop)
        with model.team.leader_first():
            return drawn_world().open(recipe, phase, model, emit, should_stop)
    home, vae = cache_folder(recipe), model.located.identity()["vae"]
    prepare(recipe, phase, model.source, read, emit, should_stop, model.team)
    opened = [
        FolderDataset(samples, home, vae, model.texts)
        for samples in samples_of(recipe, phase, read)
    ]
    return opened[0], opened[1] if len(opened) > 1 else None


def batches_of(phase: Phase, clips: Samples, spec: ModelSpec) -> list[int]:
    """Most samples of a pass, for each of a phase's groups: as many as ``tokens`` has room for."""
    if phase.tokens is None:
        return [phase.batch] * len(clips.sizes)
    assert isinstance(clips, FolderDataset)
    side = spec.size_multiple
    counts = [frames * (high // side) * (wide // side) for frames, high, wide in clips.latents]
    return [max(1, min(phase.batch, phase.tokens // count)) for count in counts]


def prepare(
    recipe: Recipe,
    phase: Phase,
    source: Source,
    read: Read,
    emit: Emit,
    should_stop: Stop,
    team: Team | None = None,
) -> None:
    """Encode a phase's clips and prompts that are not kept yet; every rank some of them.

    The networks that encode are opened for it and let go.

    Raises:
        MachineError: Disk, memory or ffmpeg failed.
        Interrupted: ``should_stop`` said so; what is encoded is kept.
    """
    if phase.data is None:
        return
    home, codec = cache_folder(recipe), source.located.identity()["vae"]
    folders = samples_of(recipe, phase, read)
    opened = [FolderDataset(samples, home, codec) for samples in folders]
    clips = [(one, sample) for one in opened for sample in one.missing()]
    texts = _lacking(source.texts, folders)
    untold = source.texts is not None and not source.texts.has(UNTOLD)
    if team is not None:
        team.any(False)  # All have looked before any has made something.
        clips, texts = clips[team.rank :: team.size], texts[team.rank :: team.size]
    size = phase.size or "all sizes"
    stopped = _encode_clips(clips, size, source, emit, should_stop)
    if source.texts is not None and (texts or untold) and not stopped:
        with precision(recipe, source.device):
            stopped = _encode_texts(source.texts, texts, source, emit, should_stop)
    if stopped if team is None else team.any(stopped):
        raise Interrupted("stopped while encoding; what was encoded so far is kept")


def _lacking(texts: Texts | None, folders: Sequence[Sequence[Sample]]) -> list[Sample]:
    """Samples whose prompts are not kept, one for each prompt."""
    if texts is None:
        return []
    named = {texts.key(sample.text): sample for samples in folders for sample in samples}
    return [sample for key, sample in named.items() if not texts.has(key)]


def _encode_clips(
    clips: Sequence[tuple[FolderDataset, Sample]],
    size: str,
    source: Source,
    emit: Emit,
    should_stop: Stop,
) -> bool:
    """Encode clips; whether it was stopped before the last."""
    if not clips:
        return False
    vae = load_component(source.located.component("vae"), torch.float32).to(source.device)
    started = time.monotonic()
    for i, (home, sample) in enumerate(clips, 1):
        home.encode(sample, vae)
        seconds = time.monotonic() - started
        emit(LatentsDrawn(size=size, scenes=i, of=len(clips), seconds=seconds))
        if should_stop() and i < len(clips):
            return True
    return False


def _encode_texts(
    texts: Texts, missing: Sequence[Sample], source: Source, emit: Emit, should_stop: Stop
) -> bool:
    """Encode prompts; whether it was stopped before the last."""
    encoder = source.open_encoder()
    started = time.monotonic()
    if not texts.has(UNTOLD):
        texts.keep(None, encoder)  # Every rank the same: it is short.
    for i, sample in enumerate(missing, 1):
        texts.keep(sample.prompt(), encoder)
        seconds = time.monotonic() - started
        emit(LatentsDrawn(size="texts", scenes=i, of=len(missing), seconds=seconds))
        if should_stop() and i < len(missing):
            return True
    return False


class Batches:
    """Makes a run's batches in their order; a context manager.

    Beside training on a GPU other processes make them, some batches ahead. On the CPU every batch
    is made when it is asked for: more threads than cores sleep between operations (a step took 1.6
    times as long).

    Args:
        make: A pass's samples -> batch.
        passes: In the order they are asked for.
        device: That trains.
    """

    def __init__(
        self, make: Callable[[Chunk], Batch], passes: Iterable[Chunk], device: torch.device
    ) -> None:
        self._made: Iterator[Batch | HolocineError] = map(make, passes)
        if device.type != "cpu":
            self._made = iter(
                DataLoader(
                    _Maker(make),
                    batch_size=None,
                    sampler=passes,
                    num_workers=min(MAKERS, len(os.sched_getaffinity(0))),
                    prefetch_factor=_PREPARED,
                    # Spawned processes would take longer to begin than a short phase lasts.
                    multiprocessing_context="fork",
                )
            )

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *raised: object) -> None:
        # The loader ends its processes when nobody holds it.
        self._made = iter(())

    def next(self) -> Batch:
        """The next batch; raises what making it raised."""
        batch = next(self._made, None)
        if batch is None:
            raise ValueError("no pass is left")
        if isinstance(batch, HolocineError):
            raise batch
        return batch


class _Maker(Dataset[Batch | HolocineError]):
    def __init__(self, make: Callable[[Chunk], Batch]) -> None:
        self._make = make

    def __getitem__(self, one: Chunk) -> Batch | HolocineError:
        try:
            return self._make(one)
        except HolocineError as error:
            return error  # What the loader raises anew has lost its place and its hint.


class Prefetch(Protocol):
    """Samples that are being made beside other work."""

    def wait(self, emit: Emit, should_stop: Stop) -> None:
        """Until all are made; raises what making raised, and Interrupted as ``should_stop`` says.

        Args:
            emit: Told of what is made from now on.
            should_stop: Asked every second.
        """
        ...

    def stop(self) -> None:
        """End it; what is made is kept."""
        ...


def begin(recipe: Recipe, phase: Phase, model: TrainingModel) -> Prefetch | None:
    """Begin to draw a phase's scenes beside training on a GPU; None where that is not worth it."""
    if phase.data is not None or model.device.type == "cpu":
        return None
    return drawn_world().begin(recipe, phase, model)
