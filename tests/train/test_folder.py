"""Folders of samples: what fits is read to the frame, what does not is told at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.errors import InputError
from holocine_core.model.folders import locate_folder
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import encode_frames
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.data.folder import FolderDataset, read_samples
from tests.train.conftest import LAYOUTS, SIDE, write_one


def read(folder: Path) -> list[str]:
    with pytest.raises(InputError) as refused:
        read_samples(folder, width=SIDE, height=SIDE, fps=15)
    return [f"{problem.message} | {problem.hint}" for problem in refused.value.problems]


def test_samples_come_in_groups_of_one_layout(samples: Path, model: Path, tmp_path: Path) -> None:
    found = read_samples(samples, width=SIDE, height=SIDE, fps=15)
    assert len(found) == len(LAYOUTS)
    clips = FolderDataset(found, tmp_path, "codec")
    assert sorted(clips.sizes) == [1, 2, 3]
    assert len(clips.missing()) == len(LAYOUTS)
    vae = load_component(locate_folder(model).component("vae"), torch.float32)
    for sample in clips.missing():
        clips.encode(sample, vae)
    assert not clips.missing()
    group = list(clips.sizes).index(3)
    batch = clips.batch(group, [2, 0], epoch=4)
    assert batch.shots == (LatentSpan(0, 2), LatentSpan(2, 3))
    assert [p.text.count("[shot cut]") for p in batch.prompts] == [1, 1]
    assert ["number 2" in batch.prompts[0].text, "number 0" in batch.prompts[1].text] == [True] * 2
    frames = next(iter(read_frames(samples / "sample-2.mp4")))
    expected = encode_frames(vae, frames)[0]
    assert torch.equal(batch.latents_BCFHW[0], expected.half().float())
    assert FolderDataset(found, tmp_path, "another codec").missing(), "another codec, other latents"


def test_all_faults_of_a_folder_are_told(tmp_path: Path) -> None:
    write_one(tmp_path, "a-short", (5, 4))
    text = (tmp_path / "a-short.yaml").read_text().replace("frames: 4", "frames: 8")
    (tmp_path / "a-short.yaml").write_text(text)
    write_one(tmp_path, "b-alone", (9,))
    (tmp_path / "b-alone.mp4").unlink()
    write_one(tmp_path, "c-grid", (6, 4))
    write_one(tmp_path, "d-rate", (9,), fps=12)
    write_one(tmp_path, "e-cuts", (5, 4))
    text = (tmp_path / "e-cuts.yaml").read_text()
    text = text.replace("frames: 5", "").replace("frames: 4", "")
    (tmp_path / "e-cuts.yaml").write_text(text)
    write_one(tmp_path, "f-moved", (7, 6))
    told = read(tmp_path)
    assert len(told) == 6
    assert "13 frames, its clip 9" in told[0]
    assert "b-alone.mp4 is not there" in told[1]
    assert "10 frames, which is not 4t+1 | cut it to 9 frames" in told[2]
    assert "12 frames per second, the model films 15" in told[3]
    assert "does not say where its clip is cut" in told[4]
    assert "cut 7 is not on the 4t+1 grid" in told[5]


def test_a_clip_of_another_size_is_refused(samples: Path) -> None:
    with pytest.raises(InputError, match="the clip is 32x32, the phase trains 64x32"):
        read_samples(samples, width=64, height=32, fps=15)


def test_a_lone_shot_needs_no_length(samples: Path, tmp_path: Path) -> None:
    shutil.copy(samples / "sample-3.mp4", tmp_path / "one.mp4")
    (tmp_path / "one.yaml").write_text("shots: [A red room.]\n")
    (found,) = read_samples(tmp_path, width=SIDE, height=SIDE, fps=15)
    assert found.shots == (LatentSpan(0, 3),)


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    assert "NAME.yaml beside NAME.mp4" in read(tmp_path)[0]
