"""A model with a file that is no use, and a LoRA that is none: the plan shows it and ends as the
render does, in code 2 or 3, with file and tensor, before any network is opened."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import MachineError
from holocine_core.film.planning import plan_film
from holocine_core.model import networks
from holocine_core.render import render
from holocine_core.request import Request
from tests.cli.conftest import Holocine
from tests.conftest import Write

FILM = """
model: {model}
profiles:
  standard: {{size: 32x32, steps: 8, guidance: 1}}
frames: 9
global: A cliff at night.
shots: [Wide shot of the cliff.]
"""
LOW = "transformer_2/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "model"))


@pytest.fixture
def film(model: Path, write: Write) -> Path:
    return write(FILM.format(model=model))


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is opened."""

    def opened(*given: object, **also: object) -> None:
        raise AssertionError("a network was opened")

    monkeypatch.setattr(networks, "load_component", opened)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def renamed(path: Path) -> None:
    """A tensor under a name of its own."""
    state = load_file(path)
    name = sorted(state)[0]
    state["other.weight"] = state.pop(name)
    save_file(state, path)


def in_whole_numbers(path: Path) -> None:
    save_file({name: one.to(torch.int8) for name, one in load_file(path).items()}, path)


def of_another_part(path: Path) -> None:
    shutil.copy(path.parents[1] / (VAE if path.parent.name == "text_encoder" else TEXT), path)


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("file", [LOW, VAE, TEXT])
@pytest.mark.parametrize("alter", [cut, renamed, in_whole_numbers, of_another_part])
def test_plan_and_render_refuse_a_file_by_name(
    file: str, alter: Callable[[Path], None], film: Path, model: Path, holocine: Holocine
) -> None:
    alter(model / file)
    started = time.perf_counter()
    planned = holocine("plan", film, "--json")
    assert time.perf_counter() - started < 5
    assert planned.exit_code == 3
    error = planned.json["error"]
    assert error["kind"] == "machine"
    assert error["where"] == str(model / file)
    assert error["hint"]
    assert [one["where"] for one in planned.json["obstacles"]] == [str(model / file)]
    rendered = holocine("render", film, "--json")
    assert rendered.exit_code == 3
    told = rendered.json["error"]
    assert (told["message"], told["where"]) == (error["message"], error["where"])


def with_a_picture(path: Path) -> None:
    """Of an image-to-video network: noise, a mask and a picture go in."""
    state = load_file(path)
    first = state["patch_embedding.weight"]
    state["patch_embedding.weight"] = torch.cat([first, first, first[:, :4]], 1).contiguous()
    save_file(state, path)


def of_control_videos(path: Path) -> None:
    state = load_file(path)
    save_file({**state, "vace_blocks.0.proj_in.weight": torch.ones(2)}, path)


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (with_a_picture, "it is an image-to-video transformer (I2V): it takes 36 channels"),
        (of_control_videos, "it is a VACE transformer: it films after a control video"),
        (of_another_part, "it is a UMT5 text encoder, and in the transformer_2's place"),
    ],
)
def test_another_network_is_called_by_its_name(
    alter: Callable[[Path], None], says: str, film: Path, model: Path, holocine: Holocine
) -> None:
    alter(model / LOW)
    error = holocine("plan", film, "--json").json["error"]
    assert error["where"] == str(model / LOW)
    assert says in error["hint"]


@pytest.mark.usefixtures("closed")
def test_every_file_is_told_at_once(film: Path, model: Path, holocine: Holocine) -> None:
    for file in (LOW, VAE, TEXT):
        cut(model / file)
    answer = holocine("plan", film)
    assert answer.exit_code == 3
    assert answer.stdout.count("is damaged") == 3
    assert "but: " in answer.stdout


@pytest.mark.usefixtures("closed")
def test_a_file_that_is_damaged_after_the_plan_is_found(film: Path, model: Path) -> None:
    plan = plan_film(film, Request(device="cpu"))
    assert not plan.obstacles
    cut(model / LOW)
    with pytest.raises(MachineError, match="is damaged") as raised:
        render(plan)
    assert raised.value.where == str(model / LOW)


def test_what_lacks_is_no_error_of_a_plan(film: Path, model: Path, holocine: Holocine) -> None:
    (model / LOW).unlink()
    answer = holocine("plan", film)
    assert answer.exit_code == 0
    assert "lacks its transformer_2" in answer.stdout
    assert holocine("check", film).exit_code == 0


def test_a_screenplay_is_none_the_worse(film: Path, model: Path, holocine: Holocine) -> None:
    cut(model / LOW)
    assert holocine("check", film).exit_code == 0


def test_a_finished_film_needs_no_files(film: Path, model: Path, holocine: Holocine) -> None:
    assert holocine("render", film).exit_code == 0
    cut(model / LOW)
    assert holocine("plan", film).exit_code == 0
    assert holocine("render", film).exit_code == 0


def look(path: Path, **tensors: torch.Tensor) -> Path:
    home = "transformer.blocks.0.attn1.to_q"
    matrices = {
        f"{home}.lora_A.weight": torch.ones(2, 48),
        f"{home}.lora_B.weight": torch.ones(48, 2),
    }
    save_file(matrices | {name.replace("__", "."): one for name, one in tensors.items()}, path)
    return path


def short(path: Path) -> None:
    cut(look(path))


def of_another_network(path: Path) -> None:
    look(path, transformer__blocks__0__attn1__to_q__lora_A__weight=torch.ones(2, 64))


def nowhere(path: Path) -> None:
    look(path, transformer__blocks__9__attn1__to_q__lora_A__weight=torch.ones(2, 48))


def without_its_half(path: Path) -> None:
    look(path, transformer__blocks__1__attn1__to_q__lora_A__weight=torch.ones(2, 48))


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("spoil", [short, of_another_network, nowhere, without_its_half])
@pytest.mark.parametrize("where", ["call", "screenplay"])
def test_a_lora_of_the_low_noise_expert_is_judged_in_the_plan(
    where: str, spoil: Callable[[Path], None], film: Path, holocine: Holocine
) -> None:
    lora = film.parent / "look.safetensors"
    spoil(lora)
    asked = ["--lora", f"{lora}:low"] if where == "call" else []
    if where == "screenplay":
        text = film.read_text()
        film.write_text(f"lora: [{{file: {lora.name}, expert: low}}]\n{text}")
    for command in ("plan", "render"):
        answer = holocine(command, film, *asked, "--json")
        assert answer.exit_code == 2
        assert str(lora) in json.dumps(answer.json["error"])
    assert answer.json["error"]["hint"]


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(("value", "says"), [(torch.nan, "not finite"), (0.0, "are zero")])
def test_a_loras_numbers_are_read_before_the_first_step(
    value: float, says: str, film: Path, holocine: Holocine
) -> None:
    name = "transformer.blocks.0.attn1.to_q.lora_B.weight"
    lora = film.parent / "look.safetensors"
    state = load_file(look(lora))
    save_file({**state, name: torch.full((48, 2), value)}, lora)
    answer = holocine("render", film, "--lora", f"{lora}:low", "--json")
    assert answer.exit_code == 2
    assert says in answer.json["error"]["message"]
    assert answer.json["error"]["where"] == str(lora)
