from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import holocine_core.model
from holocine_core.model.spec import MODELS
from holocine_core.model.vocabulary import Vocabulary, write_vocabulary
from tests.cli.conftest import Holocine, write_scene

TAUGHT = Vocabulary(
    taught={"colours": ("red", "bright red"), "rooms": ("room",)},
    words=frozenset({"red", "bright", "room", "lamp", "lit"}),
    nearest={"quiet": "room"},
)


@pytest.fixture
def taught_model(holocine: Holocine, tmp_path: Path) -> Path:
    nano = Path(str(holocine_core.model.__file__)).parent / "nano"
    folder = tmp_path / "taught"
    shutil.copytree(nano, folder)
    write_vocabulary(folder / "tokenizer", TAUGHT)
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_explained(holocine: Holocine, name: str) -> None:
    spec = MODELS[name]
    page = holocine("models", "info", name).stdout
    record = holocine("models", "info", name, "--json").json["models"][0]
    for profile, quality in spec.profiles.items():
        assert f"{quality.width}x{quality.height}, {quality.steps} steps" in page
        assert record["profiles"][profile]["steps"] == quality.steps
    assert spec.summary in page
    assert spec.licence in page
    assert record["licence"] == spec.licence
    assert record["weight_bytes"] == dict(spec.weight_bytes)


def test_what_it_was_taught_and_its_card_are_shown(holocine: Holocine, taught_model: Path) -> None:
    (taught_model / "README.md").write_text("# Made of paper\n", encoding="utf-8")
    page = holocine("models", "info", taught_model).stdout
    assert "red, bright red" in page
    assert "# Made of paper" in page
    record = holocine("models", "info", taught_model, "--json").json["models"][0]
    assert record["taught"] == {"colours": ["red", "bright red"], "rooms": ["room"]}
    assert record["page"] == "# Made of paper\n"


def test_an_unknown_model_is_refused(holocine: Holocine) -> None:
    answer = holocine("models", "info", "nanoo")
    assert answer.exit_code == 2
    assert "did you mean nano?" in answer.stderr


def test_check_and_plan_warn_of_words_it_was_not_taught(
    holocine: Holocine, taught_model: Path
) -> None:
    write_scene("room.yaml")
    answer = holocine("check", "room.yaml", "--model", taught_model, "--json")
    assert answer.exit_code == 0
    warned = [w for w in answer.json["files"][0]["warnings"] if "not taught" in w["message"]]
    assert [w["message"].split("'")[1] for w in warned] == ["quiet"]
    assert "'room'" in warned[0]["hint"]
    write_scene("orbit.yaml", "frames: 9\nshots: [{prompt: The room., movement: orbit}]")
    orbit = holocine("check", "orbit.yaml", "--model", taught_model, "--json").json["files"][0]
    (turned,) = [w for w in orbit["warnings"] if "'movement: orbit'" in w["message"]]
    assert turned["where"].startswith("orbit.yaml:2"), "a camera word comes from its key"
    planned = holocine("plan", "room.yaml", "--model", taught_model)
    assert "was not taught 'quiet'" in planned.stderr + planned.stdout
    silent = holocine("check", "room.yaml", "--json")
    taught = Path(str(holocine_core.model.__file__)).parent / "nano/tokenizer/vocabulary.json"
    if not taught.is_file():
        assert not any("taught" in w["message"] for w in silent.json["files"][0]["warnings"])
