"""Edits of a finished film: what they do not touch stays, and all of them can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from holocine_core.errors import InputError, Interrupted
from holocine_core.film.cut_list import cut_list
from holocine_core.film.reopen import changed_frames, open_film, replan, shot_place
from holocine_core.model.placement import Placement
from holocine_core.model.spec import MODELS
from holocine_core.plan import placing
from holocine_core.plan.passes import pass_of
from holocine_core.plan.values import Plan, Take
from holocine_core.render import render
from holocine_core.sample.generator import Generator
from holocine_core.sample.known_latents import KnownLatents
from holocine_core.sample.latents import read_latents
from holocine_core.sample.noise import initial_noise
from holocine_core.script.edits import Extend, Reshoot
from holocine_core.script.screenplay import Shot
from holocine_core.script.timeline import LatentSpan
from holocine_core.store.vault import Vault
from tests.render.conftest import Listener, watch_passes

pytestmark = pytest.mark.slow

ANEW = Reshoot(scene="storm", shot=1, prompt="{mara} waves.", seed=11)
LONGER = Extend(scene="storm", shots=(Shot(prompt="Rain.", frames=8),), seed=12)


@pytest.fixture
def made(own: tuple[Path, Path]) -> Path:
    """A film of the small screenplay in a folder of its own, with its work folder."""
    return own[1]


def again(film: Path, *edits: Reshoot | Extend) -> Plan:
    found, _ = open_film(film)
    return replan(found, edits)


def latents(plan: Plan, scene: int = 0) -> Tensor:
    return read_latents(Vault(plan.work).path("latents", plan.takes[scene].latents_key))


def test_what_was_begun_is_asked_of_the_edited_takes(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    real = placing.begun_in

    def listening(takes: Sequence[Take], placement: Placement, vault: Vault) -> str | None:
        asked.append([take.latents_key for take in takes])
        return real(takes, placement, vault)

    monkeypatch.setattr(placing, "begun_in", listening)
    plan = again(made, ANEW, LONGER)
    assert asked[-1] == [take.latents_key for take in plan.takes]
    assert len({tuple(keys) for keys in asked}) > 1, "others were asked about before"


def test_a_shot_is_made_anew_and_all_others_stay(made: Path) -> None:
    _, before = open_film(made)
    plan = again(made, ANEW)
    assert [take.state for take in plan.takes] == ["changed", "reuse"]
    assert "shot storm:1's text changed" in plan.takes[0].reason
    film = render(plan, force=True)
    old, new = latents(before), latents(plan)
    first, second = before.takes[0].timeline.latent_spans
    assert torch.equal(old[:, :, second.start :], new[:, :, second.start :])
    assert not torch.equal(old[:, :, : first.stop], new[:, :, : first.stop])
    assert film.frames == before.takes[0].timeline.frames + before.takes[1].timeline.frames - 3
    (span,) = changed_frames(before.takes[0], plan.takes[0], plan.work)
    assert span.start == 0
    assert span.stop >= before.takes[0].timeline.cuts[0]


def test_the_film_carries_its_edits(made: Path) -> None:
    _, before = open_film(made)
    render(again(made, ANEW, LONGER), force=True)
    found, plan = open_film(made)
    assert plan.edits == (ANEW, LONGER)
    assert found.screenplay == made.with_name("film.yaml").read_text()
    assert found.provenance["takes"][0]["kept"]["latent_frames"] == [[0, 5]]
    assert all(take.state == "reuse" for take in plan.takes)
    assert [shot["prompt"] for shot in found.provenance["takes"][0]["shots"]] == [
        "Mara waves.", "Mara turns.", "Rain.",
    ]  # fmt: skip
    seeds = [shot.facts["seed"] for shot in cut_list(found).shots]
    assert seeds[:3] == [ANEW.seed, before.takes[0].seed, LONGER.seed]


def test_an_edit_can_be_undone(made: Path) -> None:
    first = made.read_bytes()
    render(again(made, ANEW), force=True)
    assert made.read_bytes() != first
    plan = again(made)
    assert plan.to_shoot == 0
    render(plan, force=True)
    assert made.read_bytes() == first


def test_the_take_before_is_made_again_where_it_is_gone(made: Path, tmp_path: Path) -> None:
    found, _ = open_film(made)
    render(replan(found, [ANEW, LONGER]), force=True)
    kept = made.read_bytes()
    found, plan = open_film(made)
    empty = replace(plan, work=tmp_path / "other")
    assert Vault(empty.work).entries("latents") == []
    made.unlink()
    render(empty, force=True)
    assert made.read_bytes() == kept
    assert len(Vault(empty.work).entries("latents")) == 4


def test_a_scene_goes_on(made: Path) -> None:
    _, before = open_film(made)
    plan = again(made, LONGER)
    take = plan.takes[0]
    assert (take.timeline.frames, take.timeline.cuts) == (25, (9, 17))
    render(plan, force=True)
    old, new = latents(before), latents(plan)
    assert torch.equal(old, new[:, :, : old.shape[2]])
    assert changed_frames(before.takes[0], take, plan.work) == ()


def test_a_stopped_edit_goes_on_to_the_same_bits(made: Path) -> None:
    listener = Listener(stop_after=3)
    _, before = open_film(made)
    plan = again(made, ANEW)
    with pytest.raises(Interrupted):
        render(plan, listener, force=True, should_stop=listener.should_stop)
    plan = again(made, ANEW)
    assert plan.takes[0].step == 3
    render(plan, force=True)
    take = plan.takes[0]
    assert take.known is not None
    given = KnownLatents(
        latents_BCFHW=latents(before), spans=take.known.spans, method=take.known.method
    )
    assert torch.equal(latents(plan), Generator(plan).denoise(take, known=given))


def test_models_without_clean_shots_see_kept_ones_with_noise(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plan = open_film(made)
    take = plan.takes[0]
    assert not plan.model.spec.clean_shots
    anew = again(made, ANEW).takes[0]
    assert anew.known is not None
    assert anew.known.method == "renoised"
    assert anew.ingredients["kept"]["method"] == "renoised", "the way is part of its fingerprint"
    picture = torch.randn(initial_noise(plan, take).shape)
    seen = watch_passes(monkeypatch)
    generator = Generator(plan)
    given = KnownLatents(latents_BCFHW=picture, spans=[LatentSpan(3, 5)], method="renoised")
    result = generator.denoise(take, known=given)
    noise = initial_noise(plan, take)[:, :, 3:]
    for one in seen:
        assert one.time.shape == (1,)
        sigma = float(one.time) / 1000
        wanted = (1 - sigma) * picture[:, :, 3:] + sigma * noise
        assert torch.allclose(one.x[:, :, 3:], wanted, atol=1e-5)
    assert torch.equal(result[:, :, 3:], picture[:, :, 3:])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Reshoot(scene="noon", shot=1, seed=1), "no scene 'noon'"),
        (Reshoot(scene="storm", shot=3, seed=1), "no shot storm:3"),
        (Reshoot(scene="dawn", shot=1, seed=1), "is one shot"),
        (Reshoot(scene="storm", shot=1, prompt="{ivo} waits.", seed=1), "unknown character"),
        (Reshoot(scene="storm", shot=1, prompt="word " * 600, seed=1), "tokens"),
        (Extend(scene="storm", shots=(Shot(prompt="x"),), seed=1), "has no length"),
    ],
)
def test_an_edit_without_a_place_is_refused(
    made: Path, edit: Reshoot | Extend, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        again(made, edit)


def test_shots_are_named_by_scene_or_counted_through(made: Path) -> None:
    _, plan = open_film(made)
    found = [(take.scene, n) for take, n in (shot_place(plan, s) for s in ("2", "3", "dawn:1"))]
    assert found == [("storm", 2), ("dawn", 1), ("dawn", 1)]
    with pytest.raises(InputError, match=r'could be storm:1 "Wide shot.*" or dawn:1 ') as told:
        shot_place(plan, "1")
    assert told.value.hint.endswith("--shot storm:1")
    for wrong in ("0", "4", "x", "noon:1", "storm:"):
        with pytest.raises(InputError, match=r"no (shot|scene)"):
            shot_place(plan, wrong)


def test_a_film_of_other_weights_is_not_edited(made: Path) -> None:
    text = made.with_name("film.yaml").read_text()
    assert "seed: 5" in text
    found, plan = open_film(made)
    other = replace(
        found, provenance={**found.provenance, "screenplay": text.replace("seed: 5", "seed: 6")}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("holocine_core.film.reopen.inspect", lambda path: other)
        with pytest.raises(InputError, match="would not be made again"):
            open_film(made)
    assert plan.edits == ()


# --- past the length that the model was trained for ----------------------------------------------


@pytest.fixture
def short_sighted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose passes see 17 frames; the small film's first scene has as many."""
    row = MODELS["nano"]
    monkeypatch.setitem(MODELS, "nano", replace(row, max_frames=17))


def one_by_one(*lengths: int) -> list[Extend]:
    return [
        Extend(scene="storm", shots=(Shot(prompt="{mara} runs.", frames=n),), seed=20 + n)
        for n in lengths
    ]


@pytest.mark.usefixtures("short_sighted")
def test_a_scene_goes_on_past_the_models_length(made: Path) -> None:
    _, before = open_film(made)
    assert before.takes[0].timeline.frames == 17
    first, second = one_by_one(8, 4)
    plan = again(made, first)
    take = plan.takes[0]
    assert take.timeline.frames == 25
    assert take.known is not None
    assert take.known.shots == (0, 2), "no room for shot 2 beside the new one"
    shown = pass_of(take)
    assert shown.timeline.latent_frames <= 5
    assert shown.prompt.text.count("[shot cut]") == len(take.known.shots) - 1
    assert not any("trained on" in warned.message for warned in plan.warnings)
    assert "in a pass that sees shots storm:1, storm:3" in take.reason
    film = render(plan, force=True)
    assert film.frames == before.takes[0].timeline.frames + 8 + before.takes[1].timeline.frames - 3
    old, new = latents(before), latents(plan)
    assert torch.equal(old, new[:, :, : old.shape[2]])
    assert new[:, :, old.shape[2] :].isfinite().all()

    further = again(made, first, second)
    assert further.takes[0].known is not None
    render(further, force=True)
    assert torch.equal(latents(further)[:, :, : new.shape[2]], new)
    _, opened = open_film(made)
    assert opened.takes[0].timeline.frames == 29
    assert opened.takes[0].state == "reuse"


@pytest.mark.usefixtures("short_sighted")
def test_what_the_pass_sees_decides_the_new_shot_and_nothing_else_does(made: Path) -> None:
    plan = again(made, *one_by_one(8))
    take = plan.takes[0]
    assert take.known is not None
    generator = Generator(plan)
    base = latents(open_film(made)[1])
    there = generator.known_latents(take, base)
    assert torch.equal(there.latents_BCFHW[:, :, :3], base[:, :, :3])
    made_anew = generator.denoise(take, known=there)
    assert made_anew.shape[2] == 5
    unseen = base.clone()
    unseen[:, :, 3:] += 1
    again_made = generator.denoise(take, known=generator.known_latents(take, unseen))
    assert torch.equal(made_anew, again_made)
    seen = base.clone()
    seen[:, :, :3] += 1
    other = generator.denoise(take, known=generator.known_latents(take, seen))
    assert not torch.equal(made_anew[:, :, 3:], other[:, :, 3:])
    whole = generator.whole(take, made_anew, base)
    assert torch.equal(whole[:, :, :5], base)
    assert torch.equal(whole[:, :, 5:], made_anew[:, :, 3:])


@pytest.mark.usefixtures("short_sighted")
def test_a_shot_of_a_long_scene_is_made_anew_beside_its_neighbours(made: Path) -> None:
    longer = one_by_one(8)
    render(again(made, *longer), force=True)
    before = latents(open_film(made)[1])
    plan = again(made, *longer, Reshoot(scene="storm", shot=3, prompt="Rain.", seed=5))
    kept = plan.takes[0].known
    assert kept is not None
    assert kept.shots == (0, 2)
    render(plan, force=True)
    after = latents(plan)
    assert torch.equal(after[:, :, :5], before[:, :, :5])
    assert not torch.equal(after[:, :, 5:], before[:, :, 5:])


@pytest.mark.usefixtures("short_sighted")
def test_more_than_a_pass_sees_is_refused(made: Path) -> None:
    with pytest.raises(InputError, match="more than the 17 frames") as caught:
        again(made, *one_by_one(16))
    assert "at a time" in caught.value.hint


def test_a_scene_that_was_made_longer_than_the_model_knows_is_made_anew_as_it_was(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "nano", replace(MODELS["nano"], max_frames=13))
    plan = again(made, Reshoot(scene="storm", shot=2, prompt="Rain.", seed=5))
    kept = plan.takes[0].known
    assert kept is not None
    assert kept.shots is None, "both shots, which one pass of the model's own length does not hold"
