"""Folders of samples: what fits is read to the frame, what does not is told at once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from holocine_core.edit.ffmpeg import probe, read_frames
from holocine_core.errors import InputError, MachineError
from holocine_core.model.folders import locate_folder
from holocine_core.model.locate import load_tokenizer
from holocine_core.model.weights import load_component
from holocine_core.sample.conditioning import ContextRows, batch_conditioning
from holocine_core.sample.vae import encode_frames
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.data import samples as reading
from holocine_core.train.data.folder import FolderDataset
from holocine_core.train.data.samples import Sample, read_samples, samples_identity
from holocine_core.train.data.texts import Texts
from tests.train.conftest import LAYOUTS, SIDE, write_one


def read(folder: Path) -> list[str]:
    with pytest.raises(InputError) as refused:
        read_samples(folder, size=(SIDE, SIDE), fps=15)
    return [f"{problem.message} | {problem.hint}" for problem in refused.value.problems]


def _encoded(found: tuple[Sample, ...], model: Path, home: Path) -> FolderDataset:
    clips = FolderDataset(found, home, "codec")
    vae = load_component(locate_folder(model).component("vae"), torch.float32)
    for sample in clips.missing():
        clips.encode(sample, vae)
    return clips


def test_samples_come_in_buckets_and_none_is_dropped(
    samples: Path, model: Path, tmp_path: Path
) -> None:
    found = read_samples(samples, size=(SIDE, SIDE), fps=15)
    assert len(found) == len(LAYOUTS)
    clips = FolderDataset(found, tmp_path, "codec")
    assert list(clips.sizes) == [len(LAYOUTS)], "all last nine frames, however they are cut"
    assert len(clips.missing()) == len(LAYOUTS)
    clips = _encoded(found, model, tmp_path)
    assert not clips.missing()
    batch = clips.batch(0, [2, 0], epoch=4)
    assert batch.shots == ((LatentSpan(0, 2), LatentSpan(2, 3)),)
    assert [p.text.count("[shot cut]") for p in batch.prompts] == [1, 1]
    assert ["number 2" in batch.prompts[0].text, "number 0" in batch.prompts[1].text] == [True] * 2
    frames = next(iter(read_frames(samples / "sample-2.mp4")))
    vae = load_component(locate_folder(model).component("vae"), torch.float32)
    expected = encode_frames(vae, frames)[0]
    assert torch.equal(batch.latents_BCFHW[0], expected.half().float())
    mixed = clips.batch(0, [0, 3, 5], epoch=0)
    assert [len(shots) for shots in mixed.each] == [2, 1, 3]
    assert FolderDataset(found, tmp_path, "another codec").missing(), "another codec, other latents"


def test_sizes_and_lengths_never_mix(samples: Path, tmp_path: Path) -> None:
    for name in ("sample-0", "sample-3"):
        for suffix in (".yaml", ".mp4"):
            shutil.copy(samples / f"{name}{suffix}", tmp_path / f"{name}{suffix}")
    write_one(tmp_path, "wide", (5, 4), width=64)
    write_one(tmp_path, "long", (9, 8))
    found = read_samples(tmp_path, size=None, fps=15)
    clips = FolderDataset(found, tmp_path, "codec")
    assert dict(zip(clips.latents, clips.sizes, strict=True)) == {
        (3, SIDE, SIDE): 2,
        (3, SIDE, 64): 1,
        (5, SIDE, SIDE): 1,
    }
    with pytest.raises(InputError, match="the clip is 64x32, the phase trains 32x32"):
        read_samples(tmp_path, size=(SIDE, SIDE), fps=15)


def test_a_start_reads_no_sample_again(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, index = tmp_path / "samples", tmp_path / "index"
    shutil.copytree(samples, folder)
    first = read_samples(folder, size=None, fps=15, index=index)
    looked: list[Path] = []
    monkeypatch.setattr(reading, "probe", lambda clip: looked.append(clip) or probe(clip))
    assert read_samples(folder, size=None, fps=15, index=index) == first
    assert looked == []
    text = (folder / "sample-1.yaml").read_text(encoding="utf-8").replace("red", "green")
    (folder / "sample-1.yaml").write_text(text, encoding="utf-8")
    (folder / "sample-2.mp4").unlink()
    with pytest.raises(InputError, match="the clip sample-2"):
        read_samples(folder, size=None, fps=15, index=index)
    (folder / "sample-2.yaml").unlink()
    again = read_samples(folder, size=None, fps=15, index=index)
    assert [path.stem for path in looked] == ["sample-1"]
    assert samples_identity(again) != samples_identity(first)
    assert len(again) == len(first) - 1
    # What can't be read of it is read from the files.
    (kept,) = index.glob("*.jsonl")
    kept.write_text("no index\n" + kept.read_text(encoding="utf-8")[5:], encoding="utf-8")
    assert read_samples(folder, size=None, fps=15, index=index) == again


def test_damaged_latents_are_told_and_made_anew(samples: Path, model: Path, tmp_path: Path) -> None:
    found = read_samples(samples, size=None, fps=15)
    clips = _encoded(found, model, tmp_path)
    sound = clips.batch(0, [0], epoch=0).latents_BCFHW
    path = clips._path(found[0])
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(MachineError, match="damaged") as told:
        clips.batch(0, [0], epoch=0)
    assert told.value.where.endswith(".damaged")
    assert clips.missing() == [found[0]]
    clips = _encoded(found, model, tmp_path)
    assert torch.equal(clips.batch(0, [0], epoch=0).latents_BCFHW, sound)


@pytest.mark.parametrize("padding", [True, False])
def test_kept_texts_are_what_the_encoder_says(
    samples: Path, model: Path, tmp_path: Path, *, padding: bool
) -> None:
    located = locate_folder(model)
    located = replace(located, spec=replace(located.spec, text_padding=padding))
    tokenizer = load_tokenizer(located)
    encoder = load_component(located.component("text_encoder"), torch.float32)
    texts = Texts(tmp_path, located, tokenizer, bf16=False)
    found = read_samples(samples, size=None, fps=15)[2:6]
    prompts = [sample.prompt() for sample in found]
    for one in (None, *prompts):
        texts.keep(one, encoder)
    shots = [len(sample.shots) for sample in found]
    kept = [texts.read(texts.key(sample.text)) for sample in found]
    mine = texts.conditioning(kept, (False, True, False, False), shots, torch.device("cpu"))
    told = [None if i == 1 else one for i, one in enumerate(prompts)]
    reads = ContextRows(located.spec.text_tokens, padding=padding)
    expected = batch_conditioning(told, shots, tokenizer, encoder, reads)
    assert mine.windows == expected.windows
    assert torch.allclose(mine.text_BLD, expected.text_BLD, atol=1e-5)


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
        read_samples(samples, size=(64, 32), fps=15)


def test_a_lone_shot_needs_no_length(samples: Path, tmp_path: Path) -> None:
    shutil.copy(samples / "sample-3.mp4", tmp_path / "one.mp4")
    (tmp_path / "one.yaml").write_text("shots: [A red room.]\n")
    (found,) = read_samples(tmp_path, size=(SIDE, SIDE), fps=15)
    assert found.shots == (LatentSpan(0, 3),)


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    assert "NAME.yaml beside NAME.mp4" in read(tmp_path)[0]


def test_a_damaged_line_of_the_index_is_not_believed(samples: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    first = read_samples(samples, size=None, fps=15, index=index)
    (kept,) = index.glob("*.jsonl")
    whole = kept.read_text(encoding="utf-8")
    kept.write_text(whole.replace(first[0].sha256, 64 * "0"), encoding="utf-8")
    assert whole != kept.read_text(encoding="utf-8")
    assert read_samples(samples, size=None, fps=15, index=index) == first
    assert kept.read_text(encoding="utf-8") == whole
