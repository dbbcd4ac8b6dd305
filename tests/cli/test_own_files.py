"""Model files under names of their own: filmed with, listed, named, and used again by edits."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from holocine_cli.worker import options_of
from holocine_core.api import Extras, Request
from tests.cli.conftest import Holocine
from tests.model.checkpoints import scatter


@pytest.fixture(scope="module")
def scattered(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as ComfyUI keeps files. Read only: copy it to change it."""
    return scatter(tiny, tmp_path_factory.mktemp("comfy") / "models")


@pytest.fixture
def own(scattered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scattered, tmp_path / "own"))


def made_with(holocine: Holocine, film: str) -> dict[str, Any]:
    return dict(holocine("inspect", film, "--json").json["provenance"])


def test_an_edit_takes_the_files_that_the_film_was_made_with(
    holocine: Holocine, scene: Path, own: Path
) -> None:
    other = Path("unnamed.safetensors")
    for ending in (".safetensors", ".json"):
        shutil.copy(own / f"diffusion_models/holocine_sparse_high{ending}", f"unnamed{ending}")
    made = holocine("render", scene, "--model", own, "--expert-low", other)
    assert made.exit_code == 0, made.stderr
    before = made_with(holocine, "room.mp4")
    assert before["options"]["expert-low"] == str(other)
    assert before["model"]["resolved"] == {
        "transformer": "diffusion_models/holocine_sparse_high.safetensors",
        "text_encoder": "text_encoders/umt5_xxl_fp16.safetensors",
        "tokenizer": "text_encoders/tokenizer.json",
        "vae": "vae/wan_2.1_vae.safetensors",
    }
    assert before["model"]["files"]["transformer"] == before["model"]["files"]["transformer_2"]
    again = holocine("plan", scene, "--model", own, "--expert-low", other, "--json").json
    assert (again["to_shoot"], again["target"]["state"]) == (0, "up-to-date")
    two_vaes(own)
    refused = holocine("plan", scene, "--model", own)
    assert refused.exit_code == 2
    assert "the VAE could be another_vae.safetensors or wan_2.1_vae.safetensors" in refused.stderr
    assert '{"files": {"vae": "..."}}' in refused.stderr
    edited = holocine("reshoot", "room.mp4", "--shot", "2", "--seed", "5")
    assert edited.exit_code == 0, edited.stderr
    after = made_with(holocine, "room.mp4")
    assert (after["model"], after["options"]) == (before["model"], before["options"])


@pytest.mark.usefixtures("in_made")
def test_a_film_of_a_pipeline_says_what_it_always_said(holocine: Holocine) -> None:
    told = made_with(holocine, "room.mp4")
    assert sorted(told["model"]) == ["files", "licence", "name", "revisions"]
    assert not [name for name in told["options"] if name.startswith("expert")]


def two_vaes(own: Path) -> None:
    """A second VAE beside the first."""
    for ending in (".safetensors", ".json"):
        shutil.copy(own / f"vae/wan_2.1_vae{ending}", own / f"vae/another_vae{ending}")


def test_experts_alone_say_which_of_holocines_models(
    holocine: Holocine, scene: Path, own: Path
) -> None:
    high = own / "diffusion_models/holocine_sparse_high.safetensors"
    plan = holocine("plan", scene, "--expert-high", high, "--json").json
    assert plan["model"]["name"] == "holocine-14b-sparse"
    assert [Path(path).name for path in plan["model"]["missing"]][-1] == (
        "sparse_low_noise.safetensors"
    )
    shutil.copy(high, "high.safetensors")
    answer = holocine("plan", scene, "--expert-high", "high.safetensors")
    assert answer.exit_code == 2
    assert "say neither full nor sparse" in answer.stderr
    assert "--model holocine-14b-full, holocine-14b-sparse" in answer.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--model", "nano", "--expert-high", "{high}"], "nano ships whole"),
        (["--model", "{tiny}", "--expert-high", "{low}"], "names itself low and is given as"),
        (["--model", "{tiny}", "--expert-low", "none.gguf"], "there is no file none.gguf"),
        (["--model", "{tiny}", "--expert-low", "{vae}"], "is a VAE .* can not be the low-noise"),
        (["--model", "holocine-14b-full", "--expert-low", "{low}"], "is named sparse"),
    ],
)
def test_a_file_that_is_named_wrongly_is_refused(
    words: list[str], says: str, holocine: Holocine, scene: Path, own: Path, tiny: Path
) -> None:
    places = {
        "high": own / "diffusion_models/holocine_sparse_high.safetensors",
        "low": own / "diffusion_models/holocine_sparse_low.safetensors",
        "vae": own / "vae/wan_2.1_vae.safetensors",
        "tiny": tiny,
    }
    given = [word.format(**places) for word in words]
    assert holocine("check", scene, *given).exit_code == 2
    answer = holocine("plan", scene, *given)
    assert answer.exit_code == 2
    assert re.search(says, answer.stderr), answer.stderr
    assert "hint:" in answer.stderr


def test_a_command_that_is_told_to_be_called_again_names_the_experts() -> None:
    request = Request(model="mine", expert_high=Path("h.gguf"), expert_low=Path("l.gguf"))
    words = options_of(request, Extras(), force=False)
    assert words == ["--model", "mine", "--expert-high", "h.gguf", "--expert-low", "l.gguf"]


def test_a_folder_that_was_given_a_name_films_by_it(
    holocine: Holocine, scene: Path, own: Path
) -> None:
    added = holocine("models", "add", "mine", own, "--json")
    assert added.exit_code == 0, added.stderr
    assert [(one["name"], one["folder"]) for one in added.json["models"]] == [("mine", str(own))]
    assert "mine" in [one["name"] for one in holocine("models", "list", "--json").json["models"]]
    assert f"here, in {own}" in holocine("models", "list").stdout
    by_name, by_folder = (
        holocine("plan", scene, "--model", word, "--json").json for word in ("mine", own)
    )
    assert (by_name["model"], by_name["takes"]) == (by_folder["model"], by_folder["takes"])
    assert by_name["model"]["files"]["vae"] == str(own / "vae" / "wan_2.1_vae.safetensors")
    page = holocine("plan", scene, "--model", "mine").stdout
    assert "the low-noise expert: holocine_sparse_low.safetensors" in page
    assert "did you mean mine?" in holocine("plan", scene, "--model", "min").stderr
    assert holocine("models", "forget", "mine").exit_code == 0
    assert "there is no model 'mine'" in holocine("plan", scene, "--model", "mine").stderr
    assert own.is_dir()


def test_names_that_can_not_be_given(holocine: Holocine, own: Path, tiny: Path) -> None:
    for name, folder, says in (
        ("nano", own, "nano is a model of holocine's own"),
        ("a/b", own, "no name for a model"),
        ("empty", own / "vae", "holds no model"),
    ):
        answer = holocine("models", "add", name, folder)
        assert (answer.exit_code, says in answer.stderr) == (2, True), answer.stderr
    assert holocine("models", "add", "mine", own).exit_code == 0
    assert holocine("models", "add", "mine", own).exit_code == 0, "the same again changes nothing"
    taken = holocine("models", "add", "mine", tiny)
    assert taken.exit_code == 2
    assert "--force" in taken.stderr
    assert holocine("models", "add", "mine", tiny, "--force").exit_code == 0
    assert holocine("models", "forget", "other").exit_code == 2


def test_a_named_folder_that_is_gone_or_a_damaged_list_is_told(
    holocine: Holocine, scene: Path, own: Path, tmp_path: Path
) -> None:
    assert holocine("models", "add", "mine", own).exit_code == 0
    own.rename(tmp_path / "elsewhere")
    answer = holocine("plan", scene, "--model", "mine")
    assert answer.exit_code == 2
    assert "models add mine FOLDER --force" in answer.stderr
    listed = holocine("models", "list")
    assert listed.exit_code == 0
    assert "the folder of mine is gone" in listed.stdout
    (names,) = (tmp_path / "cache").rglob("holocine.models.json")
    names.write_text("{")
    damaged = holocine("models", "list")
    assert damaged.exit_code == 2
    assert str(names) in damaged.stderr


def test_what_lies_in_a_folder_is_listed(holocine: Holocine, own: Path, tmp_path: Path) -> None:
    (own / "README.md").write_text("# Of another program\n")
    (own / "loras").mkdir()
    (own / "loras" / "broken_lora.safetensors").write_bytes(b"<html>")
    answer = holocine("models", "info", own, "--json")
    assert answer.exit_code == 0, answer.stderr
    files = {Path(one["path"]).name: one for one in answer.json["models"][0]["files"]}
    assert files["holocine_sparse_low.safetensors"]["parts"] == ["transformer_2"]
    assert files["tokenizer.json"]["parts"] == ["tokenizer"]
    assert "web page" in files["broken_lora.safetensors"]["why_not"]
    page = holocine("models", "info", own).stdout
    assert "the low-noise expert" in page
    assert "another program" not in page
    assert page.index("Its files") < page.index("Left aside") < page.index("broken_lora")


def test_what_lies_in_a_folder_is_listed_where_it_is_refused(holocine: Holocine, own: Path) -> None:
    two_vaes(own)
    answer = holocine("models", "info", own, "--json")
    assert answer.exit_code == 2
    files = {Path(one["path"]).name: one for one in answer.json["files"]}
    assert files["another_vae.safetensors"]["why_not"] == "more than one could be meant"
    page = holocine("models", "info", own)
    assert "another_vae.safetensors" in page.stdout
    assert "the VAE could be" in page.stderr
    card = own / "holocine.json"
    told = json.loads(card.read_text())
    card.write_text(json.dumps({**told, "files": {"vae": "vae/another_vae.safetensors"}}))
    assert holocine("models", "info", own).exit_code == 0
