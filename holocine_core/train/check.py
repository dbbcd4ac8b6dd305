"""Whether a recipe fits its model and its samples, asked for all phases before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, Problem
from holocine_core.model.components import LocatedModel
from holocine_core.model.pipeline import refuse_packed
from holocine_core.model.spec import ModelSpec
from holocine_core.train.data.samples import Sample, read_samples, samples_identity
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.recipe import Phase, Recipe

Read = Mapping[tuple[str, str | None], tuple[Sample, ...]]
"""Folder and size of clips -> its samples."""


def check_fits(recipe: Recipe, located: LocatedModel, part: str, tokenizer: Any) -> Read:
    """Look at every phase and every sample.

    Args:
        recipe: The run.
        located: Its model.
        part: The transformer that is trained.
        tokenizer: The model's.

    Returns:
        The samples of all folders.

    Raises:
        InputError: With all that does not fit.
    """
    problems = list(_packed_problems(recipe, located, part))
    read: dict[tuple[str, str | None], tuple[Sample, ...]] = {}
    for phase in recipe.phases:
        problems += phase_problems(phase, located.spec)
        for folder, size in folders_of(recipe, phase):
            if (folder, size) in read:
                continue
            try:
                found = read_samples(
                    Path(folder),
                    size=None if size is None else phase.pixels,
                    fps=located.spec.fps,
                    index=cache_folder(recipe) / "index",
                )
            except InputError as error:
                problems += error.problems
                continue
            read[folder, size] = found
            problems += size_problems(found, located.spec)
            problems += _text_problems(found, located.spec, tokenizer)
        problems += _held_out_problems(recipe, phase, read)
    if problems:
        raise InputError.of(problems)
    return read


def longest_clip(recipe: Recipe, read: Read) -> int:
    """Frames of the longest clip that a recipe trains on; 0 where it has none."""
    trained = [read[phase.data, phase.size] for phase in recipe.phases if phase.data is not None]
    return max((4 * one.edges[-1] - 3 for samples in trained for one in samples), default=0)


def began_from(recipe: Recipe, located: LocatedModel, read: Read) -> dict[str, str]:
    """What a run must find as it was to go on: the parts of its model, and its folders' samples."""
    folders = {(phase.data, phase.size) for phase in recipe.phases if phase.data is not None}
    samples = {f"clips of {name}": samples_identity(read[name, size]) for name, size in folders}
    return {**located.identity(), **samples}


def cache_folder(recipe: Recipe) -> Path:
    """Where encoded clips and texts are kept."""
    return Path(recipe.cache) if recipe.cache else Path(recipe.out) / "latents"


def folders_of(recipe: Recipe, phase: Phase) -> list[tuple[str, str | None]]:
    """The folders of samples that a phase reads, each with the size that all of it must have: its
    own, and the held-out one, which may be for phases of several sizes."""
    if phase.data is None:
        return []
    held_out = recipe.held_out.data
    return [(phase.data, phase.size), *([(held_out, None)] if held_out else [])]


def samples_of(recipe: Recipe, phase: Phase, read: Read) -> list[tuple[Sample, ...]]:
    """A phase's samples, and where it has any its held-out ones."""
    return [
        tuple(one for one in read[key] if phase.pixels is None or one.size == phase.pixels)
        for key in folders_of(recipe, phase)
    ]


def _held_out_problems(recipe: Recipe, phase: Phase, read: Read) -> Iterator[Problem]:
    if any(key not in read for key in folders_of(recipe, phase)):
        return
    for samples, (folder, _) in zip(
        samples_of(recipe, phase, read), folders_of(recipe, phase), strict=True
    ):
        if not samples:
            yield Problem(
                f"no held-out sample is {phase.size}, as a phase trains",
                where=folder,
                hint="put some of that size there too, or leave `size` out of the phases",
            )


def _packed_problems(recipe: Recipe, located: LocatedModel, part: str) -> Iterator[Problem]:
    """What is trained whole must be there as numbers."""
    for name in (part, *recipe.parts[1:]) if recipe.train == "full" else ():
        try:
            refuse_packed(located, name, "`train: full`")
        except InputError as error:
            yield from error.problems


def phase_problems(phase: Phase, spec: ModelSpec) -> Iterator[Problem]:
    """What of a phase does not fit a model."""
    if phase.pixels is not None and any(side % spec.size_multiple for side in phase.pixels):
        yield Problem(
            f"{phase.size} is no size for this model",
            hint=f"both sides are multiples of {spec.size_multiple} pixels",
        )
    if phase.scenes is not None and spec.fps != (fps := drawn_world().fps):
        yield Problem(
            f"the stage draws {fps} frames per second, the model films {spec.fps}",
            hint="train it on `data:`, a folder of samples at its own rate",
        )


def size_problems(samples: tuple[Sample, ...], spec: ModelSpec) -> Iterator[Problem]:
    """Clips of a size that a model does not take."""
    for sample in samples:
        if any(side % spec.size_multiple for side in sample.size):
            yield Problem(
                f"a clip of {sample.size[0]}x{sample.size[1]} does not fit this model",
                where=str(sample.clip),
                hint=f"both sides are multiples of {spec.size_multiple} pixels",
            )


def _text_problems(
    samples: tuple[Sample, ...], spec: ModelSpec, tokenizer: Any
) -> Iterator[Problem]:
    most = spec.text_tokens
    for sample in samples:
        if sample.letters < most:  # A token is a letter at least, and the end of text is one.
            continue
        tokens = len(tokenizer.encode(sample.prompt().text).ids)
        if tokens > most:
            yield Problem(
                f"the prompt has {tokens} tokens, the model reads {most}",
                where=str(sample.path),
                hint="shorten it",
            )
