"""The recorded sessions: the program takes every call of the page, and records are true."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from holocine_cli.commands import app
from tests.recordings import BLOCK, PAGE, page_again, recorded, typed


def calls(command: str) -> list[list[str]]:
    """The words of every call of the program in a line of a shell."""
    lexer = shlex.shlex(command.partition("<<")[0], posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    found: list[list[str]] = []
    inside = False
    for word in lexer:
        if set(word) <= set("();|&") or word == ">":
            inside = False
        elif word == "holocine":
            found.append([])
            inside = True
        elif inside:
            found[-1].append(word)
    return found


MISTYPED = {"--profle"}
"""On purpose: the page shows the answer."""
TYPED = [
    pytest.param(words, id=" ".join(words))
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for command in typed(block)
    for words in calls(command)
    if not (words[0].startswith("-") or MISTYPED & set(words))
]


def test_calls_are_found() -> None:
    assert calls("sed s/a/b/ a.yaml | holocine check - && holocine plan 'b c' > x") == [
        ["check", "-"],
        ["plan", "b c"],
    ]
    assert calls("(sleep 1; ls) &\ntimeout 3 holocine watch a.yaml") == [["watch", "a.yaml"]]
    assert len(TYPED) > 20


@pytest.mark.parametrize("words", TYPED)
def test_every_call_of_the_page_is_one(words: list[str]) -> None:
    root = typer.main.get_command(app)
    context: Any = root.make_context("holocine", list(words), resilient_parsing=True)
    at: Any = root
    while words and words[0] in getattr(at, "commands", {}):
        at = at.commands[words[0]]
        words = words[1:]
    at.make_context(at.name, list(words), parent=context)


def test_sessions_are_recorded_as_they_are(tmp_path: Path) -> None:
    around = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    commands = [
        "echo one > a; cat a",
        "ls nothing 2>/dev/null",
        "echo $? $HOME",
        "cat <<END\nx\nEND",
    ]
    assert recorded(commands, tmp_path, around) == (
        "$ echo one > a; cat a\none\n$ ls nothing 2>/dev/null\n$ echo $? $HOME\n2 ~\n"
        "$ cat <<END\n> x\n> END\nx\n"
    )
    with pytest.raises(RuntimeError, match="ended early"):
        recorded(["exit", "echo"], tmp_path, around)
    page = "words\n\n```console\n$ echo a\nlater\n```\n\n```yaml\n$ echo b\n```\n"
    assert page_again(page) == page.replace("later", "a")
