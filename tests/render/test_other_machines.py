"""Other threads and processors have other last bits: what is kept stays, and the rest is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from holocine_core import keeping
from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.errors import Interrupted
from holocine_core.events import StepDone, Warned
from holocine_core.film.planning import plan_film
from holocine_core.film.reopen import changed_frames, open_film, replan
from holocine_core.plan.values import Take
from holocine_core.production import render_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.script.edits import Extend, Reshoot
from holocine_core.script.screenplay import Shot
from holocine_core.script.timeline import FrameSpan
from holocine_core.store.vault import Vault
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame that is decoded from now on is another by one level of 255."""
    real = Generator.decode

    def decode(self: Generator, take: Take, latents: object) -> Iterator[Frames]:
        for frames in real(self, take, latents):  # type: ignore[arg-type]
            yield np.where(frames < 255, frames + 1, 254).astype(np.uint8)

    monkeypatch.setattr(Generator, "decode", decode)


def frames_of(plan_work: Path, take: Take) -> Frames:
    return np.concatenate(list(read_frames(Vault(plan_work).path("clips", take.clip_key))))


def test_kept_shots_are_never_decoded_anew(own: tuple[Path, Path], elsewhere: None) -> None:
    found, before = open_film(own[1])
    edit = Reshoot(scene="storm", shot=2, prompt="Rain.", seed=11)
    plan = replan(found, [edit])
    render(plan, force=True)
    (changed,) = changed_frames(before.takes[0], plan.takes[0], plan.work) or ()
    assert changed == before.takes[0].timeline.shot_spans[1]
    longer = replan(
        found, [edit, Extend(scene="storm", shots=(Shot(prompt="Fog.", frames=8),), seed=3)]
    )
    render(longer, force=True)
    assert changed_frames(plan.takes[0], longer.takes[0], plan.work) == ()
    assert len(frames_of(plan.work, longer.takes[0])) == longer.takes[0].timeline.frames


def test_where_the_take_before_has_no_clip_it_is_decoded_first(own: tuple[Path, Path]) -> None:
    found, before = open_film(own[1])
    vault = Vault(before.work)
    kept = vault.path("clips", before.takes[0].clip_key).read_bytes()
    vault.drop("clips", before.takes[0].clip_key)
    plan = replan(found, [Reshoot(scene="storm", shot=1, prompt="Rain.", seed=11)])
    listener = Listener()
    render(plan, listener, force=True)
    assert vault.path("clips", before.takes[0].clip_key).read_bytes() == kept
    assert len(listener.of(StepDone)) == before.takes[0].sampling.steps
    (changed,) = changed_frames(before.takes[0], plan.takes[0], plan.work) or ()
    assert changed == FrameSpan(0, before.takes[0].timeline.cuts[0])


def test_a_take_that_goes_on_elsewhere_says_that_bits_may_differ(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "film.mp4"
    listener = Listener(4)
    with pytest.raises(Interrupted):
        render_film(whole[0], out, emit=listener, should_stop=listener.should_stop)
    *_, kept = Vault(plan_film(whole[0], Request(out=out)).work).entries("progress")
    made = kept.sidecar["made"]
    assert made["machine"]["threads"] >= 1
    assert made["machine"]["processor"]
    assert made["kernel"]
    monkeypatch.setattr(keeping, "_machine", lambda device: {"processor": "Other", "threads": 64})
    again = Listener()
    render_film(whole[0], out, emit=again)
    (told,) = again.of(Warned)
    assert "was begun on other hardware" in told.message
    assert "now Other, 64" in told.message
    assert out.read_bytes() == whole[1].read_bytes()
