"""Recipe -> model: the whole of it, expert by expert."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from holocine_core.errors import Interrupted
from holocine_core.events import Emit, Stop, Warned, ignore, never
from holocine_core.model.attention.cpu import multiplies_bfloat16
from holocine_core.model.failures import device_errors
from holocine_core.model.parallel import Team, join_team, lost_ranks
from holocine_core.model.rank_numbers import asked_ranks
from holocine_core.store.files import sweep_below
from holocine_core.store.journal import journal
from holocine_core.store.vault import disk_errors
from holocine_core.train.call import Call, ExportOf
from holocine_core.train.check import began_from, check_fits
from holocine_core.train.checkpoints import RECIPE, STEP, Checkpoints, locked
from holocine_core.train.continuity import tuned_since
from holocine_core.train.data.loader import prepare
from holocine_core.train.export import check_named, told_by, told_by_file
from holocine_core.train.films import Rehearsal, check_films
from holocine_core.train.fresh import start_folder
from holocine_core.train.networks import EXPERTS, Source, assemble, find_source, open_device
from holocine_core.train.recipe import Recipe
from holocine_core.train.sharding import refuse_undivided
from holocine_core.train.trainer import Trainer

_IMITATED = Warned(
    message="this processor imitates bfloat16, many times slower than it computes float32",
    hint="use `precision: auto` or float32",
)


_LESS = (
    "lower `batch` or `tokens`, or write `checkpoint_activations: true`; more GPUs share weights"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a call of :func:`train` ended.

    Attributes:
        step: Steps done, of all experts.
        steps: Steps of the recipe, of all experts.
        model: The finished model's folder, or the LoRA's file; None before the end.
        files: All that was made: with two experts and a LoRA one for each.
    """

    step: int
    steps: int
    model: Path | None
    files: tuple[Path, ...] = ()


def train(
    recipe: Recipe,
    *,
    device: str = "auto",
    emit: Emit = ignore,
    should_stop: Stop = never,
    seconds: float = math.inf,
    export: ExportOf | None = None,
) -> Trained:
    """Train what a recipe says; calling it again goes on where it stopped.

    Args:
        recipe: The run.
        device: ``auto``, ``cpu``, ``cuda`` ...
        emit: Told of everything that happens.
        should_stop: Asked after every step; True keeps a checkpoint and raises Interrupted.
        seconds: After this long a checkpoint is kept and the call returns.
        export: Write the model of the latest checkpoint, or of the one with the lowest held-out
            loss, and train nothing.

    Raises:
        InputError: The recipe does not fit its model or its data, the run's folder holds another
            recipe's run, or there is no checkpoint to export.
        MachineError: Weights, memory or disk failed; the last checkpoint is whole.
        RenderError: The loss is no longer finite.
        Interrupted: ``should_stop`` said so.
    """
    until = time.monotonic() + seconds
    if asked_ranks() > 1:
        with lost_ranks(), device_errors("training", _LESS):
            return _on_ranks(recipe, device, Call(emit, should_stop, until, export))
    place = open_device(device)
    with _held(recipe, emit) as (require_held, emit):

        def stop() -> bool:
            require_held()
            return should_stop()

        if recipe.precision == "bf16" and not multiplies_bfloat16(place):
            emit(_IMITATED)
        with device_errors("training", _LESS):
            return _all(recipe, place, Call(emit, stop, until, export))


@contextlib.contextmanager
def _held(recipe: Recipe, emit: Emit) -> Iterator[tuple[Callable[[], None], Emit]]:
    """Hold a run's folder; yields what to call now and then, and who is told."""
    out = Path(recipe.out)
    with locked(out) as require_held, journal(out, emit) as emit:
        sweep_below(out)
        yield require_held, emit


def _on_ranks(recipe: Recipe, device: str, call: Call) -> Trained:
    """The same by every rank of a team; the leader holds the folder and tells."""
    team = join_team("cpu" if device == "cpu" else "cuda", recipe.ulysses)
    refuse_undivided(recipe)
    place = torch.device(team.device)
    hold = _held(recipe, call.emit) if team.leads else contextlib.nullcontext((_nothing, ignore))
    with hold as (require_held, told):
        team.agree(None)  # Nobody begins before the folder is the leader's.

        def stop() -> bool:
            require_held()
            return call.should_stop()

        done = _all(recipe, place, replace(call, emit=told, should_stop=stop), team)
        team.any(False)
    team.close()
    return done


def _nothing() -> None:
    """What a rank that holds nothing asks."""


def _all(recipe: Recipe, place: torch.device, call: Call, team: Team | None = None) -> Trained:
    """All experts of a recipe, one after the other."""
    done, files, before = 0, list[Path](), list[Path]()
    for one in recipe.by_expert():
        product = _product(one, recipe)
        if len(recipe.by_expert()) > 1 and call.export != "best" and _is_made(one, product):
            done, files, before = done + one.steps, [*files, product], [*before, product]
            continue
        ended = _train(one, recipe, before, place, call, team)
        done += ended.step
        if ended.model is None:
            return Trained(step=done, steps=recipe.steps_of_all, model=None)
        files.append(ended.model)
        before.append(product)
        if ended.step < ended.steps:
            break  # What was asked for is written; the next expert has not begun.
    last = files[-1]
    made = tuple(files) if recipe.train == "lora" else (last,)
    return Trained(step=done, steps=recipe.steps_of_all, model=last, files=made)


def _is_made(recipe: Recipe, product: Path) -> bool:
    """Whether an expert's run has become what it becomes: nothing of it is opened then. What is
    damaged is written anew.

    Raises:
        InputError: It was made by another recipe.
    """
    part = EXPERTS[recipe.expert or "high"]
    try:
        told = told_by(product / part) if recipe.train == "full" else told_by_file(product)
        if told.get(STEP) != str(recipe.steps):
            return False
        tuned_since(recipe, {}, {"recipe": told[RECIPE]}, product)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _train(
    recipe: Recipe,
    whole: Recipe,
    before: list[Path],
    place: torch.device,
    call: Call,
    team: Team | None,
) -> Trained:
    """One expert's run.

    Args:
        recipe: The expert's.
        whole: What it is a part of.
        before: What the experts before it became.
        place: Where to train.
        call: Who asked for it.
        team: The ranks that train it together.
    """
    out = Path(recipe.out)
    with disk_errors("make the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    with contextlib.nullcontext() if team is None else team.leader_first():
        start = start_folder(recipe)
    if before and recipe.train == "full":
        # The low-noise expert's run begins with the model that the other one is a part of.
        start = before[-1]
    source = find_source(recipe, start, place)
    check_films(recipe, source.located)
    check_named(recipe, source.located, source.part)
    with contextlib.nullcontext() if team is None else team.leader_first():
        read = check_fits(recipe, source.located, source.part, source.tokenizer)
    checkpoints = Checkpoints(out, recipe, began_from(recipe, source.located, read), team)
    step = checkpoints.refuse_others()
    films = _rehearsal(recipe, source, before, team)
    if call.export is None:
        try:
            # Before the transformer: what encodes is as large.
            prepare(
                recipe,
                recipe.phases[0],
                source,
                read,
                call.emit,
                lambda: call.should_stop() or call.is_over,
                team,
            )
            leads = team is None or team.leads
            if films is not None and leads and step < recipe.steps:
                films.read()
        except Interrupted:
            stopped = call.should_stop()
            if stopped if team is None else team.any(stopped):
                raise
            return Trained(step=step, steps=recipe.steps, model=None)
    model = assemble(recipe, source, team)
    run = Trainer(recipe, model, read, checkpoints, call, _product(recipe, whole), films)
    step, made = run.go() if call.export is None else run.export()
    return Trained(step=step, steps=recipe.steps, model=made)


def _rehearsal(
    recipe: Recipe, source: Source, before: list[Path], team: Team | None
) -> Rehearsal | None:
    """What makes an expert's films; ``before``: what the experts before it became."""
    if recipe.films is None:
        return None
    return Rehearsal(recipe, source, before if recipe.train == "lora" else ())


def _product(recipe: Recipe, whole: Recipe) -> Path:
    """What an expert's run becomes."""
    if recipe.train == "lora":
        name = f"lora-{recipe.expert}" if whole.expert == "both" else "lora"
        return Path(whole.out) / f"{name}.safetensors"
    # The high-noise expert's model is what the low-noise one's run begins with.
    first = whole.expert == "both" and recipe.expert == "high"
    return Path(recipe.out if first else whole.out) / "model"
