"""A prompt that opens with another size, angle or movement than its shot has is told."""

from __future__ import annotations

import pytest

from holocine_core.errors import Problem
from holocine_core.plan.edits import make_edited_plan
from holocine_core.request import Request
from holocine_core.script.camera_words import opening_words
from holocine_core.script.edits import Reshoot
from holocine_core.script.reader import read_text

HEAD = "size: 32x32\nglobal: A room.\nshots:\n"


def told(shots: str, *edits: Reshoot) -> list[Problem]:
    plan = make_edited_plan(read_text(HEAD + shots, "film.yaml"), Request(), edits)
    return [one for one in plan.warnings if "the model is told both" in one.message]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Wide shot. A man talks.", {"size": "wide"}),
        ("A wide shot of a man.", {"size": "wide"}),
        ("Wide shot {mira} stands.", {"size": "wide"}),
        ("**EXTREME CLOSE-UP** - the eye.", {"size": "extreme close-up"}),
        ("Medium\nclose-up, low angle. A man.", {"size": "medium close-up", "angle": "low"}),
        ("Slow push in. A man.", {"movement": "push in"}),
        ("Static wide shot of a man.", {"movement": "static", "size": "wide"}),
        ("CU of hands.", {"size": "close-up"}),
        ("Close on the bell.", {"size": "close-up"}),
        ("Close. A man.", {"size": "close-up"}),
        ("Close the door.", {}),
        ("Wide, empty fields.", {}),
        ("Full of people, the square.", {}),
        ("Top of the hill.", {}),
        ("Two men talk.", {}),
        ("Still life on a table.", {}),
        ("A man. Wide shot.", {}),
        ("", {}),
    ],
)
def test_what_a_prompt_opens_with(text: str, found: dict[str, str]) -> None:
    assert {key: word for key, (word, _) in opening_words(text).items()} == found


def test_another_size_than_the_shots_is_told_where_it_stands() -> None:
    (warning,) = told('- A man.\n- {prompt: "Wide shot. A man talks.", size: close-up}\n')
    said = "shot 2 has the size close-up, and its prompt opens with 'Wide shot': "
    assert warning.message == f"{said}the model is told both"
    assert warning.where == "film.yaml:5:12"
    assert "drop those words from the prompt" in warning.hint
    assert warning.hint.endswith("or write `size: wide`")


@pytest.mark.parametrize(
    ("prompt", "key", "value", "warns"),
    [
        ("Wide shot. A man.", "size", "wide", False),
        ("Wide shot. A man.", "angle", "low", False),
        ("Wide shot. A man.", "size", "insert", True),
        ("Close-up of a key.", "size", "insert", False),
        ("Medium two-shot.", "size", "two-shot", False),
        ("Static shot of a man.", "movement", "push in", True),
        ("Low angle. A man.", "angle", "high", True),
    ],
)
def test_only_what_can_not_both_be_true(prompt: str, key: str, value: str, warns: bool) -> None:
    found = told(f'- {{prompt: "{prompt}", {key}: {value}}}\n- A dog.\n')
    assert len(found) == warns


def test_a_shot_anew_in_another_size() -> None:
    shots = '- "Wide shot. A man stands."\n- "A dog."\n'
    nearer = Reshoot(scene="scene-1", shot=1, seed=1, size="medium")
    assert told(shots) == []
    (warning,) = told(shots, nearer)
    assert "size medium, and its prompt opens with 'Wide shot'" in warning.message
    assert "(reshoot: with --prompt)" in warning.hint
    assert told(shots, nearer.model_copy(update={"prompt": "A man stands."})) == []
