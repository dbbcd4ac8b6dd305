"""One pass: what is noised, what is given, what each sample reads."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from holocine_core.model.attention import layout
from holocine_core.model.attention.layout import ShotLayout
from holocine_core.sample import flow
from holocine_core.sample.conditioning import ContextRows, scene_conditioning
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.data.batches import Batch
from holocine_core.train.networks import TrainingModel, open_networks
from holocine_core.train.recipe import Recipe
from holocine_core.train.step import Draw, draw, levels, loss_of
from tests.train.conftest import MakeRecipe
from tests.train.texts import prompt

pytestmark = pytest.mark.slow

SHOTS = (LatentSpan(0, 2), LatentSpan(2, 3), LatentSpan(3, 5))


def batch(count: int, seed: int = 0) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return Batch(
        latents_BCFHW=torch.randn(count, 16, 5, 4, 4, generator=rng),
        shots=(SHOTS,),
        prompts=tuple(prompt(i, len(SHOTS)) for i in range(count)),
    )


def opened(recipe: Recipe, model: Path) -> TrainingModel:
    return open_networks(recipe, model, torch.device("cpu"))


def plain(one: Batch, *, dropped: Sequence[bool] = (), clean: torch.Tensor | None = None) -> Draw:
    count = len(one.prompts)
    rng = torch.Generator().manual_seed(9)
    return Draw(
        sigma_B=torch.linspace(0.3, 0.8, count),
        weight_B=torch.linspace(1, 2, count),
        noise_BCFHW=torch.randn(one.latents_BCFHW.shape, generator=rng),
        dropped=tuple(dropped) or (False,) * count,
        clean_BF=clean,
        full=False,
    )


def item(drawn: Draw, i: int) -> Draw:
    return replace(
        drawn,
        sigma_B=drawn.sigma_B[i : i + 1],
        weight_B=drawn.weight_B[i : i + 1],
        noise_BCFHW=drawn.noise_BCFHW[i : i + 1],
        dropped=drawn.dropped[i : i + 1],
        clean_BF=None if drawn.clean_BF is None else drawn.clean_BF[i : i + 1],
    )


@pytest.mark.parametrize("clean", [False, True])
def test_a_batch_is_its_samples_one_by_one(recipe: MakeRecipe, model: Path, clean: bool) -> None:
    made = recipe(parts=["transformer", "text_encoder"])
    networks, whole = opened(made, model), batch(3)
    # As many clean frames everywhere, so that the mean of the means is the mean.
    given = torch.tensor([[True, True, False, False, False]] * 3) if clean else None
    drawn = plain(whole, dropped=(False, True, False), clean=given)
    together = loss_of(made, networks, whole, drawn)
    alone = [
        loss_of(
            made,
            networks,
            Batch(
                latents_BCFHW=whole.latents_BCFHW[i : i + 1],
                shots=(SHOTS,),
                prompts=whole.prompts[i : i + 1],
            ),
            item(drawn, i),
        )
        for i in range(3)
    ]
    assert float(together.detach()) == pytest.approx(
        float(torch.stack(alone).mean().detach()), rel=1e-5
    )
    assert together.requires_grad


def test_clean_frames_are_given_and_not_learned(recipe: MakeRecipe, model: Path) -> None:
    networks, one = opened(recipe(), model), batch(2)
    given = torch.tensor([[False, False, True, False, False]] * 2)
    seen: list[torch.Tensor] = []
    hook = networks.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append((kwargs["hidden_states"], kwargs["timestep"])),
        with_kwargs=True,
    )
    drawn = plain(one, clean=given)
    before = loss_of(recipe(), networks, one, drawn)
    inputs, times = seen[0]
    assert torch.equal(inputs[:, :, 2], one.latents_BCFHW[:, :, 2])
    assert not torch.equal(inputs[:, :, 1], one.latents_BCFHW[:, :, 1])
    tokens = networks.context.layout.frame_tokens
    assert times.shape == (2, 5 * tokens)
    assert (times.view(2, 5, tokens)[:, 2] == 0).all()
    assert torch.equal(times.view(2, 5, tokens)[:, 3, 0], drawn.sigma_B * 1000)
    # Noise that lies in a given frame changes neither the input nor the loss.
    noise = drawn.noise_BCFHW.clone()
    noise[:, :, 2] += 5
    assert torch.equal(before, loss_of(recipe(), networks, one, replace(drawn, noise_BCFHW=noise)))
    hook.remove()


def test_text_counts_unless_it_is_dropped(recipe: MakeRecipe, model: Path) -> None:
    networks, one = opened(recipe(), model), batch(2)
    other = replace(one, prompts=(prompt(5, 3), prompt(6, 3)))
    told = [float(loss_of(recipe(), networks, b, plain(b)).detach()) for b in (one, other)]
    assert told[0] != told[1]
    untold = [
        float(loss_of(recipe(), networks, b, plain(b, dropped=(True, True))).detach())
        for b in (one, other)
    ]
    assert untold[0] == untold[1]


@pytest.mark.parametrize("padding", [True, False])
def test_training_sees_what_the_renderer_sees(
    recipe: MakeRecipe, model: Path, padding: bool
) -> None:
    networks, one = opened(recipe(), model), batch(3)
    spec = replace(networks.located.spec, text_padding=padding)
    located = replace(networks.located, spec=spec)
    networks = replace(networks, source=replace(networks.source, located=located))
    reads = ContextRows(512, padding=padding)
    outputs: list[torch.Tensor] = []
    hook = networks.transformer.register_forward_hook(lambda m, a, out: outputs.append(out[0]))
    drawn = plain(one)
    loss_of(recipe(), networks, one, drawn)
    hook.remove()
    for i, text in enumerate(one.prompts):
        conditioning = scene_conditioning(text, networks.tokenizer, networks.text_encoder, reads)
        networks.context.layout = ShotLayout(
            shots=SHOTS, frame_tokens=4, windows=conditioning.windows, sparse=True
        )
        clip, noise, sigma = one.latents_BCFHW[i], drawn.noise_BCFHW[i], float(drawn.sigma_B[i])
        rendered = networks.transformer(
            hidden_states=flow.noisy(clip, noise, sigma)[None],
            timestep=torch.tensor([flow.timestep(sigma)]),
            encoder_hidden_states=conditioning.text_BLD,
            return_dict=False,
        )[0]
        assert torch.allclose(outputs[0][i], rendered[0], atol=1e-4)


OTHERS = ((LatentSpan(0, 5),), (LatentSpan(0, 1), LatentSpan(1, 5)), SHOTS)
"""Layouts as long as SHOTS, with other cuts."""


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("attention", ["sparse", "full"])
def test_samples_of_a_batch_may_be_cut_otherwise(
    recipe: MakeRecipe, model: Path, attention: str, *, clean: bool
) -> None:
    made = recipe(attention=attention)
    networks, one = opened(made, model), batch(3)
    prompts = tuple(prompt(i, len(shots)) for i, shots in enumerate(OTHERS))
    mixed = replace(one, shots=OTHERS, prompts=prompts)
    given = torch.tensor([[True, False, False, False, False]] * 3) if clean else None
    drawn = plain(mixed, dropped=(False, True, False), clean=given)
    together = loss_of(made, networks, mixed, drawn)
    alone = [
        loss_of(
            made,
            networks,
            Batch(
                latents_BCFHW=mixed.latents_BCFHW[i : i + 1],
                shots=(OTHERS[i],),
                prompts=prompts[i : i + 1],
            ),
            item(drawn, i),
        )
        for i in range(3)
    ]
    mean = float(torch.stack(alone).mean().detach())
    assert float(together.detach()) == pytest.approx(mean, rel=1e-5)


def test_layouts_are_one_for_all_or_one_for_each() -> None:
    with pytest.raises(ValueError, match="2 layouts for 3 samples"):
        replace(batch(3), shots=(SHOTS, SHOTS))


@pytest.mark.parametrize("switch", ["summaries", "windows"])
def test_the_mechanism_can_be_switched_off(recipe: MakeRecipe, model: Path, switch: str) -> None:
    networks, one = opened(recipe(), model), batch(2)
    on = loss_of(recipe(), networks, one, plain(one))
    off = loss_of(recipe(mechanism={switch: False}), networks, one, plain(one))
    assert not torch.equal(on, off)


def test_without_summaries_a_shot_knows_nothing_of_the_others(
    recipe: MakeRecipe, model: Path
) -> None:
    made = recipe(mechanism={"summaries": False})
    networks, one = opened(made, model), batch(1)
    outputs: list[torch.Tensor] = []
    hook = networks.transformer.register_forward_hook(lambda m, a, out: outputs.append(out[0]))
    changed = one.latents_BCFHW.clone()
    changed[:, :, 2:3] += 1.0
    for latents in (one.latents_BCFHW, changed):
        loss_of(made, networks, replace(one, latents_BCFHW=latents), plain(one))
    hook.remove()
    assert torch.equal(outputs[0][:, :, :2], outputs[1][:, :, :2])
    assert torch.equal(outputs[0][:, :, 3:], outputs[1][:, :, 3:])
    assert not torch.equal(outputs[0][:, :, 2], outputs[1][:, :, 2])


def test_noise_levels_are_spread_and_stay_with_the_expert(recipe: MakeRecipe) -> None:
    made, one = recipe(shift=5.0), batch(8)

    def sigmas_of(low: float, high: float) -> torch.Tensor:
        drawn = [draw(made, (low, high), one, levels(made, 8, i), i) for i in range(50)]
        return torch.stack([each.sigma_B.sort()[0] for each in drawn])

    sigmas = sigmas_of(0.0, 1.0)
    assert ((sigmas > 0) & (sigmas <= 1)).all()
    # Shift 5 puts half of all levels above 5/6; each step has one in every eighth.
    assert sigmas.median() == pytest.approx(5 / 6, abs=0.03)
    even = sigmas / (5 - 4 * sigmas)
    assert ((even * 8).floor() == torch.arange(8)).all()
    high, low = sigmas_of(0.875, 1.0), sigmas_of(0.0, 0.875)
    assert high.min() >= 0.875
    assert low.max() <= 0.8751
    assert low.min() < 0.2


def test_shares_are_kept(recipe: MakeRecipe) -> None:
    made = recipe(clean_shots=0.5, full_share=0.25, drop_caption=0.1)
    drawn = [draw(made, (0.0, 1.0), batch(4), levels(made, 4, i), i) for i in range(400)]
    assert sum(d.clean_BF is not None for d in drawn) == pytest.approx(200, abs=40)
    assert sum(d.full for d in drawn) == pytest.approx(100, abs=35)
    assert sum(sum(d.dropped) for d in drawn) == pytest.approx(160, abs=45)
    for one in drawn:
        if one.clean_BF is not None:
            assert not one.clean_BF.all(dim=1).any()
            assert one.clean_BF.any()
    twin = draw(made, (0.0, 1.0), batch(4), levels(made, 4, 3), 3)
    assert torch.equal(twin.noise_BCFHW, drawn[3].noise_BCFHW)


def test_compiled_blocks_compute_the_same_and_take_every_layout(
    recipe: MakeRecipe, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a GPU, but for the kernels, which take a minute to make.
    monkeypatch.setattr(layout, "by_hand", lambda x: False)
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    counters = torch._dynamo.utils.counters["stats"]
    torch._dynamo.reset()
    counters.clear()
    found = {}
    for compiled in (False, True):
        made = recipe(compile=compiled)
        networks, graphs = opened(made, model), []
        for count, seed in ((3, 0), (2, 1), (4, 2)):
            one = batch(count, seed)
            loss = loss_of(made, networks, one, plain(one))
            gradients = torch.autograd.grad(loss, list(networks.trained.values()))
            found[compiled, count] = [loss, *gradients]
            graphs.append(counters["unique_graphs"])
    assert graphs[0] > 0
    assert graphs[1] == graphs[2], "a layout was compiled anew"
    for count in (3, 2, 4):
        for eager, mine in zip(found[False, count], found[True, count], strict=True):
            torch.testing.assert_close(mine, eager, atol=1e-6, rtol=1e-4)
