from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from holocine_cli.commands import app
from holocine_cli.many import MANY
from holocine_core.model.spec import MODELS
from holocine_core.sampling import PROFILE_NAMES
from tests.cli.conftest import Holocine
from tests.cli.option_names import LIST, option_names

COMMON = {"--json", "-q", "-v", "-h", "--help"}
MOST_OPTIONS = 26
MOST_FOR_MANY = 10
"""In the panel of those who make many films."""


def commands(group: Any = None, name: str = "holocine") -> list[tuple[str, Any]]:
    group = typer.main.get_command(app) if group is None else group
    found = []
    for word, command in getattr(group, "commands", {}).items():
        found += [(f"{name} {word}", command), *commands(command, f"{name} {word}")]
    return found


COMMANDS = [pytest.param(name, command, id=name) for name, command in commands()]


def test_the_options_are_as_promised() -> None:
    told = "run `python -m tests.cli.option_names` if every change is meant"
    assert option_names() == LIST.read_text(encoding="utf-8"), told


def test_a_bare_call_is_help_and_no_error(holocine: Holocine) -> None:
    bare, asked = holocine(), holocine("--help")
    assert (bare.exit_code, bare.stderr) == (0, "")
    assert bare.stdout == asked.stdout
    order = [bare.stdout.index(f"─ {panel} ─") for panel in ("Write", "Film", "Look", "Machine")]
    assert order == sorted(order)
    group = holocine("models")
    assert (group.exit_code, group.stdout) == (0, holocine("models", "--help").stdout)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_help_opens_with_two_examples_that_parse(
    name: str, command: Any, holocine: Holocine
) -> None:
    examples = re.findall(r"^holocine .+$", command.help, re.M)
    assert len(examples) == 2
    root = typer.main.get_command(app)
    for example in examples:
        words = re.sub(r'"[^"]*"', "TEXT", example).split()[1:]
        context: Any = root.make_context("holocine", list(words), resilient_parsing=True)
        at: Any = root
        while words and not words[0].startswith("-") and words[0] in getattr(at, "commands", {}):
            at = at.commands[words.pop(0)]
        at.make_context(at.name, words, parent=context)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_option_is_explained_and_they_are_few(name: str, command: Any) -> None:
    options = [one for one in command.params if one.param_type_name == "option"]
    own = [one for one in options if not COMMON & set(one.opts)]
    many = [one for one in own if getattr(one, "rich_help_panel", "") == MANY]
    assert len(own) - len(many) <= MOST_OPTIONS
    assert len(many) <= MOST_FOR_MANY
    assert [one.name for one in options if not one.help] == []


def test_profiles_are_the_models(holocine: Holocine) -> None:
    shown = holocine("render", "--help").stdout
    assert f"{', '.join(PROFILE_NAMES)}, or" in " ".join(shown.replace("│", " ").split())


def test_version(holocine: Holocine) -> None:
    answer = holocine("--version")
    assert answer.exit_code == 0
    assert re.fullmatch(r"holocine \d+\.\d+\.\d+\S*\n", answer.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_print(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("_HOLOCINE_COMPLETE", f"source_{shell}")
    answer = holocine()
    assert answer.exit_code == 0
    assert "_HOLOCINE_COMPLETE" in answer.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("holocine ren", ["render"]),
        ("holocine render --pro", ["--profile"]),
        ("holocine render --profile d", ["draft"]),
        ("holocine plan --model holo", [name for name in MODELS if name.startswith("holo")]),
    ],
)
def test_words_are_completed(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch, typed: str, offered: list[str]
) -> None:
    monkeypatch.setenv("_HOLOCINE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert holocine().stdout.split() == offered


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
@pytest.mark.parametrize("word", ["zsh", "foo"])
def test_completion_options_ignore_no_word(holocine: Holocine, option: str, word: str) -> None:
    answer = holocine(option, word)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert option in answer.stderr
