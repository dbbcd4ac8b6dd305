"""Takes are never lost: stopping, going on, using again, and files that were lost or damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holocine_core.errors import InputError, Interrupted
from holocine_core.events import StepDone, TakeDone, TakeStarted, Warned
from holocine_core.film import finish as film_room
from holocine_core.film.planning import plan_film
from holocine_core.plan.values import Plan
from holocine_core.production import render_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.studio import Studio
from holocine_core.store.records import sidecar_path
from holocine_core.store.vault import Vault
from tests.render.conftest import Listener, fails_once

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stop_after", [1, 3, 7, 8, 11])
def test_stopping_and_going_on_gives_the_same_bytes(
    stop_after: int, whole: tuple[Path, Path], tmp_path: Path
) -> None:
    screenplay, uninterrupted = whole
    out = tmp_path / "film.mp4"
    listener = Listener(stop_after)
    with pytest.raises(Interrupted):
        render_film(screenplay, out, emit=listener, should_stop=listener.should_stop)
    assert not out.exists()
    done = len(listener.of(StepDone))
    again = Listener()
    render_film(screenplay, out, emit=again)
    # Nothing is computed twice: the first take has 7 steps, the second 7.
    assert done + len(again.of(StepDone)) == 14
    assert out.read_bytes() == uninterrupted.read_bytes()


def test_a_second_call_makes_nothing(whole: tuple[Path, Path]) -> None:
    listener = Listener()

    def no_generator(plan: Plan, emit: Any) -> Any:
        raise AssertionError("nothing is left to shoot")

    film = render(
        plan_film(whole[0], Request(out=whole[1])), listener, studio=Studio((), no_generator)
    )
    assert film.up_to_date
    assert listener.of(StepDone) == []


def test_only_the_changed_scene_is_shot(own: tuple[Path, Path]) -> None:
    screenplay, out = own
    screenplay.write_text(screenplay.read_text().replace("{mara} smiles.", "{mara} laughs."))
    plan = plan_film(screenplay, Request(out=out))
    assert [take.state for take in plan.takes] == ["reuse", "changed"]
    assert plan.takes[1].reason == "shot dawn:1's text changed"
    listener = Listener()
    render(plan, listener, force=True)
    assert {event.scene for event in listener.of(StepDone)} == {"dawn"}
    assert [event.reused for event in listener.of(TakeDone)] == [True, False]


def test_a_lost_clip_is_decoded_again_without_denoising(own: tuple[Path, Path]) -> None:
    screenplay, out = own
    plan = plan_film(screenplay, Request(out=out))
    Vault(plan.work).drop("clips", plan.takes[0].clip_key)
    before = out.read_bytes()
    out.unlink()
    listener = Listener()
    render(plan_film(screenplay, Request(out=out)), listener)
    assert listener.of(StepDone) == []
    assert out.read_bytes() == before


def test_a_kill_between_film_and_sidecar_is_healed(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "film.mp4"
    fails_once(monkeypatch, film_room, "write_record", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        render_film(whole[0], out)
    assert out.exists()
    assert not sidecar_path(out).exists()
    assert render_film(whole[0], out).up_to_date
    assert sidecar_path(out).exists()
    assert out.read_bytes() == whole[1].read_bytes()


def test_debris_of_a_killed_render_is_swept(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    debris = plan.work / "clips" / ".abc.123.part.mp4"
    debris.parent.mkdir(parents=True)
    debris.write_bytes(b"half a clip")
    key = plan.takes[0].clip_key
    (debris.parent / f"{key}.mp4").write_bytes(b"no sidecar: no clip")
    render(plan)
    assert not debris.exists()


def test_a_torn_clip_is_not_a_clip(own: tuple[Path, Path]) -> None:
    screenplay, out = own
    plan = plan_film(screenplay, Request(out=out))
    clip = Vault(plan.work).path("clips", plan.takes[0].clip_key)
    clip.write_bytes(clip.read_bytes()[:-100])
    assert plan_film(screenplay, Request(out=out)).takes[0].reason == "denoised; still to decode"


def damage(path: Path) -> None:
    """Other bytes, same length."""
    raw = bytearray(path.read_bytes())
    for i in range(len(raw) // 2, len(raw) // 2 + 40):
        raw[i] ^= 0xFF
    path.write_bytes(raw)


@pytest.mark.parametrize("kind", ["clips", "latents", "film"])
def test_damaged_files_are_found_and_made_again(
    kind: str, own: tuple[Path, Path], whole: tuple[Path, Path]
) -> None:
    screenplay, out = own
    plan = plan_film(screenplay, Request(out=out))
    vault = Vault(plan.work)
    if kind == "film":
        damage(out)
    else:
        out.unlink()
        key = plan.takes[0].clip_key if kind == "clips" else plan.takes[0].latents_key
        damage(vault.path("clips" if kind == "clips" else "latents", key))
        if kind == "latents":
            vault.drop("clips", plan.takes[0].clip_key)
    listener = Listener()
    render_film(screenplay, out, emit=listener)
    assert out.read_bytes() == whole[1].read_bytes()
    assert len(listener.of(Warned)) == (2 if kind == "film" else 1)
    assert bool(listener.of(StepDone)) == (kind == "latents")


@pytest.mark.parametrize("damaged", [1, 2])
def test_damaged_progress_falls_back_to_what_was_before(
    damaged: int, whole: tuple[Path, Path], tmp_path: Path
) -> None:
    """The high-noise expert's last step lies beside the last one of all; behind it is the start."""
    out = tmp_path / "film.mp4"
    listener = Listener(6)
    with pytest.raises(Interrupted):
        render_film(whole[0], out, emit=listener, should_stop=listener.should_stop)
    kept = Vault(plan_film(whole[0], Request(out=out)).work).entries("progress")
    steps = {entry.sidecar["step"]: entry for entry in kept}
    assert len(steps) == 2
    for step in sorted(steps)[-damaged:]:
        damage(steps[step].path)
    again = Listener()
    render_film(whole[0], out, emit=again)
    started = next(event.step for event in again.of(TakeStarted))
    assert started == (min(steps) if damaged == 1 else 0)
    assert len(again.of(Warned)) == damaged
    assert out.read_bytes() == whole[1].read_bytes()


def test_an_up_to_date_film_needs_no_work_folder(whole: tuple[Path, Path], tmp_path: Path) -> None:
    for file in (whole[1], sidecar_path(whole[1])):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert render_film(whole[0], tmp_path / "film.mp4").up_to_date
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mp4", "film.mp4.json"]


@pytest.mark.parametrize("sidecar", ["[]", "{}", '{"key": 3}', "not json"])
def test_an_odd_sidecar_is_no_sidecar(
    sidecar: str, whole: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "film.mp4"
    out.write_bytes(whole[1].read_bytes())
    sidecar_path(out).write_text(sidecar)
    assert render_film(whole[0], out).up_to_date
    assert json.loads(sidecar_path(out).read_text())["frames"] == 23


def test_a_film_that_was_torn_is_made_again(
    own: tuple[Path, Path], whole: tuple[Path, Path]
) -> None:
    screenplay, out = own
    out.write_bytes(out.read_bytes()[: out.stat().st_size // 2])
    render_film(screenplay, out)
    assert out.read_bytes() == whole[1].read_bytes()


def test_what_somebody_put_in_a_films_place_is_not_torn(own: tuple[Path, Path]) -> None:
    screenplay, out = own
    out.write_bytes(b"somebody's notes")
    with pytest.raises(InputError, match="another film"):
        render_film(screenplay, out)
    assert out.read_bytes() == b"somebody's notes"
