"""``plan --check`` ends as ``render`` would before its first step, whatever is in the way."""

from __future__ import annotations

import contextlib
import json
import shutil
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from holocine_core.errors import MachineError
from holocine_core.store.leases import Lease
from tests.cli.conftest import Holocine, write_scene


@dataclass(frozen=True, slots=True)
class Setting:
    """What a case may set up."""

    tiny: Path
    patch: pytest.MonkeyPatch
    stack: contextlib.ExitStack

    def copy(self) -> Path:
        """The tiny model's folder, to be changed."""
        return Path(shutil.copytree(self.tiny, "model"))


Words = list[object]


class Case(NamedTuple):
    """A state of the world, and how ``plan`` and ``render`` end in it."""

    set_up: Callable[[Setting], Words]
    render: int
    plan: int
    said: str = ""


def nothing_wrong(at: Setting) -> Words:
    return [write_scene("room.yaml")]


def takes_elsewhere(at: Setting) -> Words:
    return [*nothing_wrong(at), "--work", "there/takes"]


def unknown_key(at: Setting) -> Words:
    return [write_scene("room.yaml", zorple=1)]


def no_file(at: Setting) -> Words:
    return ["none.yaml"]


def other_film_there(at: Setting) -> Words:
    Path("room.mp4").write_text("mine")
    return nothing_wrong(at)


def film_is_a_folder(at: Setting) -> Words:
    Path("room.mp4").mkdir()
    return nothing_wrong(at)


def no_folder_can_be_made(at: Setting) -> Words:
    Path("films").write_text("a file")
    return [*nothing_wrong(at), "-o", "films/room.mp4"]


def codec_without_such_a_name(at: Setting) -> Words:
    return [write_scene("room.yaml", video={"codec": "prores"})]


def card_that_does_not_fit(at: Setting) -> Words:
    return [write_scene("room.yaml", cards={"opening": "wide " * 2000})]


def sound_that_ends_before_its_offset(at: Setting) -> Words:
    with wave.open("hum.wav", "wb") as hum:
        hum.setparams((1, 2, 8000, 0, "NONE", ""))
        hum.writeframes(bytes(16000))
    return [write_scene("room.yaml", sound={"file": "hum.wav", "offset": 30})]


def missing_weights(at: Setting) -> Words:
    return [write_scene("room.yaml", model="holocine-14b-full"), "--device", "cuda:96gb"]


def missing_weights_on_a_cpu(at: Setting) -> Words:
    return [write_scene("room.yaml", model="holocine-14b-full")]


def damaged_weights(at: Setting) -> Words:
    next((at.copy() / "vae").glob("*.safetensors")).write_bytes(b"short")
    return [write_scene("room.yaml", model="model")]


def lora_without_numbers(at: Setting) -> Words:
    weights = load_file(next((at.tiny / "transformer").glob("*.safetensors")))
    name = next(each for each in weights if each.endswith("blocks.0.attn1.to_q.weight"))
    rows, columns = weights[name].shape
    down, up = np.full((2, columns), np.nan, np.float32), np.ones((rows, 2), np.float32)
    key = name.removesuffix(".weight")
    save_file({f"{key}.lora_A.weight": down, f"{key}.lora_B.weight": up}, "a.safetensors")
    return [*nothing_wrong(at), "--lora", "a.safetensors:1:both"]


def no_gpu(at: Setting) -> Words:
    at.patch.setattr("holocine_core.model.devices.visible_gpus", tuple)
    return [*nothing_wrong(at), "--device", "cuda"]


def no_gpu_that_torch_sees(at: Setting) -> Words:
    at.patch.setattr("holocine_core.model.devices.visible_gpus", lambda: None)
    at.patch.setattr("torch.cuda.is_available", lambda: False)
    return [*nothing_wrong(at), "--device", "cuda"]


def two_gpus(at: Setting) -> Words:
    return [*nothing_wrong(at), "--gpus", "2"]


def a_gpu_to_plan_for(at: Setting) -> Words:
    return [*nothing_wrong(at), "--device", "cuda:24gb"]


def no_ffmpeg(at: Setting) -> Words:
    def none() -> str:
        raise MachineError("no ffmpeg was found", hint="reinstall imageio-ffmpeg")

    at.patch.setattr("holocine_core.edit.process.ffmpeg_exe", none)
    return nothing_wrong(at)


def ffmpeg_without_the_encoder(at: Setting) -> Words:
    args = ("-c:v", "libnone")
    at.patch.setattr("holocine_core.film.finish.MASTER_ARGS", args)
    return nothing_wrong(at)


def full_disk(at: Setting) -> Words:
    usage = shutil.disk_usage(".")._replace(free=100)
    at.patch.setattr("shutil.disk_usage", lambda path: usage)
    return nothing_wrong(at)


def held_by_another(at: Setting) -> Words:
    work = Path(".holocine/room")
    work.mkdir(parents=True)
    lease = Lease(work, "render room.yaml")
    lease.claim()
    at.stack.callback(lease.release)
    return nothing_wrong(at)


CASES = {
    "nothing wrong": Case(nothing_wrong, 0, 0),
    "takes elsewhere": Case(takes_elsewhere, 0, 0),
    "an unknown key": Case(unknown_key, 2, 2, "unknown key `zorple`"),
    "no file": Case(no_file, 2, 2, "no screenplay at none.yaml"),
    "another film there": Case(other_film_there, 2, 0, "exists and is another film"),
    "a folder there": Case(film_is_a_folder, 2, 0, "is a folder"),
    "no folder": Case(no_folder_can_be_made, 3, 0, "films"),
    "a codec's name": Case(codec_without_such_a_name, 2, 0, "prores"),
    "a card too long": Case(card_that_does_not_fit, 2, 0, "card"),
    "a sound too short": Case(sound_that_ends_before_its_offset, 2, 0, "`offset` is 30"),
    "weights, GPU not here": Case(missing_weights, 2, 0, "cuda:96gb"),
    "missing weights": Case(missing_weights_on_a_cpu, 3, 0, "holocine-14b-full"),
    "damaged weights": Case(damaged_weights, 3, 3, "safetensors"),
    "a LoRA of NaN": Case(lora_without_numbers, 2, 0, "a.safetensors"),
    "no GPU": Case(no_gpu, 3, 3, "cuda"),
    "no GPU for torch": Case(no_gpu_that_torch_sees, 3, 0, "sees no GPU"),
    "no two GPUs": Case(two_gpus, 3, 0, "GPU"),
    "a GPU to plan for": Case(a_gpu_to_plan_for, 2, 0, "cuda:24gb"),
    "no ffmpeg": Case(no_ffmpeg, 3, 0, "no ffmpeg was found"),
    "no encoder": Case(ffmpeg_without_the_encoder, 3, 0, "libnone"),
    "a full disk": Case(full_disk, 3, 0, "takes need"),
    "made by another": Case(held_by_another, 3, 0, "another render is using this work folder"),
}


def told(stderr: str) -> str:
    """All that is said from the first error on."""
    found = stderr.find("error: ")
    return stderr[found:] if found >= 0 else ""


@pytest.mark.parametrize("name", CASES)
def test_a_checked_plan_ends_as_the_render(
    holocine: Holocine, tiny: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    with contextlib.ExitStack() as stack:
        words = case.set_up(Setting(tiny, monkeypatch, stack))
        before = sorted(Path().rglob("*"))
        plan, checked = holocine("plan", *words), holocine("plan", *words, "--check")
        assert sorted(Path().rglob("*")) == before, "a check leaves nothing behind"
        rendered = holocine("render", *words)
    assert (checked.exit_code, told(checked.stderr)) == (case.render, told(rendered.stderr))
    assert rendered.exit_code == case.render
    assert plan.exit_code == case.plan
    assert case.said in told(checked.stderr)


def test_a_finished_film_needs_nothing(
    holocine: Holocine, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(".")._replace(free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    assert holocine("plan", "room.yaml", "--check").exit_code == 0
    assert holocine("plan", "room.yaml", "--seed", "7", "--check").exit_code == 3
    film.write_bytes(film.read_bytes()[:-9])
    assert holocine("plan", "room.yaml", "--check").exit_code == 0, "it is cut anew from its takes"
    shutil.rmtree(".holocine")
    answers = [holocine(*words, "room.yaml") for words in (["plan", "--check"], ["render"])]
    assert [answer.exit_code for answer in answers] == [3, 3]


def test_of_several_films_each_is_looked_at(holocine: Holocine) -> None:
    good, bad = write_scene("good.yaml"), write_scene("bad.yaml", zorple=1)
    Path("way.mp4").write_text("mine")
    way = write_scene("way.yaml")
    checked = holocine("plan", good, way, bad, "--check", "--json")
    assert (checked.exit_code, checked.json["error"]["message"][:6]) == (4, "2 of 3")
    assert [film["exit_code"] for film in checked.json["films"]] == [0, 2, 2]
    rendered = holocine("render", good, way, bad, "--json")
    assert rendered.json["error"] == checked.json["error"]
    assert holocine("plan", way, bad, "--check").exit_code == 2


def test_a_check_is_no_forecast(holocine: Holocine, scene: Path) -> None:
    assert holocine("plan", scene, "--check", "--fleet", "8").exit_code == 2
    assert holocine("render", scene, "--dry-run", "--device", "cuda:24gb").exit_code == 0
    assert json.loads(holocine("plan", scene, "--check", "--json").stdout)["to_shoot"] == 1
