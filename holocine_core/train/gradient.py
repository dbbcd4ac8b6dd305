"""The gradient of one step: every pass of it forward and back, on one process or on many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from holocine_core.train.data.batches import Batch, Samples
from holocine_core.train.data.loader import Batches
from holocine_core.train.networks import TrainingModel
from holocine_core.train.order import Chunk, Pick, chunks
from holocine_core.train.recipe import Recipe
from holocine_core.train.step import draw, levels, losses_of
from holocine_core.train.work import batch_flops


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What a step's passes came to.

    Attributes:
        loss: Mean over its samples, on every rank the same.
        facts: Of the second task.
        samples: How many there were, on all ranks.
        tokens: Video tokens of them.
        flops: Operations of all ranks' passes.
        passes: This rank's, each with its own loss.
    """

    loss: float
    facts: float
    samples: int
    tokens: int
    flops: float
    passes: tuple[tuple[Chunk, Tensor], ...]

    @property
    def bad(self) -> tuple[Chunk, ...]:
        """This rank's passes whose loss is no number."""
        return tuple(one for one, loss in self.passes if not math.isfinite(float(loss)))


def chunks_of(model: TrainingModel, passes: Sequence[Pick]) -> tuple[Chunk, ...]:
    """What this rank does of a step."""
    team = model.team
    return chunks(passes) if team is None else chunks(passes, team.parts, team.part)


def _work(recipe: Recipe, model: TrainingModel, batch: Batch, *, full: bool) -> Tensor:
    """Video tokens and operations of a pass."""
    spec = model.located.spec
    count, _, frames, rows, columns = batch.latents_BCFHW.shape
    tokens = count * frames * (rows // spec.shape.patch) * (columns // spec.shape.patch)
    flops = batch_flops(recipe, spec, batch, full=full)
    return torch.tensor([tokens, flops], dtype=torch.float64)


def go_back(
    recipe: Recipe,
    model: TrainingModel,
    clips: Samples,
    passes: Sequence[Pick],
    batches: Batches,
    *key: object,
) -> Gone:
    """Add a step's gradient to the parameters.

    Every sample weighs alike, in whatever pass and on whatever rank.

    Args:
        recipe: The run.
        model: Its networks.
        clips: The samples.
        passes: Of the step, on all ranks.
        batches: Gives this rank's share of them, in order.
        key: What tells this step from others: the phase and the step.
    """
    device, team = model.device, model.team
    # Loss, that of the second task, tokens, operations.
    sums = torch.zeros(4, dtype=torch.float64, device=device)
    counts = [len(one.members) for one in passes]
    samples = sum(counts)
    spread = torch.split(levels(recipe, samples, *key), counts)
    gone: list[tuple[Chunk, Tensor]] = []
    for one in chunks_of(model, passes):
        batch = batches.next()
        whole = draw(
            recipe,
            model.sigmas,
            batch,
            spread[one.number],
            *(*key, one.number),
            device=device,
            layouts=clips.layouts(one.of.group, one.of.members),
        )
        mine = whole.part(one.first, one.stop)
        # A pass's loss is the mean of its frames that hold noise.
        share = mine.noised / whole.noised * len(one.of.members) / samples if one.counts else 0.0
        with model.together():
            losses = losses_of(recipe, model, batch, mine)
            parts = 1 if team is None else team.parts
            torch.autograd.backward(losses.total(recipe) * (share * parts))
        sums[0] += losses.velocity.detach() * share
        if losses.facts is not None:
            sums[1] += losses.facts.detach() * share
        if one.counts:
            gone.append((one, losses.velocity.detach()))
            sums[2:] += _work(recipe, model, batch, full=mine.full).to(device)
    if team is not None:
        sums = team.sum(sums)
    loss, facts, tokens, flops = sums.tolist()
    return Gone(
        loss=loss, facts=facts, samples=samples, tokens=int(tokens), flops=flops, passes=tuple(gone)
    )
