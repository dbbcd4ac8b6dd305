"""holocine stage: samples that the rest of the program reads as its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from holocine_core.edit.ffmpeg import probe
from holocine_core.lab.learned import world_of
from holocine_core.lab.stage.caption import Telling, tell
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.world import Scene
from holocine_core.model.locate import find_model
from tests.cli.conftest import Holocine

SMALL = ("--size", "80x48", "--seed", "3")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stage") / "samples"


def test_samples_are_screenplays_beside_their_clips(holocine: Holocine, samples: Path) -> None:
    sheet = samples.parent / "sheet.png"
    answer = holocine("stage", str(samples), "-n", "2", *SMALL, "--sheet", str(sheet), "--json")
    assert answer.exit_code == 0
    paths = [Path(path) for path in answer.json["samples"]]
    assert [path.name for path in paths] == ["stage-0000000003.yaml", "stage-0000000004.yaml"]
    for seed, path in zip((3, 4), paths, strict=True):
        clip = probe(path.with_suffix(".mp4"))
        assert (clip.width, clip.height) == (80, 48)
        assert clip.frames == sample_scene(seed).frames
        assert holocine("check", str(path)).exit_code == 0
    shots = max(len(sample_scene(seed).shots) for seed in (3, 4))
    with Image.open(sheet) as page:
        assert page.width == shots * 84 + 4
        assert page.height == 2 * 52 + 4


def test_one_person_in_all_samples_and_nothing_said_of_the_look(
    holocine: Holocine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def remember(scene: Scene, *args: Any, **options: Any) -> Telling:
        told.append((scene, telling := tell(scene, *args, **options)))
        return telling

    monkeypatch.setattr("holocine_core.lab.stage.caption.tell", remember)
    words = ("--person", "3", "--model", "nano", "-n", "6")
    assert holocine("stage", tmp_path / "x", *words, *SMALL).exit_code == 0
    assert len(told) == 6
    assert len({scene.cast for scene, _ in told}) == 1
    known = world_of(find_model("nano"))
    assert {scene.place.set for scene, _ in told} <= set(known.sets)
    assert not any(fields for _, telling in told for fields in telling.said.cast)
    assert holocine("stage", tmp_path / "y", "--person", "4", "-n", "1", *SMALL).exit_code == 0
    assert told[-1][0].cast != told[0][0].cast


def test_nothing_is_overwritten_unasked(holocine: Holocine, samples: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in samples.iterdir()}
    answer = holocine("stage", str(samples), "-n", "1", *SMALL)
    assert answer.exit_code == 2
    assert "stage-0000000003.yaml" in answer.stderr
    assert before == {path: path.stat().st_mtime_ns for path in samples.iterdir()}
    assert holocine("stage", str(samples), "-n", "1", *SMALL, "--force").exit_code == 0


@pytest.mark.parametrize("size", ["80", "81x48", "16x16", "axb"])
def test_a_size_that_cannot_be_trained_on_is_refused(
    holocine: Holocine, tmp_path: Path, size: str
) -> None:
    answer = holocine("stage", str(tmp_path / "x"), "--size", size)
    assert answer.exit_code == 2
    assert not (tmp_path / "x").exists()
