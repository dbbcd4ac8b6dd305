"""Whether a recipe fits its model and its samples, asked for all phases before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from holocine_core.errors import InputError, Problem
from holocine_core.model.spec import ModelSpec
from holocine_core.train.data.folder import Sample, read_samples, samples_identity
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.networks import TrainingModel
from holocine_core.train.recipe import Phase, Recipe

Read = Mapping[tuple[str, str], tuple[Sample, ...]]
"""Folder and size of clips -> its samples."""


def check_fits(recipe: Recipe, model: TrainingModel) -> Read:
    """Look at every phase and every sample.

    Returns:
        The samples of all folders.

    Raises:
        InputError: With all that does not fit.
    """
    problems = list(_export_problems(recipe, model))
    read: dict[tuple[str, str], tuple[Sample, ...]] = {}
    for phase in recipe.phases:
        problems += phase_problems(phase, model.located.spec)
        for folder in folders_of(recipe, phase):
            if (folder, phase.size) in read:
                continue
            fps = model.located.spec.fps
            try:
                found = read_samples(Path(folder), width=phase.width, height=phase.height, fps=fps)
            except InputError as error:
                problems += error.problems
                continue
            read[folder, phase.size] = found
            problems += _text_problems(found, model)
    if problems:
        raise InputError.of(problems)
    return read


def began_from(recipe: Recipe, model: TrainingModel, read: Read) -> dict[str, str]:
    """What a run must find as it was to go on: the parts of its model, and its folders' samples."""
    folders = {(phase.data, phase.size) for phase in recipe.phases if phase.data is not None}
    samples = {f"samples of {name}": samples_identity(read[name, size]) for name, size in folders}
    return {**model.located.identity(), **samples}


def folders_of(recipe: Recipe, phase: Phase) -> list[str]:
    """The folders of samples that a phase reads: its own, and the held-out one."""
    if phase.data is None:
        return []
    return [phase.data, *([recipe.held_out.data] if recipe.held_out.data else [])]


def _export_problems(recipe: Recipe, model: TrainingModel) -> Iterator[Problem]:
    """A trained model is written as diffusers writes it, beside the parts that stayed."""
    located = model.located
    for name in (model.part, *recipe.parts[1:]):
        part = located.component(name)
        inside = part.paths[0].parent == located.folder / name
        if recipe.train == "full" and not (part.form == "diffusers" and inside):
            yield Problem(
                f"the weights of {name} are not in diffusers' layout, which training writes",
                where=part.where,
                hint="start from a folder in diffusers' layout, or use `train: lora`",
            )


def phase_problems(phase: Phase, spec: ModelSpec) -> Iterator[Problem]:
    """What of a phase does not fit a model."""
    if phase.width % spec.size_multiple or phase.height % spec.size_multiple:
        yield Problem(
            f"{phase.size} is no size for this model",
            hint=f"both sides are multiples of {spec.size_multiple} pixels",
        )
    if phase.scenes is not None and spec.fps != (fps := drawn_world().fps):
        yield Problem(
            f"the stage draws {fps} frames per second, the model films {spec.fps}",
            hint="train it on `data:`, a folder of samples at its own rate",
        )


def _text_problems(samples: tuple[Sample, ...], model: TrainingModel) -> Iterator[Problem]:
    most = model.located.spec.text_tokens
    for sample in samples:
        tokens = len(model.tokenizer.encode(sample.prompt.text).ids)
        if tokens > most:
            yield Problem(
                f"the prompt has {tokens} tokens, the model reads {most}",
                where=str(sample.clip.with_suffix(".yaml")),
                hint="shorten it",
            )
