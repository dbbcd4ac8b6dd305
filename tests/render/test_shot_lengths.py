"""A shot gets another length: the others are the same pictures, wherever they begin now."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.film.reopen import changed_frames, open_film, replan
from holocine_core.model.spec import MODELS
from holocine_core.plan.values import Plan, Take
from holocine_core.render import render
from holocine_core.sample.generator import Generator
from holocine_core.sample.latents import read_latents
from holocine_core.script.edits import Extend, Reshoot
from holocine_core.script.screenplay import Shot
from holocine_core.store.vault import Vault

pytestmark = pytest.mark.slow

LONGER = Reshoot(scene="storm", shot=1, frames=17, size="close-up", seed=11)
SHORTER = Reshoot(scene="storm", shot=1, seconds=0.33, seed=12)
MORE = Extend(scene="storm", shots=(Shot(prompt="Rain.", frames=8),), seed=13)
LAST = Reshoot(scene="storm", shot=3, frames=12, seed=14)


@pytest.fixture
def made(own: tuple[Path, Path]) -> Path:
    """A film of the small screenplay in a folder of its own, with its work folder."""
    return own[1]


def again(film: Path, *edits: Reshoot | Extend) -> Plan:
    return replan(open_film(film)[0], edits)


def latents(plan: Plan, take: Take | None = None) -> Tensor:
    key = (take or plan.takes[0]).latents_key
    return read_latents(Vault(plan.work).path("latents", key))


def frames(plan: Plan, take: Take | None = None) -> NDArray[np.uint8]:
    clip = Vault(plan.work).find("clips", (take or plan.takes[0]).clip_key)
    assert clip is not None
    return np.concatenate(list(read_frames(clip.path)))


@pytest.mark.parametrize(("edit", "length", "changed"), [(LONGER, 17, 17), (SHORTER, 5, 5)])
def test_what_follows_moves_with_its_pictures(
    made: Path, edit: Reshoot, length: int, changed: int
) -> None:
    _, before = open_film(made)
    assert before.takes[0].timeline.cuts == (9,)
    plan = again(made, edit)
    film = render(plan, force=True)
    take = plan.takes[0]
    assert (take.timeline.frames, take.timeline.cuts) == (length + 8, (length,))
    assert film.frames == length + 8 + before.takes[1].timeline.frames - 3
    old, new = latents(before), latents(plan)
    at = take.timeline.latent_spans[1].start
    assert torch.equal(new[:, :, at:], old[:, :, 3:])
    assert np.array_equal(frames(plan)[length:], frames(before)[9:])
    assert not np.array_equal(frames(plan)[:5], frames(before)[:5])
    (span,) = changed_frames(before.takes[0], take, plan.work) or ()
    assert (span.start, span.stop) == (0, changed)
    render(again(made), force=True)
    assert open_film(made)[1].takes[0].timeline == before.takes[0].timeline, "and back"


def test_edits_go_on_from_one_with_another_length(made: Path) -> None:
    first = again(made, LONGER)
    render(first, force=True)
    plan = again(made, LONGER, MORE, LAST, SHORTER)
    render(plan, force=True)
    take = open_film(made)[1].takes[0]
    assert take.timeline.cuts == (5, 13)
    assert take.timeline.frames == 25
    own, bases = latents(plan), [latents(plan, one) for one in take.chain()]
    assert torch.equal(own[:, :, 2:4], bases[-1][:, :, 3:5]), "the second shot is the first film's"
    assert torch.equal(own[:, :, 4:7], bases[1][:, :, 7:10]), "the third that of the last edit"
    assert take.known is not None
    assert changed_frames(take.known.base, take, plan.work)
    assert [take.maker_of(n).seed for n in range(3)] == [12, 5, 14]


@pytest.mark.parametrize(("length", "seen"), [(5, (0, 1)), (17, (0,))])
def test_a_pass_sees_moved_shots_at_their_place(
    made: Path, monkeypatch: pytest.MonkeyPatch, length: int, seen: tuple[int, ...]
) -> None:
    monkeypatch.setitem(MODELS, "nano", replace(MODELS["nano"], max_frames=17))
    plan = again(made, MORE, Reshoot(scene="storm", shot=1, frames=length, seed=3))
    take = plan.takes[0]
    assert take.known is not None
    assert take.known.shots == seen
    render(plan, force=True)
    base, own = latents(plan, take.known.base), latents(plan)
    at = take.timeline.latent_spans[1].start
    assert torch.equal(own[:, :, at:], base[:, :, 3:])
    there = Generator(plan).known_latents(take, base).latents_BCFHW
    assert torch.equal(there[:, :, 2:], base[:, :, 3:5]) or seen == (0,)
    assert np.array_equal(frames(plan)[length:], frames(plan, take.known.base)[9:])


def test_shots_that_moved_are_the_earlier_pictures_on_any_machine(made: Path) -> None:
    """This codec looks back: by itself it draws a shot otherwise behind another one."""
    plan = again(made, LONGER)
    render(plan, force=True)
    take, shown = plan.takes[0], frames(plan)
    drawn = np.concatenate(list(Generator(plan).decode(take, latents(plan))))
    assert np.array_equal(drawn[:17], shown[:17])
    assert not np.array_equal(drawn[17:], shown[17:])
    shutil.rmtree(plan.work / "clips")
    made.unlink()
    render(plan, force=True)
    assert np.array_equal(frames(plan), shown)
