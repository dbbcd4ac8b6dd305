"""What people type who come from other tools: it does what they mean, or the hint says how."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_cli.spellings import OTHER_NAMES
from tests.cli.conftest import Holocine, write_scene


@pytest.mark.parametrize(
    ("typed", "own"),
    [
        (("new", "one", "--output", "x.yaml", "-q"), ("new", "one", "-o", "x.yaml", "-q")),
        (("new", "one", "--quiet"), ("new", "one", "-q")),
        (("check", "room.yaml", "--quiet", "--quiet"), ("check", "room.yaml", "-qq")),
        (("models", "list", "--quiet"), ("models", "list", "-q")),
        (("-V",), ("--version",)),
        (("help",), ("--help",)),
        (("help", "render"), ("render", "--help")),
        (("help", "models", "pull"), ("models", "pull", "--help")),
        (("help", "render", "-h"), ("render", "--help")),
        (("render", "help"), ("render", "--help")),
        (("models", "help"), ("models", "--help")),
        (("new", "help"), ("new", "--help")),
    ],
)
def test_other_names_mean_the_same(
    holocine: Holocine, typed: tuple[str, ...], own: tuple[str, ...]
) -> None:
    write_scene("room.yaml", style="A zorple.")
    answer = holocine(*typed)
    for made in Path().glob("*.y*ml"):
        made.unlink() if made.name != "room.yaml" else None
    assert (answer, answer.exit_code) == (holocine(*own), 0)


@pytest.mark.parametrize("yes", ["-y", "--yes", "-qy"])
def test_yes_is_force(holocine: Holocine, yes: str) -> None:
    Path("one.yaml").write_text("mine")
    assert holocine("new", "one").exit_code == 2
    assert holocine("new", "one", yes).exit_code == 0
    assert Path("one.yaml").read_text() != "mine"


def test_yes_is_nothing_where_nothing_is_replaced(holocine: Holocine, scene: Path) -> None:
    assert holocine("check", scene, "--yes").exit_code == 2


def test_twice_counts_quiet_once_refuses_out(holocine: Holocine, scene: Path) -> None:
    answer = holocine("plan", scene, "--output", "a.mp4", "-o", "b.mp4")
    assert (answer.exit_code, "--out is given 2 times" in answer.stderr) == (2, True)
    loud = write_scene("loud.yaml", style="A zorple.")
    assert "warning" in holocine("check", loud, "--quiet").stderr
    assert holocine("check", loud, "--quiet", "--quiet").stderr == ""


def test_an_output_dir_is_an_out_dir(holocine: Holocine, scene: Path) -> None:
    assert holocine("plan", scene, "--output-dir", "f", "--json").json["film"] == "f/room.mp4"


def test_a_screenplay_may_be_called_help(holocine: Holocine) -> None:
    write_scene("help")
    assert holocine("check", "help").stdout == "help: ok (1 scene, 2 shots, 0:01)\n"


def test_the_help_is_no_longer_by_it(holocine: Holocine) -> None:
    others = {name for names in OTHER_NAMES.values() for name in names}
    shown = {word for page in ("render", "new") for word in holocine(page, "-h").stdout.split()}
    assert not others & shown


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("rendr room.yaml", "did you mean `holocine render`?"),
        ("generate room.yaml", "did you mean `holocine render`?"),
        ("pull nano", "did you mean `holocine models pull`?"),
        ("download nano", "did you mean `holocine models pull`?"),
        ("models lst", "did you mean `holocine models list`?"),
        ("models render x", "did you mean `holocine render`?"),
        ("help rendr", "did you mean `holocine render`?"),
        ("room.yaml --json", "such as: holocine render --json room.yaml"),
        ("room.mp4", "such as: holocine inspect room.mp4"),
        ("room.fdx", "such as: holocine import room.fdx"),
        ("version", "did you mean `holocine --version`?"),
        ("clean --force", "did you mean --yes?"),
        ("zzz", "hint: holocine --help"),
        ("render room.yaml --profle draft", "did you mean --profile?"),
        ("render room.yaml --profle=draft", "did you mean --profile?"),
        ("render room.yaml -profile draft", "did you mean --profile?"),
        ("render room.yaml --ouput x.mp4", "did you mean --output?"),
        ("--json plan room.yaml", "behind their command: holocine plan room.yaml --json"),
        (
            "--profile draft --debug render room.yaml -q",
            "command: holocine --debug render room.yaml -q --profile draft",
        ),
        ("--profle=draft plan x", "command: holocine plan x --profile=draft"),
        ("models --json list", "command: holocine models list --json"),
        ("-q", "options stand behind a command"),
        ("render room.yaml --debug", "before the command: holocine --debug render room.yaml"),
        ("render -V", "before the command: holocine -V"),
        ("check room.yaml --shot 2", "`reshoot` takes it"),
        ("check room.yaml --profile draft", "`plan`, `render` and `evaluate` take it"),
        ("check room.yaml --verbose", "others take it"),
        ("render room.yaml -Z", "hint: holocine render --help"),
        ("render --prompt x", "written in the screenplay: `prompt: ...`"),
        ("render room.yaml --duration 3", "written in the screenplay: `seconds: ...`"),
        ("preview room.yaml --fps 24", "written in the screenplay: `fps: ...`"),
        ("preview room.yaml --profile draft", "take it"),
        ("report room.mp4 --duration 3", "hint: holocine report --help"),
    ],
)
def test_a_near_miss_names_what_was_meant(holocine: Holocine, typed: str, hint: str) -> None:
    answer = holocine(*typed.split())
    assert answer.exit_code == 2
    assert hint in answer.stderr
    assert answer.stderr.startswith("error: there is no ")


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("import x --from fountan", "'fountan' is not one of", "did you mean fountain?"),
        ("export x.mp4 --to edll", "'edll' is not one of", "did you mean edl?"),
        ("export x.mp4 --to zzz", "'zzz' is not one of", "holocine export --help"),
        ("plan x.yaml --seed x", "'--seed': it is a whole number\n", "holocine plan --help"),
    ],
)
def test_a_value_that_is_none_is_answered_with_the_nearest(
    holocine: Holocine, typed: str, message: str, hint: str
) -> None:
    answer = holocine(*typed.split())
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert f"hint: {hint}" in answer.stderr
