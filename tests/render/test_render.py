"""The film is the plan's: its frames, its noise, its experts, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holocine_core.edit.ffmpeg import probe, read_frames
from holocine_core.errors import InputError
from holocine_core.film import boards
from holocine_core.film.boards import draw_storyboard
from holocine_core.film.planning import plan_film
from holocine_core.film.provenance import inspect
from holocine_core.film.shots import export_shots
from holocine_core.production import render_film
from holocine_core.request import Request
from holocine_core.sample import generator
from holocine_core.sample import noise as noise_of
from holocine_core.store.records import sidecar_path
from tests.conftest import SMALL, expected_frames
from tests.render.conftest import Listener, watch_passes


def test_the_film_is_the_plans(whole: tuple[Path, Path]) -> None:
    screenplay, film = whole
    plan = plan_film(screenplay, Request(out=film))
    found = probe(film)
    assert found.frames == expected_frames(plan) == 17 + 9 - 3
    assert (found.width, found.height, found.fps) == (32, 32, Fraction(15))
    assert (found.codec, found.pix_fmt) == ("h264", "yuv420p")
    head = film.read_bytes()
    assert 0 < head.find(b"moov") < head.find(b"mdat"), "faststart puts the index first"


def test_another_run_and_another_folder_give_the_same_bytes(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    screenplay, film = whole
    copy = tmp_path / "elsewhere" / "film.yaml"
    copy.parent.mkdir()
    copy.write_bytes(screenplay.read_bytes())
    render_film(copy, tmp_path / "other.mp4")
    assert (tmp_path / "other.mp4").read_bytes() == film.read_bytes()


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
    log = plan_film(small, Request(out=out)).work / "run.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines] == [type(e).__name__ for e in listener.events]
    assert lines[-1]["frames"] == 23


def test_storyboard_and_shots(whole: tuple[Path, Path], tmp_path: Path) -> None:
    plan = plan_film(whole[0], Request(out=whole[1]))
    board = draw_storyboard(plan, tmp_path / "board.png")
    assert board.stat().st_size > 1000
    shots = export_shots(plan, tmp_path / "shots")
    assert [probe(shot).frames for shot in shots] == [9, 8, 9]
    assert [shot.name for shot in shots] == ["storm-01.mp4", "storm-02.mp4", "dawn-01.mp4"]


def test_a_storyboard_says_what_is_not_seen_so_in_the_film(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {}

    def keep(rows: list[Any], out: Path, title: str, ready: object, kind: str) -> None:
        drawn[kind] = rows

    monkeypatch.setattr(boards, "storyboard", keep)
    plan = plan_film(whole[0], Request(out=whole[1]))
    first, last = plan.screenplay.scenes
    assert first.shots
    wide = first.shots[0].model_copy(update={"size": "wide", "angle": "low"})
    scenes = (first.model_copy(update={"shots": (wide, *first.shots[1:])}), last)
    told = replace(plan, screenplay=plan.screenplay.model_copy(update={"scenes": scenes}))
    draw_storyboard(told, tmp_path / "board.png")
    rows = drawn["Storyboard"]
    assert [row.camera for row in rows] == ["Wide shot, low angle", "", ""]
    captions = [[caption for caption, _ in row.pictures] for row in rows]
    assert captions == [
        ["frame 0", "frame 4", "frame 8"],
        ["frame 9", "frame 13", "frame 16 of the take"],
        ["frame 0 of the take", "frame 18", "frame 22"],
    ]
    draw_storyboard(replace(plan, choice=replace(plan.choice, base="draft")), tmp_path / "b.png")
    assert "Storyboard of a draft" in drawn


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_guidance_one_runs_the_network_once_a_step(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = watch_passes(monkeypatch)

    def open_to_all() -> list[bool]:
        found = []
        for one in passes:
            rows = set(range(one.text.shape[1]))
            found.append(all(set(window) == rows for window in one.layout.windows or [rows]))
        passes.clear()
        return found

    storm, dawn = [False] * 7, [True] * 7  # A lone shot reads all of its own prompt.
    for guidance, expected in ((2, [*([False, True] * 7), *([True, True] * 7)]), (1, storm + dawn)):
        small.write_text(SMALL.lstrip("\n").replace("guidance: 2", f"guidance: {guidance}"))
        render_film(small, tmp_path / f"{guidance}.mp4")
        assert open_to_all() == expected, "the negative prompt is never windowed"
    small.write_text(SMALL.lstrip("\n").replace("guidance: 2", "guidance: 2, guidance_stop: 0.4"))
    render_film(small, tmp_path / "stopped.mp4")
    assert open_to_all() == [*([False, True] * 3), *storm[3:], *([True, True] * 3), *dawn[3:]]


def test_the_experts_switch_at_the_boundary(small: Path, tmp_path: Path) -> None:
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
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
    plan = plan_film(small, Request(out=tmp_path / "film.mp4"))
    noise = noise_of.initial_noise(plan, plan.takes[0])
    again = torch.randn(noise.shape, generator=torch.Generator("cpu").manual_seed(5))
    assert torch.equal(noise, again)
