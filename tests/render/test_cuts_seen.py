"""A render says which of its cuts are not seen and where it jumps, wherever one may look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holocine_cli.app import main
from holocine_core.edit.ffmpeg import Frames
from holocine_core.events import CutsSeen
from holocine_core.film.planning import plan_film
from holocine_core.production import render_film
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.store.records import sidecar_path
from holocine_core.store.vault import Vault
from tests.conftest import Write
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow

TEXT = """
size: 32x32
profiles: {standard: {steps: 1, guidance: 1}}
scenes:
  - {id: one, global: A room., frames: 33, cuts: [9, 21], shots: [A lamp., A chair., A door.]}
  - {id: two, global: A street., frames: 17, shots: [A wall.]}
"""
FOUND = {"asked": [9, 21], "missing": [21], "extra": [27]}


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes that cut at 9 and at 27, whatever their latents are."""

    def decode(self: Generator, take: Any, latents: Any) -> Iterator[Frames]:
        rng = np.random.default_rng(1)
        pictures = rng.integers(0, 255, (3, 32, 32, 3)).astype(np.uint8)
        which = np.searchsorted([9, 27], np.arange(take.timeline.frames), side="right")
        if take.scene == "two":
            which[:] = 0
        for start in range(0, take.timeline.frames, 4):
            yield pictures[which[start : start + 4]]

    monkeypatch.setattr(Generator, "decode", decode)


def test_events_film_sidecar_and_log_tell_it(painted: None, write: Write, tmp_path: Path) -> None:
    listener, out = Listener(), tmp_path / "film.mp4"
    film = render_film(write(TEXT), out, emit=listener)
    assert film.cuts["one"].record() == FOUND
    assert film.cuts["two"].record() == {"asked": [], "missing": [], "extra": []}
    assert [(e.scene, e.missing, e.extra) for e in listener.of(CutsSeen)] == [
        ("one", (21,), (27,)),
        ("two", (), ()),
    ]
    assert json.loads(sidecar_path(out).read_text())["cuts_seen"]["one"] == FOUND
    log = (plan_film(write(TEXT), Request(out=out)).work / "run.jsonl").read_text().splitlines()
    assert any(json.loads(line).get("missing") == [21] for line in log)
    assert render_film(write(TEXT), out).cuts == film.cuts, "an up-to-date film tells it too"


def test_the_command_warns_with_the_shot_and_its_remedy(
    painted: None, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "film.mp4"
    assert main(["render", str(write(TEXT)), "-o", str(out), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["takes"][0]["cuts"] == FOUND
    assert "no cut is seen at frame 21, where shot one:3 should begin" in told.err
    assert "shot one:3 jumps as if cut at frame 27" in told.err
    assert f"holocine reshoot {out} --shot one:3" in told.err


def test_clips_of_before_are_looked_at_and_a_gone_one_is_not(
    painted: None, write: Write, tmp_path: Path
) -> None:
    out = tmp_path / "film.mp4"
    render_film(write(TEXT), out)
    plan = plan_film(write(TEXT), Request(out=out))
    vault = Vault(plan.work)
    for take in plan.takes:
        sidecar = vault.path("clips", take.clip_key).with_suffix(".json")
        kept = json.loads(sidecar.read_text())
        del kept["cuts"], kept["check"]
        sidecar.write_text(json.dumps(kept))
    sidecar_path(out).unlink()
    assert render_film(write(TEXT), out).cuts["one"].record() == FOUND
    assert json.loads(sidecar_path(out).read_text())["cuts_seen"]["one"] == FOUND
    vault.drop("clips", plan.takes[0].clip_key)
    sidecar_path(out).unlink()
    render_film(write(TEXT), out)
    assert list(json.loads(sidecar_path(out).read_text())["cuts_seen"]) == ["two"]
