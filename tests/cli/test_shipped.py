"""Recipes, codecs, tables and suites that ship: by name, from any folder, and what goes before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.errors import InputError
from holocine_core.evaluate.table import parse_gates
from holocine_core.lab.suites.recipe import suite_asked
from holocine_core.lab.suites.suite import parse_suite
from holocine_core.model.locate import find_model
from holocine_core.script.reader import read
from holocine_core.shipped.names import CODECS, RECIPES, SUITES, WORDS, file_meant
from holocine_core.train.continuity import tuned_since
from holocine_core.train.fresh import parts_identity
from holocine_core.train.places import by_name, screenplay_meant
from tests.cli.conftest import Holocine

pytestmark = pytest.mark.nano
NANO = Path(api.__file__).parents[1] / "model" / "nano"


def test_a_name_is_the_recipe_that_ships(holocine: Holocine) -> None:
    read = api.read_recipe("nano-quick")
    assert read.out == "runs/nano-quick"
    assert {one.name for one in api.recipes()} == set(RECIPES.files())
    listed = holocine("train", "--list", "--json").json["recipes"]
    (quick,) = (one for one in listed if one["name"] == "nano-quick")
    assert Path(quick["file"]).is_file()
    assert quick["summary"].startswith("A small model from nothing")
    assert "nano-quick" in holocine("train", "--list").stdout
    assert holocine("train").exit_code == 2


def test_a_file_is_told_from_a_name(holocine: Holocine) -> None:
    own = Path("nano-quick.yaml")
    own.write_text(RECIPES.files()["nano-quick"].read_text().replace("runs/", "mine/"))
    for said in ("nano-quick.yaml", "./nano-quick.yaml", own, own.absolute()):
        assert api.read_recipe(said).out == "mine/nano-quick"
    with pytest.raises(InputError, match=r"the file nano-quick\.yaml lies here too") as both:
        api.read_recipe("nano-quick")
    assert "./nano-quick.yaml" in both.value.hint
    own.rename("bare")
    assert api.read_recipe("bare").out == "mine/nano-quick"
    assert api.read_recipe("nano-quick").out == "runs/nano-quick"


def test_what_is_neither_is_told_with_what_is_near(holocine: Holocine) -> None:
    told = holocine("train", "nano-quik")
    assert told.exit_code == 2
    assert "did you mean nano-quick?" in told.stderr
    assert "write nano-quick" in holocine("train", "recipes/nano-quick.yaml").stderr
    assert "check the path" in holocine("train", "recipes/none.yaml").stderr


def test_parts_of_models_that_ship_are_found_by_name(holocine: Holocine) -> None:
    new = api.read_recipe("nano-quick").model.new
    assert new is not None
    assert parts_identity(new) is not None
    for name in ("nano-longer", "lora-character", "lora-footage"):
        assert api.read_recipe(name).model.folder == "nano"


def test_runs_of_recipes_that_named_the_checkout_go_on(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = api.read_recipe("nano-quick")
    before = json.loads(recipe.model_dump_json())
    before["model"]["new"] |= {
        "codec": "holocine_core/model/nano/vae",
        "text": "holocine_core/model/nano",
    }
    kept = {"recipe": json.dumps(before)}
    assert tuned_since(recipe, {}, kept, Path("step")) == []
    monkeypatch.chdir(NANO.parents[2])
    assert tuned_since(recipe, {}, kept, Path("step")) == []
    before["model"]["new"]["codec"] = "scratch/nano-codec"
    with pytest.raises(InputError, match=r"model\.new\.codec"):
        tuned_since(recipe, {}, {"recipe": json.dumps(before)}, Path("step"))


def test_another_folder_of_the_checkouts_name_is_that_folder(holocine: Holocine) -> None:
    Path("holocine_core/model/nano/vae").mkdir(parents=True)
    assert by_name("holocine_core/model/nano") == "holocine_core/model/nano"
    assert by_name("holocine_core/model/nano/vae", "vae") == "holocine_core/model/nano/vae"
    assert by_name("runs/nano/model") == "runs/nano/model"


def test_films_of_recipes_that_ship_are_there(holocine: Holocine) -> None:
    drawn, told = find_model("nano"), find_model("holocine-14b-sparse")
    assert screenplay_meant("a-b-a", drawn) == screenplay_meant("a-b-a", None)
    assert screenplay_meant("a-b-a", told) != screenplay_meant("a-b-a", drawn)
    Path("mine.yaml").touch()
    assert screenplay_meant("mine.yaml", told) == Path("mine.yaml")
    users_own = {"lora-footage"}  # street.yaml of docs/training.md
    for name in set(RECIPES.files()) - users_own:
        films = api.read_recipe(name).films
        for text in films.screenplays if films else ():
            read(screenplay_meant(text, told)).accepted()
    with pytest.raises(InputError, match="there is no template 'a-b'"):
        screenplay_meant("a-b", drawn)


def test_nothing_in_a_recipe_that_ships_is_the_checkouts(holocine: Holocine) -> None:
    for path in (*RECIPES.files().values(), *CODECS.files().values()):
        text = path.read_text(encoding="utf-8")
        assert "recipes/" not in text, path
        assert "holocine_core" not in text, path
        assert "screenplays/" not in text, path
    assert file_meant("nano-words", WORDS).stat().st_size > 3e6


@pytest.mark.parametrize("name", SUITES.files())
def test_suites_that_ship_are_whole(name: str) -> None:
    asked = suite_asked(name)
    assert parse_suite(asked.suite).cases
    parse_gates(asked.minima, asked.maxima, judged=True)


def test_a_calls_gates_go_before_a_suites(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("suite: stage:1500000000:2\nmin: {said: 0.5, people: 0.25}\nmax: {leak: 0.1}\n")
    asked = suite_asked(str(path), ["said=0.9"], ["cut-error=1"])
    assert asked.suite == "stage:1500000000:2"
    assert asked.minima == ["people=0.25", "said=0.9"]
    assert asked.maxima == ["leak=0.1", "cut-error=1"]
    assert suite_asked("stage:1500000000:2", ["said=0.9"]).minima == ["said=0.9"]
    path.write_text("suite: stage:1500000000:2\nleast: {}\n")
    with pytest.raises(InputError, match="unknown key `least`"):
        suite_asked(str(path))
    with pytest.raises(InputError, match="there is no suite 'nanoo'") as none:
        suite_asked("nanoo")
    assert "did you mean nano?" in none.value.hint
    assert "stage:SEED:COUNT" in none.value.hint
