"""What concerns the model of several films is told once; films that fail are told by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holocine_cli.contract import SomeFailed
from holocine_core.errors import InputError
from holocine_core.plan.pace import Pace
from tests.cli.conftest import Holocine, write_scene

MODEL = "holocine-14b-full"
MODEL_WORDS = f"the tokenizer of {MODEL} is not here"


def of_the_large_model(*names: str) -> list[Path]:
    return [write_scene(f"{name}.yaml", model=MODEL, title=name) for name in names]


def whole_films(*names: str) -> list[Path]:
    """Of the large model, at its own size."""
    text = "seconds: 5\nshots: [A lamp is lit.]"
    return [write_scene(f"{name}.yaml", text, model=MODEL) for name in names]


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_warning_on_the_model_is_told_once_with_its_films(
    holocine: Holocine, command: str
) -> None:
    small = write_scene("small.yaml", style="A zorple.")
    answer = holocine(command, *of_the_large_model("a", "b", "c"), small)
    found = re.findall(rf"warning: {MODEL_WORDS}.*", answer.stderr)
    assert answer.exit_code == 0
    assert len(found) == 1
    assert found[0].endswith(" (3 of 4 screenplays)")
    alone = holocine(command, "a.yaml").stderr
    assert re.findall(rf"warning: {MODEL_WORDS}.*", alone)[0].endswith("than its tokens")


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_warning_on_a_line_is_told_of_each_file(holocine: Holocine, command: str) -> None:
    for name in "ab":
        write_scene(f"{name}.yaml", attention="full")
    told = holocine(command, "a.yaml", "b.yaml").stderr
    assert {"at a.yaml:1:12", "at b.yaml:1:12"} <= set(re.findall(r"at [ab]\.yaml:1:\d+", told))


def test_a_document_has_the_warnings_of_every_film(holocine: Holocine) -> None:
    films = holocine("plan", *of_the_large_model("a", "b"), "--json").json["films"]
    assert all(film["warnings"][0]["message"].startswith(MODEL_WORDS) for film in films)


def test_what_fails_alike_is_told_once_and_each_film_by_name(holocine: Holocine) -> None:
    good = write_scene("good.yaml")
    answer = holocine("render", good, *of_the_large_model("a", "b"), "--device", "cuda:96gb")
    assert answer.stderr.count("is a GPU to plan for") == 1
    assert "error: a.mp4: the same as for good.mp4\n" in answer.stderr
    assert "error: 3 of 3 films failed: good.mp4, a.mp4, b.mp4\n" in answer.stderr
    assert answer.exit_code == 2
    assert answer.stdout == ""


def test_of_many_films_that_fail_a_handful_is_named() -> None:
    errors = [InputError("x")] * 9
    assert SomeFailed(errors, 9, [f"{n}.mp4" for n in range(9)]).message == (
        "9 of 9 films failed: 0.mp4, 1.mp4, 2.mp4, 3.mp4, and 5 more"
    )
    assert SomeFailed(errors[:5], 9, list("abcde")).message == "5 of 9 films failed: a, b, c, d, e"


@pytest.mark.parametrize("command", ["plan", "render", "preview"])
def test_a_large_model_on_a_processor_is_told_to_take_long(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("holocine_core.plan.processor.visible_gpus", lambda: None)
    (large,) = whole_films("a")
    told = holocine(command, large, "--device", "cpu").stderr
    found = re.findall(r"warning: no GPU was found: on the processor .*", told)
    assert len(found) == 1
    assert re.search(rf"{MODEL} takes at least \d+ (hours|days) \(.*PFLOP\) and \d+", found[0])
    assert "GiB of main memory" in found[0]
    assert "--device cuda:80gb" in told


def test_one_answer_holds_one_time(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan's estimate, where there is one, whatever other films' pace would make of it."""
    pace = Pace(start=50 * 3600, step=0, develop=0, cut=0)
    monkeypatch.setattr("holocine_core.plan.pace.pace_of", lambda plan: (pace, "this machine"))
    monkeypatch.setattr("holocine_core.plan.processor.step_here", lambda device: 1.0)
    answer = holocine("plan", scene, "--device", "cpu")
    assert "about 50:00:00" in answer.stdout
    assert "takes about 50 hours" in answer.stderr
    (large,) = whole_films("a")
    monkeypatch.setattr("holocine_core.plan.pace.pace_of", lambda plan: None)
    answer = holocine("plan", large, "--device", "cpu")
    assert "not measured here yet" in answer.stdout
    assert "takes at least" in answer.stderr
    hint = holocine("plan", write_scene("nano.yaml"), "--model", "nano", "--device", "cpu").stderr
    assert "on the processor nano" in hint
    assert "--model nano" not in hint


def test_what_several_films_take_on_a_processor_is_told_once(holocine: Holocine) -> None:
    large = whole_films("a", "b")
    answer = holocine("plan", *large, "--json")
    (warning,) = answer.json["warnings"]
    assert answer.stderr.count("on the processor") == 1
    assert warning["where"] == "cpu"
    alone = holocine("plan", "a.yaml", "--json").json
    assert sum("on the processor" in one["message"] for one in alone["warnings"]) == 1
    checked = holocine("check", *large)
    assert "processor" not in checked.stderr


def test_small_films_and_graphics_cards_are_told_nothing(holocine: Holocine, scene: Path) -> None:
    (large,) = whole_films("a")
    assert "processor" not in holocine("plan", scene, "--device", "cpu").stderr
    assert "processor" not in holocine("plan", large, "--device", "cuda:80gb").stderr
