"""One pass of training: encode the text, add noise, predict the velocity, compare.

Letters: B sample, C channel, F latent frame, H W latent rows and columns, N video token.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from holocine_core.model.attention.cpu import computes_bf16
from holocine_core.model.attention.layout import ShotLayout
from holocine_core.model.attention.segments import opened
from holocine_core.sample import flow
from holocine_core.sample.conditioning import (
    BatchConditioning,
    BatchTokens,
    ContextRows,
    batch_tokens,
    encode_tokens,
)
from holocine_core.sampling import shifted, unshifted
from holocine_core.script.prompt import ScenePrompt
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.data.batches import Batch, Layout
from holocine_core.train.networks import TrainingModel
from holocine_core.train.order import generator
from holocine_core.train.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The random part of a pass.

    Attributes:
        sigma_B: Noise level of every sample, 0..1.
        weight_B: Weight of every sample's loss.
        noise_BCFHW: Of the clips' shape.
        dropped: Which samples lose their text.
        clean_BF: Latent frames that are given without noise; None where none are.
        full: Whether all tokens see all.
    """

    sigma_B: Tensor
    weight_B: Tensor
    noise_BCFHW: Tensor
    dropped: tuple[bool, ...]
    clean_BF: Tensor | None
    full: bool

    def part(self, first: int, stop: int) -> Draw:
        """Some samples' share of it."""
        return Draw(
            sigma_B=self.sigma_B[first:stop],
            weight_B=self.weight_B[first:stop],
            noise_BCFHW=self.noise_BCFHW[first:stop],
            dropped=self.dropped[first:stop],
            clean_BF=None if self.clean_BF is None else self.clean_BF[first:stop],
            full=self.full,
        )

    @property
    def noised(self) -> int:
        """Latent frames of all samples that hold noise: what a pass's loss is the mean of."""
        count, _, frames = self.noise_BCFHW.shape[:3]
        return count * frames if self.clean_BF is None else int((~self.clean_BF).sum())


def levels(recipe: Recipe, count: int, *key: object) -> Tensor:
    """Places 0..1 in the schedule for a step's samples, one in each of ``count`` equal parts: the
    same spread of noise in every step. Decided by the recipe's seed and ``key``."""
    rng = generator("levels", recipe.seed, *key)
    return (torch.randperm(count, generator=rng) + torch.rand(count, generator=rng)) / count


def draw(
    recipe: Recipe,
    span: tuple[float, float],
    batch: Batch,
    level_B: Tensor,
    *key: object,
    device: torch.device | str = "cpu",
    layouts: Sequence[Layout] | None = None,
) -> Draw:
    """The random part of a pass, decided by the recipe's seed and ``key``.

    Args:
        recipe: The shares and the shift.
        span: Sigmas that the trained expert answers for; low is in, high is in.
        batch: Its clips and shots; of a share of the pass, as many layouts as the whole has samples
            are in ``layouts``.
        level_B: Of :func:`levels`.
        key: What tells this pass from others.
        device: That draws the noise, each kind its own: a processor takes as long for it as a GPU
            for the whole pass.
    """
    rng = generator("pass", recipe.seed, *key)
    each = batch.each if layouts is None else layouts
    shape = (len(each), *batch.latents_BCFHW.shape[1:])
    count, _, frames = shape[:3]
    sigma = between(level_B, recipe.shift, span)
    weight = torch.ones_like(sigma)
    if recipe.loss_weight == "bell":
        table = torch.tensor(flow.loss_weights(recipe.shift))
        at = ((1 - unshifted(sigma, recipe.shift)) * len(table)).long()
        weight = table[at.clamp(0, len(table) - 1)]
    dropped = (torch.rand(count, generator=rng) < recipe.drop_caption).tolist()
    shares = torch.rand(2, generator=rng)
    clean = None
    if bool(shares[0] < recipe.clean_shots):
        clean = torch.stack([_clean_frames(shots, frames, rng) for shots in each])
        clean = clean if bool(clean.any()) else None
    noise = noise_of(shape, device, rng)
    return Draw(
        sigma_B=sigma,
        weight_B=weight,
        noise_BCFHW=noise,
        dropped=tuple(dropped),
        clean_BF=clean,
        full=bool(shares[1] < recipe.full_share),
    )


def noise_of(shape: Sequence[int], device: torch.device | str, rng: torch.Generator) -> Tensor:
    """Noise of a shape, float32, that a generator on the CPU decides."""
    place = torch.device(device)
    if place.type == "cpu":
        return torch.randn(*shape, generator=rng)
    seed = int(torch.randint(2**62, (), generator=rng))
    there = torch.Generator(place).manual_seed(seed)
    return torch.randn(*shape, generator=there, device=place)


def between(part: Tensor, shift: float, span: tuple[float, float]) -> Tensor:
    """Sigmas of even parts 0..1 of the shifted schedule, between two sigmas."""
    low, high = (unshifted(torch.tensor(edge), shift) for edge in span)
    return shifted(low + part * (high - low), shift)


def _clean_frames(shots: Sequence[LatentSpan], frames: int, rng: torch.Generator) -> Tensor:
    """Latent frames of one sample that are given: some shots, or the first frame of one.

    What is left to make is at least one latent frame.
    """
    given = torch.zeros(frames, dtype=torch.bool)
    whole = bool(torch.rand((), generator=rng) < 0.7) and len(shots) > 1
    order = torch.randperm(len(shots), generator=rng).tolist()
    if whole:
        how_many = int(torch.randint(1, len(shots), (), generator=rng))
        for i in order[:how_many]:
            given[shots[i].start : shots[i].stop] = True
    else:
        given[shots[order[0]].start] = True
    return given & ~given.all()


def layouts_of(
    recipe: Recipe, model: TrainingModel, batch: Batch, text: BatchConditioning, *, full: bool
) -> tuple[ShotLayout, ...]:
    """Where a batch's shots lie among its tokens, and which text each sees: for all samples, or for
    each where their shots differ."""
    patch = model.located.spec.shape.patch
    rows, columns = batch.latents_BCFHW.shape[3:]
    attention = recipe.attention or model.located.spec.attention
    windows = text.windows if recipe.mechanism.windows else tuple(map(opened, text.windows))
    read = [windows] if len(batch.shots) == 1 else [(one,) for one in windows]
    return tuple(
        ShotLayout(
            shots=shots,
            frame_tokens=(rows // patch) * (columns // patch),
            item_windows=items,
            sparse=attention == "sparse" and not full,
            summaries=recipe.mechanism.summaries,
        )
        for shots, items in zip(batch.shots, read, strict=True)
    )


def tokens_of(
    model: TrainingModel, prompts: Sequence[ScenePrompt | None], shots: int | Sequence[int]
) -> BatchTokens:
    """Tokens of a batch's prompts; None stands for a sample that lost its text."""
    spec = model.located.spec
    reads = ContextRows(spec.text_tokens, padding=spec.text_padding)
    return batch_tokens(prompts, shots, model.tokenizer, reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What a pass is judged by.

    Attributes:
        velocity: Mean squared error of the velocity where there is noise.
        facts: Of the second task; None without it.
    """

    velocity: Tensor
    facts: Tensor | None

    def total(self, recipe: Recipe) -> Tensor:
        """What training makes small."""
        return self.velocity if self.facts is None else self.velocity + recipe.facts * self.facts


def losses_of(recipe: Recipe, model: TrainingModel, batch: Batch, drawn: Draw) -> Losses:
    """Losses of one pass with all that the recipe trains for."""
    if model.reader is None or batch.facts_BSF is None:
        return Losses(velocity=loss_of(recipe, model, batch, drawn), facts=None)
    with inner_tokens(model.transformer) as kept:
        velocity = loss_of(recipe, model, batch, drawn)
    layout = model.context.layout
    rows = batch.latents_BCFHW.shape[3] // model.located.spec.shape.patch
    with precision(recipe, model.device):
        logits = model.reader(kept[0], layout.token_spans, (rows, layout.frame_tokens // rows))
    facts = model.reader.loss(logits, batch.facts_BSF.to(model.device))
    return Losses(velocity=velocity, facts=facts)


@contextlib.contextmanager
def inner_tokens(transformer: Any) -> Iterator[list[Tensor]]:
    """Collects the tokens [B, N, D] that leave the middle block of a forward pass."""
    kept: list[Tensor] = []
    middle = transformer.blocks[(len(transformer.blocks) - 1) // 2]
    hook = middle.register_forward_hook(lambda module, given, out: kept.append(out))
    try:
        yield kept
    finally:
        hook.remove()


def loss_of(recipe: Recipe, model: TrainingModel, batch: Batch, drawn: Draw) -> Tensor:
    """The pass's own loss: the mean squared error of the velocity where there is noise."""
    with precision(recipe, model.device, parted=model.team is not None):
        text = _text_of(recipe, model, batch, drawn)
        model.context.items = layouts_of(recipe, model, batch, text, full=drawn.full)
        clean = batch.latents_BCFHW.to(model.device).float()
        noise = drawn.noise_BCFHW.to(model.device)
        sigma_BF = drawn.sigma_B[:, None].expand(-1, clean.shape[2])
        if drawn.clean_BF is not None:
            sigma_BF = sigma_BF * ~drawn.clean_BF
        sigma_BF = sigma_BF.to(model.device)
        predicted = model.transformer(
            hidden_states=flow.noisy(clean, noise, sigma_BF[:, None, :, None, None]),
            timestep=_timestep(recipe, model, sigma_BF, drawn),
            encoder_hidden_states=text.text_BLD.to(model.device),
            return_dict=False,
        )[0]
    error = (predicted.float() - flow.target(clean, noise)).square().mean(dim=(1, 3, 4))
    weight = drawn.weight_B.to(model.device)[:, None] * (sigma_BF > 0)
    loss: Tensor = (error * weight).sum() / (sigma_BF > 0).sum().clamp_min(1)
    return loss


def _text_of(recipe: Recipe, model: TrainingModel, batch: Batch, drawn: Draw) -> BatchConditioning:
    """A batch's text, less what is dropped: kept, or encoded now."""
    shots = [len(one) for one in batch.each]
    if batch.texts:
        assert model.texts is not None
        return model.texts.conditioning(batch.texts, drawn.dropped, shots, model.device)
    learning = "text_encoder" in recipe.parts and torch.is_grad_enabled()
    tokens = batch.tokens or tokens_of(model, batch.prompts, shots)
    if any(drawn.dropped):
        tokens = tokens.without(drawn.dropped, tokens_of(model, [None] * len(shots), shots))
    with torch.set_grad_enabled(learning):
        return encode_tokens(tokens, model.text_encoder)


def _timestep(recipe: Recipe, model: TrainingModel, sigma_BF: Tensor, drawn: Draw) -> Tensor:
    """The network's times: one per sample, or one per token where some are clean."""
    time_BF = sigma_BF * flow.TRAIN_TIMESTEPS
    if model.located.spec.low_precision_timestep and computes_bf16(recipe.precision, model.device):
        time_BF = time_BF.bfloat16()  # As these weights are asked when they film.
    if drawn.clean_BF is None:
        return time_BF[:, 0]
    return time_BF.repeat_interleave(model.context.layout.frame_tokens, dim=1)


@contextlib.contextmanager
def precision(recipe: Recipe, device: torch.device, *, parted: bool = False) -> Iterator[None]:
    """The precision of passes.

    Args:
        recipe: The run.
        device: Where.
        parted: Whether ranks part the weights: copies of them in bfloat16 are not kept then, or
            each rank would hold all.
    """
    enabled = computes_bf16(recipe.precision, device)
    with torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=not parted
    ):
        yield
