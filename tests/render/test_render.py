"""Takes are never lost, films are never wrong: resume, reuse, refusals, failures."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holocine_core import film as film_room
from holocine_core import render as rendering
from holocine_core.edit.ffmpeg import probe, read_frames
from holocine_core.errors import InputError, Interrupted, MachineError, RenderError
from holocine_core.events import Event, StepDone, TakeDone, TakeFailed, TakeStarted, Warned
from holocine_core.film import expected_frames
from holocine_core.plan.values import Plan
from holocine_core.production import Options, draw_storyboard, export_shots, plan_film, render_film
from holocine_core.provenance import inspect
from holocine_core.render import render
from holocine_core.shoot import codec, generator
from holocine_core.standing import sidecar_path
from holocine_core.vault import Vault
from tests.conftest import SMALL, Write


class Listener:
    """Collects events; can ask for a stop after so many denoising steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.events: list[Event] = []
        self._stop_after = stop_after

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def should_stop(self) -> bool:
        steps = len(self.of(StepDone))
        return self._stop_after is not None and steps + 1 >= self._stop_after


def film_bytes(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The small film, rendered once without a break: (screenplay, film)."""
    folder = tmp_path_factory.mktemp("whole")
    screenplay = folder / "film.yaml"
    screenplay.write_text(SMALL.lstrip("\n"))
    render_film(screenplay, folder / "film.mp4")
    return screenplay, folder / "film.mp4"


def test_the_film_is_the_plans(whole: tuple[Path, Path]) -> None:
    screenplay, film = whole
    plan = plan_film(screenplay, film)
    found = probe(film)
    assert found.frames == expected_frames(plan) == 17 + 9 - 3
    assert (found.width, found.height, found.fps) == (32, 32, Fraction(15))
    assert (found.codec, found.pix_fmt) == ("h264", "yuv420p")
    head = film.read_bytes()
    assert 0 < head.find(b"moov") < head.find(b"mdat"), "faststart puts the index first"


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
    assert film_bytes(out) == film_bytes(uninterrupted)


def test_another_run_and_another_folder_give_the_same_bytes(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    screenplay, film = whole
    copy = tmp_path / "elsewhere" / "film.yaml"
    copy.parent.mkdir()
    copy.write_bytes(screenplay.read_bytes())
    render_film(copy, tmp_path / "other.mp4")
    assert film_bytes(tmp_path / "other.mp4") == film_bytes(film)


def test_a_second_call_makes_nothing(whole: tuple[Path, Path]) -> None:
    listener = Listener()

    def no_generator(plan: Plan, emit: Any) -> Any:
        raise AssertionError("nothing is left to shoot")

    film = render(plan_film(*whole), listener, open_generator=no_generator)
    assert film.up_to_date
    assert listener.of(StepDone) == []


def test_only_the_changed_scene_is_shot(
    whole: tuple[Path, Path], tmp_path: Path, write: Write
) -> None:
    screenplay = write(SMALL)
    out = tmp_path / "film.mp4"
    render_film(screenplay, out)
    screenplay.write_text(screenplay.read_text().replace("{mara} smiles.", "{mara} laughs."))
    plan = plan_film(screenplay, out)
    assert [take.state for take in plan.takes] == ["reuse", "changed"]
    assert plan.takes[1].reason == "shot 1's text changed"
    listener = Listener()
    render(plan, listener, force=True)
    assert {event.scene for event in listener.of(StepDone)} == {"dawn"}
    assert [event.reused for event in listener.of(TakeDone)] == [True, False]


def test_a_lost_clip_is_decoded_again_without_denoising(
    whole: tuple[Path, Path], tmp_path: Path, write: Write
) -> None:
    out = tmp_path / "film.mp4"
    screenplay = write(SMALL)
    render_film(screenplay, out)
    plan = plan_film(screenplay, out)
    Vault(plan.work).drop("clips", plan.takes[0].clip_key)
    before = film_bytes(out)
    out.unlink()
    listener = Listener()
    render(plan_film(screenplay, out), listener)
    assert listener.of(StepDone) == []
    assert film_bytes(out) == before


def test_a_kill_between_film_and_sidecar_is_healed(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "film.mp4"
    fails_once(monkeypatch, film_room, "write_json", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        render_film(whole[0], out)
    assert out.exists()
    assert not sidecar_path(out).exists()
    assert render_film(whole[0], out).up_to_date
    assert sidecar_path(out).exists()
    assert film_bytes(out) == film_bytes(whole[1])


def test_another_film_is_never_overwritten(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    out.write_bytes(b"somebody's wedding")
    listener = Listener()
    with pytest.raises(InputError, match="another film") as caught:
        render_film(small, out, emit=listener)
    assert "--force" in caught.value.hint
    assert listener.events == []
    assert out.read_bytes() == b"somebody's wedding"
    assert render_film(small, out, force=True).frames > 0


def test_two_renders_at_one_work_folder(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, tmp_path / "film.mp4")
    with (
        Vault(plan.work).locked("render other.yaml"),
        pytest.raises(MachineError, match=f"process {os.getpid()}.*render other.yaml"),
    ):
        render(plan)


def test_an_unwritable_folder_is_found_before_the_work(small: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    listener = Listener()
    with pytest.raises(MachineError, match="work folder"):
        render_film(small, tmp_path / "file" / "film.mp4", emit=listener)
    assert listener.of(StepDone) == []


def test_a_broken_ffmpeg_is_found_before_the_work(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho 'cannot start' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    listener = Listener()
    with pytest.raises(MachineError):
        render_film(small, tmp_path / "film.mp4", emit=listener)
    assert listener.of(StepDone) == []


def fails_once(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException
) -> None:
    """The next call of a function raises; later ones work."""
    real: Callable[..., Any] = getattr(owner, name)
    waiting = [error]

    def once(*args: Any, **kwargs: Any) -> Any:
        if waiting:
            raise waiting.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, once)


def test_memory_running_out_in_decoding_loses_nothing(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screenplay, film = whole
    out = tmp_path / "film.mp4"
    full = torch.OutOfMemoryError("CUDA out of memory")
    fails_once(monkeypatch, codec, "to_frames", full)
    with pytest.raises(MachineError, match="memory ran out while decoding scene 'storm'"):
        render_film(screenplay, out)
    again = Listener()
    render_film(screenplay, out, emit=again)
    assert {event.scene for event in again.of(StepDone)} == {"dawn"}
    assert film_bytes(out) == film_bytes(film)


@pytest.mark.parametrize("writes_before", [0, 1, 2, 5])
def test_a_full_disk_loses_nothing(
    writes_before: int,
    whole: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screenplay, film = whole
    out = tmp_path / "film.mp4"
    real, count = os.fsync, [0]

    def fsync(handle: int) -> None:
        count[0] += 1
        if count[0] == writes_before + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(MachineError, match="disk is full") as caught:
        render_film(screenplay, out)
    assert "run the same command again" in caught.value.hint
    assert not out.exists()
    assert list(tmp_path.rglob("*.part*")) == []
    render_film(screenplay, out)
    assert film_bytes(out) == film_bytes(film)


def test_one_failing_scene_does_not_stop_the_others(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screenplay, film = whole
    out = tmp_path / "film.mp4"
    fails_once(monkeypatch, generator, "denoise", RenderError("the latents are no longer finite"))
    listener = Listener()
    with pytest.raises(RenderError, match="1 of 2 scenes failed \\('storm'\\)"):
        render_film(screenplay, out, emit=listener)
    assert [event.scene for event in listener.of(TakeFailed)] == ["storm"]
    assert [event.scene for event in listener.of(TakeDone)] == ["dawn"]
    assert not out.exists()
    render_film(screenplay, out)
    assert film_bytes(out) == film_bytes(film)


def test_debris_of_a_killed_render_is_swept(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, tmp_path / "film.mp4")
    debris = plan.work / "clips" / ".abc.123.part.mp4"
    debris.parent.mkdir(parents=True)
    debris.write_bytes(b"half a clip")
    key = plan.takes[0].clip_key
    (debris.parent / f"{key}.mp4").write_bytes(b"no sidecar: no clip")
    render(plan)
    assert not debris.exists()


def test_a_torn_clip_is_not_a_clip(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    render_film(small, out)
    plan = plan_film(small, out)
    clip = Vault(plan.work).path("clips", plan.takes[0].clip_key)
    clip.write_bytes(clip.read_bytes()[:-100])
    assert plan_film(small, out).takes[0].reason == "denoised; still to decode"


def damage(path: Path) -> None:
    """Other bytes, same length."""
    raw = bytearray(path.read_bytes())
    for i in range(len(raw) // 2, len(raw) // 2 + 40):
        raw[i] ^= 0xFF
    path.write_bytes(raw)


@pytest.mark.parametrize("kind", ["clips", "negatives", "film"])
def test_damaged_files_are_found_and_made_again(
    kind: str, whole: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "film.mp4"
    render_film(whole[0], out)
    plan = plan_film(whole[0], out)
    vault = Vault(plan.work)
    if kind == "film":
        damage(out)
    else:
        out.unlink()
        key = plan.takes[0].clip_key if kind == "clips" else plan.takes[0].negative_key
        damage(vault.path("clips" if kind == "clips" else "negatives", key))
        if kind == "negatives":
            vault.drop("clips", plan.takes[0].clip_key)
    listener = Listener()
    render_film(whole[0], out, emit=listener)
    assert film_bytes(out) == film_bytes(whole[1])
    assert len(listener.of(Warned)) == (0 if kind == "film" else 1)
    assert bool(listener.of(StepDone)) == (kind == "negatives")


def test_damaged_progress_falls_back_to_the_start(whole: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    listener = Listener(6)
    with pytest.raises(Interrupted):
        render_film(whole[0], out, emit=listener, should_stop=listener.should_stop)
    (kept,) = Vault(plan_film(whole[0], out).work).entries("progress")
    damage(kept.path)
    again = Listener()
    render_film(whole[0], out, emit=again)
    assert next(event.step for event in again.of(TakeStarted)) == 0
    assert len(again.of(Warned)) == 1
    assert film_bytes(out) == film_bytes(whole[1])


def test_a_folder_that_takes_no_film_is_found_before_the_work(small: Path, tmp_path: Path) -> None:
    for out in (tmp_path / ("x" * 251 + ".mp4"), tmp_path / ("y" * 300 + ".mp4")):
        listener = Listener()
        with pytest.raises(MachineError):
            render_film(small, out, Options(work=tmp_path / "work"), emit=listener)
        assert listener.of(StepDone) == []


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


def test_the_film_explains_itself(whole: tuple[Path, Path]) -> None:
    screenplay, film = whole
    found = inspect(film)
    assert found.screenplay == screenplay.read_text()
    assert [take["seed"] for take in found.provenance["takes"]] == [5, 5]
    assert found.provenance["model"]["files"].keys() >= {"transformer", "vae", "text_encoder"}
    assert [(c.start_frame, c.end_frame) for c in found.chapters] == [(0, 9), (9, 14), (14, 23)]
    sidecar = json.loads(sidecar_path(film).read_text())
    assert sidecar["frames"] == 23
    assert sidecar["takes"] == found.provenance["takes"]


def test_a_film_from_elsewhere_has_no_provenance(tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    from holocine_core.edit.ffmpeg import MASTER_ARGS, write_frames

    with write_frames(other, 16, 16, Fraction(15), MASTER_ARGS) as writer:
        writer.write(np.zeros((2, 16, 16, 3), np.uint8))
    with pytest.raises(InputError, match="no holocine provenance"):
        inspect(other)


def test_every_event_is_in_the_log(small: Path, tmp_path: Path) -> None:
    listener = Listener()
    out = tmp_path / "film.mp4"
    render_film(small, out, emit=listener)
    log = plan_film(small, out).work / "run.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines] == [type(e).__name__ for e in listener.events]
    assert lines[-1]["frames"] == 23


def test_storyboard_and_shots(whole: tuple[Path, Path], tmp_path: Path) -> None:
    plan = plan_film(*whole)
    board = draw_storyboard(plan, tmp_path / "board.png")
    assert board.stat().st_size > 1000
    shots = export_shots(plan, tmp_path / "shots")
    assert [probe(shot).frames for shot in shots] == [9, 8, 9]
    assert [shot.name for shot in shots] == ["storm-01.mp4", "storm-02.mp4", "dawn-01.mp4"]


def first_frames(chunks: Iterator[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return next(iter(chunks))[0]


def test_delivery_changes_rate_and_size(small: Path, tmp_path: Path) -> None:
    small.write_text(small.read_text() + "deliver: {fps: 24, size: 64x64}\n")
    out = tmp_path / "film.mp4"
    render_film(small, out)
    found = probe(out)
    assert (found.fps, found.width, found.height) == (24, 64, 64)
    assert found.frames == round(23 * 24 / 15)
    assert inspect(out).chapters[-1].end_frame == found.frames


def test_seeds_and_solvers_change_the_picture(whole: tuple[Path, Path], tmp_path: Path) -> None:
    screenplay, film = whole
    usual = first_frames(read_frames(film))
    text = screenplay.read_text()
    for i, changed in enumerate(
        (text.replace("seed: 5", "seed: 6"), text.replace("steps: 7", "steps: 7, sampler: unipc"))
    ):
        path = tmp_path / f"{i}.yaml"
        path.write_text(changed)
        render_film(path, tmp_path / f"{i}.mp4")
        assert (first_frames(read_frames(tmp_path / f"{i}.mp4")) != usual).any()


def test_guidance_one_runs_the_network_once_a_step(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    real = generator.Generator._forward

    def counted(self: Any, *args: Any) -> Any:
        calls.append(args[3].windows is None)
        return real(self, *args)

    monkeypatch.setattr(generator.Generator, "_forward", counted)
    for guidance, expected in ((2, [False, True] * 14), (1, [False] * 14)):
        calls.clear()
        small.write_text(SMALL.lstrip("\n").replace("guidance: 2", f"guidance: {guidance}"))
        render_film(small, tmp_path / f"{guidance}.mp4")
        assert calls == expected, "the negative prompt is never windowed"


def test_the_experts_switch_at_the_boundary(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, tmp_path / "film.mp4")
    used: list[tuple[str, float]] = []
    made = generator.Generator(plan)
    real = made._networks.use

    def use(part: str) -> Any:
        used.append((part, 0.0))
        return real(part)

    made._networks.use = use  # type: ignore[method-assign]
    made.denoise(plan.takes[1])
    experts = [part for part, _ in used if part.startswith("transformer")]
    sigmas = generator.flow.schedule(7, 5.0)
    boundary = plan.model.spec.boundary
    high = sum(1000 * sigma >= 1000 * boundary for sigma in sigmas)
    assert experts == ["transformer"] * high + ["transformer_2"] * (7 - high)
    assert 0 < high < 7


def test_noise_is_the_cpu_generators(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, tmp_path / "film.mp4")
    noise = generator.initial_noise(plan, plan.takes[0])
    again = torch.randn(noise.shape, generator=torch.Generator("cpu").manual_seed(5))
    assert torch.equal(noise, again)


def test_obstacles_stop_a_render_before_it_begins(small: Path, tmp_path: Path) -> None:
    plan = plan_film(
        small,
        tmp_path / "film.mp4",
    )
    from holocine_core.errors import Problem

    blocked = replace(plan, obstacles=(Problem("nano lacks a file", "here", "pull it"),))
    with pytest.raises(MachineError, match="lacks a file"):
        rendering.render(blocked)
