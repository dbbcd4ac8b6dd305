"""`holocine new --template`: each form for each model, in words that it knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holocine_core.api import template_names
from holocine_core.model.spec import MODELS
from holocine_core.script.reader import read
from holocine_core.script.screenplay import Screenplay
from holocine_core.shipped.names import SCHEMA_LINE, templates
from tests.cli.conftest import Holocine, write_scene

pytestmark = pytest.mark.nano
ROOT = Path(__file__).parents[2]
PLAIN = "global: A day.\nshots: [The day., The night.]"
"""What is said of a model itself, whatever it films, is said of this too."""
NAMES = ("a-b-a", "chase", "dialogue", "product")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("template", NAMES)
def test_a_template_is_known_to_its_model_word_by_word(
    holocine: Holocine, template: str, model: str
) -> None:
    made = holocine("new", "My Film", "--template", template, "--model", model)
    assert (made.exit_code, made.stdout) == (0, "My-Film.yaml\n")
    plain = write_scene("plain.yaml", PLAIN, model=model)
    checked = holocine("check", "My-Film.yaml", plain, "--json")
    assert checked.exit_code == 0
    found, least = checked.json["files"]
    assert found["warnings"] == least["warnings"]
    screenplay = read(Path("My-Film.yaml")).accepted()
    assert (screenplay.title, screenplay.model) == ("My Film", model)


def test_both_kinds_of_model_have_the_same_templates(holocine: Holocine) -> None:
    assert template_names() == NAMES
    assert tuple(templates(drawn=False).files()) == NAMES
    said = holocine("new", "--help").stdout
    assert all(name in said for name in NAMES)


def shots(template: str, *, drawn: bool) -> tuple[str, Screenplay]:
    path = templates(drawn=drawn).files()[template]
    return path.read_text(encoding="utf-8"), read(path).accepted()


@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize("template", NAMES)
def test_a_template_explains_its_form(template: str, *, drawn: bool) -> None:
    text, film = shots(template, drawn=drawn)
    lines = text.splitlines()
    assert lines[0].startswith(SCHEMA_LINE)
    assert lines[1].startswith(f"# A{'' if template == 'a-b-a' else ' '}")
    comment = [line for line in lines[1:40] if line.startswith("#")]
    assert sum(line.startswith("#   - ") for line in comment) >= 3
    assert film.title == {"a-b-a": "A-B-A"}.get(template, template.title())
    assert all(len(scene.shots or ()) >= 3 for scene in film.scenes)


@pytest.mark.parametrize("drawn", [True, False])
def test_forms_are_what_they_are_called(*, drawn: bool) -> None:
    def people(template: str) -> list[list[str]]:
        _, film = shots(template, drawn=drawn)
        return [
            sorted(set(re.findall(r"{(\w+)}", shot.prompt)))
            for scene in film.scenes
            for shot in scene.shots or ()
        ]

    first, other, again = people("a-b-a")
    assert first == again != other
    dialogue = people("dialogue")
    assert len(dialogue[0]) == 2, "both are shown before they are shown alone"
    assert {tuple(one) for one in dialogue[1:] if len(one) == 1} >= {
        (name,) for name in dialogue[0]
    }
    sizes = {
        shot.size for scene in shots("chase", drawn=drawn)[1].scenes for shot in scene.shots or ()
    }
    assert {"wide", "medium", "close-up"} <= sizes
    views = [
        (shot.size, shot.angle, shot.movement)
        for scene in shots("product", drawn=drawn)[1].scenes
        for shot in scene.shots or ()
    ]
    assert len(set(views)) == len(views) >= 4, "each shot looks at it in its own way"


def test_the_starter_names_the_model_that_is_asked_for(holocine: Holocine) -> None:
    holocine("new", "x", "--model", "holocine-14b-full")
    text = Path("x.yaml").read_text(encoding="utf-8")
    assert text.count("\nmodel: holocine-14b-full\n") == 1
    assert read(Path("x.yaml")).accepted().model == "holocine-14b-full"


def test_the_model_of_a_project_is_the_new_screenplays(holocine: Holocine) -> None:
    Path("holocine.toml").write_text('model = "holocine-14b-full"\n')
    holocine("new", "told", "--template", "chase")
    holocine("new", "drawn", "--template", "chase", "--model", "nano")
    told, drawn = (read(Path(f"{name}.yaml")).accepted() for name in ("told", "drawn"))
    assert (told.model, drawn.model) == ("holocine-14b-full", "nano")
    Path("sub").mkdir()
    Path("holocine.toml").rename("sub/holocine.toml")
    for words in (("sub/one",), ("x", "-o", "sub/two.yaml"), ("three", "-o", "three.yaml")):
        assert holocine("new", *words).exit_code == 0
    models = [
        read(Path(f"{name}.yaml")).accepted().model for name in ("sub/one", "sub/two", "three")
    ]
    assert models == ["holocine-14b-full", "holocine-14b-full", "nano"]
    assert told.scenes != drawn.scenes


def test_a_new_screenplay_is_of_the_project_that_it_lies_in(holocine: Holocine) -> None:
    Path("there").mkdir()
    Path("there/holocine.toml").write_text('model = "holocine-14b-full"\nprofile = "draft"\n')
    for words in (["there/one"], ["two", "-o", "there/two.yaml"]):
        holocine("new", *words)
    for path in ("there/one.yaml", "there/two.yaml"):
        found = holocine("config", path, "--json").json["settings"]
        assert found["model"]["value"] == "holocine-14b-full"
        assert found["profile"] == {"value": "draft", "told_by": "there/holocine.toml:2"}
    assert holocine("new", "three").exit_code == 0
    assert read(Path("three.yaml")).accepted().model == "nano"


def test_what_there_is_not_is_told_with_what_there_is(holocine: Holocine) -> None:
    wrong = holocine("new", "x", "--template", "chaes")
    assert wrong.exit_code == 2
    assert "there are a-b-a, chase, dialogue, product" in wrong.stderr
    assert holocine("new", "x", "--template", "chase", "--model", "nanoo").exit_code == 2
    assert not Path("x.yaml").exists()


@pytest.mark.parametrize("page", ["README.md", "docs/screenplay.md", "docs/python.md", "new"])
def test_the_first_screenplay_a_reader_meets_is_in_words_that_nano_knows(
    holocine: Holocine, page: str
) -> None:
    if page == "new":
        holocine("new", "first")
    else:
        block = re.search(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)
        assert block is not None
        Path("first.yaml").write_text(block[1], encoding="utf-8")
    assert read(Path("first.yaml")).accepted().model == "nano"
    checked = holocine("check", "first.yaml", write_scene("plain.yaml", PLAIN), "--json")
    first, least = checked.json["files"]
    assert checked.exit_code == 0
    assert first["warnings"] == least["warnings"]
