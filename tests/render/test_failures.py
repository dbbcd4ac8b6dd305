"""Films are never wrong: what is refused before the work, and what fails in the midst of it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from holocine_core.errors import InputError, MachineError, Problem, RenderError
from holocine_core.events import StepDone, TakeDone, TakeFailed
from holocine_core.film.planning import plan_film
from holocine_core.production import render_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample import generator, vae
from holocine_core.store.vault import Vault
from tests.render.conftest import Listener, fails_once

pytestmark = pytest.mark.slow


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
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
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


def test_a_folder_that_takes_no_film_is_found_before_the_work(small: Path, tmp_path: Path) -> None:
    for out in (tmp_path / ("x" * 251 + ".mp4"), tmp_path / ("y" * 300 + ".mp4")):
        listener = Listener()
        with pytest.raises(MachineError):
            render_film(small, out, Request(work=tmp_path / "work"), emit=listener)
        assert listener.of(StepDone) == []


def test_obstacles_stop_a_render_before_it_begins(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    blocked = replace(plan, obstacles=(Problem("nano lacks a file", "here", "pull it"),))
    with pytest.raises(MachineError, match="lacks a file"):
        render(blocked)


def test_memory_running_out_in_decoding_loses_nothing(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screenplay, film = whole
    out = tmp_path / "film.mp4"
    full = torch.OutOfMemoryError("CUDA out of memory")
    fails_once(monkeypatch, vae, "to_frames", full)
    with pytest.raises(MachineError, match="memory ran out while decoding scene 'storm'"):
        render_film(screenplay, out)
    again = Listener()
    render_film(screenplay, out, emit=again)
    assert {event.scene for event in again.of(StepDone)} == {"dawn"}
    assert out.read_bytes() == film.read_bytes()


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
    assert out.read_bytes() == film.read_bytes()


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
    assert out.read_bytes() == film.read_bytes()


def test_a_log_that_cannot_be_written_is_the_machines_fault(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    plan.work.mkdir(parents=True)
    (plan.work / "run.jsonl").symlink_to("/dev/full")
    with pytest.raises(MachineError, match="disk is full"):
        render(plan)
    (plan.work / "run.jsonl").unlink()
    assert render(plan).frames == 23


def test_a_clip_that_was_kept_broken_is_made_anew(
    own: tuple[Path, Path], whole: tuple[Path, Path]
) -> None:
    screenplay, out = own
    plan = plan_film(screenplay, Request(out=out))
    key = plan.takes[0].clip_key
    Vault(plan.work).keep("clips", key, lambda path: path.write_bytes(b"no film") and None, {})
    out.unlink()
    with pytest.raises(RenderError, match="damaged and is removed") as caught:
        render_film(screenplay, out)
    assert "same command again" in caught.value.hint
    listener = Listener()
    render_film(screenplay, out, emit=listener)
    assert out.read_bytes() == whole[1].read_bytes()
    assert listener.of(StepDone) == [], "its latents were kept"


def test_a_take_with_too_few_frames_is_no_clip(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    real = generator.Generator.decode

    def shorter(self: Any, take: Any, latents: Any) -> Any:
        yield from list(real(self, take, latents))[:-1]

    with monkeypatch.context() as patch:
        patch.setattr(generator.Generator, "decode", shorter)
        with pytest.raises(RenderError, match="decoded to 13 frames, not 17"):
            render(plan)
    assert not list((plan.work / "clips").glob("*.mp4"))
    assert render(plan).frames == 23


def test_several_broken_clips_take_one_more_call(
    own: tuple[Path, Path], whole: tuple[Path, Path]
) -> None:
    screenplay, out = own
    plan = plan_film(screenplay, Request(out=out))
    for take in plan.takes:
        Vault(plan.work).keep(
            "clips", take.clip_key, lambda path: path.write_bytes(b"no film") and None, {}
        )
    out.unlink()
    with pytest.raises(RenderError, match="2 clips of the work folder were damaged"):
        render_film(screenplay, out)
    render_film(screenplay, out)
    assert out.read_bytes() == whole[1].read_bytes()


def test_a_link_in_the_logs_place_is_followed_nowhere(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    plan.work.mkdir(parents=True)
    letter = tmp_path / "letter.txt"
    letter.write_text("a letter")
    (plan.work / "run.jsonl").symlink_to(letter)
    with pytest.raises(InputError, match="is a link"):
        render(plan)
    assert letter.read_text() == "a letter"
