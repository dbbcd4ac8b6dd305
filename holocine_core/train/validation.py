"""The loss on samples that are never trained on: same clips, captions and noise every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from holocine_core.model.parallel import Team
from holocine_core.train.data.batches import Batch, Samples
from holocine_core.train.networks import TrainingModel
from holocine_core.train.order import generator
from holocine_core.train.recipe import Recipe
from holocine_core.train.step import Draw, between, loss_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationLoss:
    """The mean over all samples.

    Attributes:
        by_timestep: Per bin, from low noise to high; training draws from each bin equally often, so
            that their mean is an estimate of its own loss.
        swapped: The mean, and what it rises by where samples are told by each other's text: nothing
            for a model that does not read. None where no pass holds two samples.
    """

    by_timestep: tuple[float, ...]
    swapped: float | None

    @property
    def mean(self) -> float:
        return sum(self.by_timestep) / len(self.by_timestep)


@torch.no_grad()
def validation_loss(
    recipe: Recipe, model: TrainingModel, clips: Samples, batches: Sequence[int]
) -> ValidationLoss:
    """Measure the weights that the networks hold now.

    Args:
        recipe: For the mechanism, the precision, the shift and the bins.
        model: The networks.
        clips: Held-out samples.
        batches: Most samples of a pass, for each of their groups.
    """
    bins = recipe.held_out.bins
    # What text decides falls where there is hardly anything but noise; even sigmas would miss it.
    middles = (torch.arange(bins) + 0.5) / bins
    sigmas = between(middles, recipe.shift, model.sigmas)
    # By noise level, then what another's text adds, samples, and how many were told otherwise.
    sums = torch.zeros(bins + 3, dtype=torch.float64)
    for number, one, counts in _mine(clips, batches, model.team):
        count = len(one.latents_BCFHW)
        noise = torch.randn(
            one.latents_BCFHW.shape, generator=generator("held out", recipe.seed, number)
        )
        mine = torch.zeros_like(sums)
        mine[-2] = count
        for i in range(bins):
            drawn = Draw(
                sigma_B=sigmas[i].expand(count),
                weight_B=torch.ones(count),
                noise_BCFHW=noise,
                dropped=(False,) * count,
                clean_BF=None,
                full=False,
            )
            with model.together():
                loss = float(loss_of(recipe, model, one, drawn))
            mine[i] = loss * count
            other, changed = _swapped(one)
            # Ranks that part the weights make as many passes, whatever they hold.
            if changed or model.team is not None:
                with model.together():
                    mine[-3] += (float(loss_of(recipe, model, other, drawn)) - loss) * count
                mine[-1] += changed
        sums += mine * counts
    if model.team is not None:
        sums = model.team.sum(sums.to(model.device)).cpu()
    *levels, rise, samples, told = sums.tolist()
    by_timestep = tuple(total / samples for total in levels)
    swapped = sum(by_timestep) / bins + rise / told if told else None
    return ValidationLoss(by_timestep=by_timestep, swapped=swapped)


def _mine(
    clips: Samples, batches: Sequence[int], team: Team | None
) -> Iterator[tuple[int, Batch, bool]]:
    """This rank's share of the passes, with their numbers, and whether they count: all ranks make
    as many."""
    passes = [
        (group, range(at, min(at + most, size)))
        for group, (size, most) in enumerate(zip(clips.sizes, batches, strict=True))
        for at in range(0, size, most)
    ]
    parts, part = (1, 0) if team is None else (team.parts, team.part)
    for at in range(0, len(passes), parts):
        number = min(at + part, len(passes) - 1)
        group, members = passes[number]
        yield number, clips.batch(group, members, epoch=0), number == at + part


def _swapped(batch: Batch) -> tuple[Batch, int]:
    """A batch in which samples with as many shots have changed their texts, and how many have."""
    counts = [len(shots) for shots in batch.each]
    order = list(range(len(counts)))
    for shots in set(counts):
        alike = [i for i, count in enumerate(counts) if count == shots]
        for mine, its in zip(alike, [*alike[1:], alike[0]], strict=True):
            order[mine] = its
    changed = sum(i != its for i, its in enumerate(order))
    if batch.texts:
        return replace(batch, texts=tuple(batch.texts[i] for i in order)), changed
    return replace(batch, prompts=tuple(batch.prompts[i] for i in order), tokens=None), changed
