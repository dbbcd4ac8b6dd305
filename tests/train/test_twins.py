"""Scenes in twos that differ only in how people look, from the drawing to the loss."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from holocine_core.events import ignore
from holocine_core.model.folders import locate_folder
from holocine_core.model.weights import load_part
from holocine_core.script.timeline import Span
from holocine_core.shoot import codec, flow
from holocine_core.stage.caption import tell
from holocine_core.stage.paint import draw as paint
from holocine_core.stage.sample import is_novel, sample_scene
from holocine_core.stage.world import Animal, Person
from holocine_core.train import step
from holocine_core.train.cache import Drawing, LatentCache
from holocine_core.train.clips import Batch, StageClips
from holocine_core.train.networks import assemble
from holocine_core.train.order import pick
from holocine_core.train.recipe import GROUP
from holocine_core.train.step import draw, losses_of
from holocine_core.train.twins import twin_scene
from tests.train.conftest import MakeRecipe
from tests.train.texts import prompt

LAYOUT = (3, 4)


def test_twins_differ_in_their_people_alone() -> None:
    for seed in range(0, 80, 2):
        one, other = twin_scene(seed, LAYOUT), twin_scene(seed + 1, LAYOUT)
        assert one == sample_scene(seed, LAYOUT)
        assert replace(other, cast=one.cast) == one
        assert not is_novel(other.place, other.cast)
        for a, b in zip(one.cast, other.cast, strict=True):
            assert type(a) is type(b)
            assert (a == b) == isinstance(a, Animal)


def test_twins_are_told_of_the_same_things() -> None:
    people = 0  # Their looks differ, and so may what can be said of them.
    for seed in range(0, 80, 2):
        one, other = twin_scene(seed, LAYOUT), twin_scene(seed + 1, LAYOUT)
        a, b = (tell(scene, random.Random(seed)) for scene in (one, other))
        assert (a.said.place, a.said.shots) == (b.said.place, b.said.shots)
        looks = [t for m, t in zip(one.cast, a.said.cast, strict=True) if isinstance(m, Person)]
        if any(looks):
            people += 1
            assert a.screenplay != b.screenplay
    assert people > 10


def test_a_group_of_twins_is_drawn_and_told(model: Path, tmp_path: Path) -> None:
    drawing = Drawing(
        vae=locate_folder(model).part("vae"),
        identity="codec",
        height=32,
        width=32,
        latent_frames=(8, 9),
        twins=True,
    )
    assert drawing.key != replace(drawing, twins=False).key
    cache = LatentCache(tmp_path, drawing)
    cache.fill([2], emit=ignore, should_stop=lambda: False)
    layout, vae = drawing.layout(2), load_part(drawing.vae, torch.float32)
    for member in (0, 1):
        frames = paint(twin_scene(2 * GROUP + member, layout), 32, 32).numpy()
        assert torch.equal(cache.read(2)[member], codec.encode(vae, frames)[0].half())
    assert StageClips(cache, [2], 0).batch(0, [0, 1], epoch=0).twins


def test_twins_are_never_parted() -> None:
    sizes = (8, 16)
    seen = []
    for index in range(6):
        chosen = pick(sizes, 4, 1, index, together=2)
        firsts, seconds = chosen.members[0::2], chosen.members[1::2]
        assert [m + 1 for m in firsts] == list(seconds)
        assert all(m % 2 == 0 for m in firsts)
        seen += [(chosen.group, m) for m in chosen.members]
    assert sorted(seen) == [(g, m) for g, size in enumerate(sizes) for m in range(size)]


def _batch(*, twins: bool) -> Batch:
    shots = (Span(0, 2), Span(2, 5))
    return Batch(
        latents_BCFHW=torch.randn(4, 16, 5, 4, 4, generator=torch.Generator().manual_seed(1)),
        shots=shots,
        prompts=tuple(prompt(i, len(shots)) for i in range(4)),
        twins=twins,
    )


def test_twins_share_all_that_is_random(recipe: MakeRecipe) -> None:
    made = recipe(twins=2.0, drop_caption=0.5, clean_shots=1.0)
    level = torch.linspace(0.1, 0.9, 4)
    for number in range(8):
        drawn = draw(made, (0, 1), _batch(twins=True), level, number)
        assert drawn.twins
        assert torch.equal(drawn.sigma_B[0::2], drawn.sigma_B[1::2])
        assert torch.equal(drawn.noise_BCFHW[0::2], drawn.noise_BCFHW[1::2])
        assert drawn.dropped[0::2] == drawn.dropped[1::2]
        assert drawn.clean_BF is None or torch.equal(drawn.clean_BF[0::2], drawn.clean_BF[1::2])
    plain = draw(made, (0, 1), _batch(twins=False), level, 0)
    assert not torch.equal(plain.noise_BCFHW[0], plain.noise_BCFHW[1])


def test_what_differs_between_twins_is_a_loss(
    recipe: MakeRecipe, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(twins=3.0)
    network = assemble(made, model, torch.device("cpu"))
    one = _batch(twins=True)
    drawn = draw(made, network.sigmas, one, torch.full((4,), 0.6))
    kept: list[torch.Tensor] = []
    network.transformer.register_forward_hook(lambda module, args, out: kept.append(out[0]))
    with torch.no_grad():
        found = losses_of(made, network, one, drawn)
    off = kept[0].float() - flow.target(one.latents_BCFHW, drawn.noise_BCFHW)
    between = off[0::2] - off[1::2]
    assert found.twins is not None
    assert float(found.twins) == pytest.approx(float(between.square().mean() / 2), rel=1e-4)
    total = float(found.velocity) + 3 * float(found.twins)
    assert float(found.total(made)) == pytest.approx(total, rel=1e-5)
    # Twice the mean of two is half their sum's and half their difference's: it is a part of it.
    both = (off[0::2] + off[1::2]).square().mean() / 4
    assert float(found.velocity) == pytest.approx(float(both + found.twins / 2), rel=1e-4)
    alike = replace(
        one,
        prompts=(one.prompts[0],) * 4,
        latents_BCFHW=one.latents_BCFHW[:1].expand(4, -1, -1, -1, -1),
    )
    with torch.no_grad():
        nothing = losses_of(
            made, network, alike, draw(made, network.sigmas, alike, torch.full((4,), 0.6))
        )
    assert nothing.twins is not None
    assert float(nothing.twins) == pytest.approx(0, abs=1e-6)
    assert step.Losses(velocity=torch.ones(())).total(made) == 1


def test_twins_need_an_even_batch(recipe: MakeRecipe) -> None:
    with pytest.raises(ValueError, match="even `batch`"):
        recipe(twins=1.0, phases=[{"batch": 1, "data": None, "scenes": 8}])
    assert recipe(twins=1.0, phases=[{"batch": 1}]).twins, "samples of a folder are no twins"
