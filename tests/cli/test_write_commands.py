from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from holocine_core.api.films import SCHEMA_FILE
from holocine_core.api.shipping import STARTER
from holocine_core.sampling import Frozen
from holocine_core.script.reader import read
from holocine_core.script.schema import schema
from holocine_core.script.screenplay import (
    Adjusted,
    Deliver,
    Lora,
    Scene,
    Screenplay,
    Shot,
    Sound,
    TransitionTo,
    Video,
)
from tests.cli.conftest import Holocine, write_scene


def test_the_starter_is_ready_to_film(holocine: Holocine) -> None:
    made = holocine("new", "The Last Bus")
    assert (made.exit_code, made.stdout) == (0, "The-Last-Bus.yaml\n")
    assert "holocine preview The-Last-Bus.yaml" in made.stderr
    checked = holocine("check", "The-Last-Bus.yaml")
    assert checked.exit_code == 0
    assert checked.stdout.startswith("The-Last-Bus.yaml: ok (2 scenes, 5 shots")
    screenplay = read(Path("The-Last-Bus.yaml")).accepted()
    assert screenplay.title == "The Last Bus"


@pytest.mark.parametrize(
    "model",
    [Screenplay, Scene, Shot, Sound, TransitionTo, Adjusted, Deliver, Video, Lora],
    ids=lambda model: model.__name__,
)
def test_the_starter_teaches_every_key(model: type[Frozen]) -> None:
    text = STARTER.read_text(encoding="utf-8")
    keys = [field.alias or name for name, field in model.model_fields.items()]
    assert [key for key in keys if f"{key}:" not in text] == []


def test_what_the_starter_comments_out_is_valid_too(holocine: Holocine) -> None:
    key = re.compile(r"# ([a-z]\w*:( .*)?|  .+)$")  # a key, or what stands below one
    lines = STARTER.read_text(encoding="utf-8").splitlines()
    body = lines.index("title: The Last Ferry")
    opened = [line.removeprefix("# ") if key.match(line) else line for line in lines[body:]]
    Path("all.yaml").write_text("\n".join(opened).replace("strict: true", "strict: false"))
    assert len({line.split(":")[0] for line in opened if re.match(r"\w+:", line)}) > 12
    told = holocine("check", "all.yaml").stderr
    errors = [line for line in told.splitlines() if line.startswith("error")]
    assert errors == [
        "error: no sound file at theme.wav",
        "error: the LoRA file does not exist: wool.safetensors",
    ]


def test_the_starters_schema_lies_beside_it(holocine: Holocine) -> None:
    holocine("new", "one", "-o", "plays/one.yaml")
    first_line = Path("plays/one.yaml").read_text().splitlines()[0]
    assert first_line == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert json.loads(Path("plays", SCHEMA_FILE).read_text()) == json.loads(json.dumps(schema()))


def test_nothing_is_overwritten_unasked(holocine: Holocine) -> None:
    Path("one.yaml").write_text("mine")
    Path(SCHEMA_FILE).write_text("mine too")
    answer = holocine("new", "one")
    assert answer.exit_code == 2
    assert Path("one.yaml").read_text() == "mine"
    assert holocine("new", "one", "--force").exit_code == 0
    assert Path("one.yaml").read_text() != "mine"
    assert Path(SCHEMA_FILE).read_text() == "mine too"


def test_titles_with_quotes_and_colons_stay_titles(holocine: Holocine) -> None:
    assert holocine("new", 'Act 1: "No"', "-o", "x.yaml").exit_code == 0
    assert read(Path("x.yaml")).accepted().title == 'Act 1: "No"'


def test_check_tells_all_problems_of_all_files(holocine: Holocine) -> None:
    one = write_scene("one.yaml", seed=-1)
    two = write_scene("two.yaml", text="shots: 3\nfps: no\n")
    good = write_scene("good.yaml")
    answer = holocine("check", one, good, two, "--json")
    assert answer.exit_code == 2
    assert [record["ok"] for record in answer.json["files"]] == [False, True, False]
    places = [problem["where"] for problem in answer.json["error"]["problems"]]
    assert places == ["one.yaml:1:7", "two.yaml:1:8", "two.yaml:2:6"]
    assert holocine("check", one, good, two).stdout == "good.yaml: ok (1 scene, 2 shots, 0:01)\n"


def test_check_does_not_need_the_models_weights(holocine: Holocine) -> None:
    path = write_scene("big.yaml", model="holocine-14b-full")
    assert holocine("check", path).exit_code == 0


def test_schema_goes_to_stdout_or_a_file_of_its_own(holocine: Holocine) -> None:
    assert json.loads(holocine("schema").stdout)["title"] == "holocine screenplay"
    assert holocine("schema", "-o", "s.json").stdout == "s.json\n"
    assert holocine("schema", "-o", "s.json").exit_code == 0, "its own earlier file is replaced"
    Path("s.json").write_text("{}")
    assert holocine("schema", "-o", "s.json").exit_code == 2
    assert Path("s.json").read_text() == "{}"
