"""Keys that are called almost as ours: what stands below them is told in the same round."""

from __future__ import annotations

import pytest

from holocine_core.script.reader import read_text
from tests.script.test_reader import problems

CAST = "characters: {olga: an old woman}\n"


def told(text: str) -> list[tuple[str, str]]:
    return [(one.where.partition(":")[2], one.message) for one in problems(text)]


def test_what_stands_below_a_key_that_was_meant_is_told_with_it() -> None:
    text = """characters:
  olga: an old woman
scene:
  - description: A room with {olga}.
    frames: 9
    shot:
      - text: "{olga} smiles at {bob}."
      - promt: She goes.
        sise: wide
"""
    assert told(text) == [
        ("3:1", "unknown key `scene`"),
        ("4:5", "unknown key `description`"),
        ("6:5", "unknown key `shot`"),
        ("7:9", "unknown key `text`"),
        ("7:15", "unknown character {bob}"),
        ("8:9", "unknown key `promt`"),
        ("9:9", "unknown key `sise`"),
    ]
    assert problems(text)[0].hint == "did you mean `scenes`?"
    assert read_text(text).screenplay is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shot: ['{olga} smiles.']", ["unknown key `shot`"]),
        ("charakters: {mara: red}\nshots: ['{mara}']", ["unknown key `charakters`"]),
        # What has another form is not read as that key.
        ("scene: A quay with {olga}.", ["unknown key `scene`"]),
        ("scenes: 3", ["`scenes` must be a list, not '3'"]),
        ("scenes: [{shots: [{olga}]}]", ["`prompt` is missing", "unknown key `olga`"]),
        ("scenes: [{shots: [a], shot: [b]}]", ["unknown key `shot`", "never used"]),
    ],
)
def test_a_key_that_is_none_causes_no_other_fault(text: str, found: list[str]) -> None:
    messages = [message for _, message in told(text if "charakters" in text else CAST + text)]
    for words in found:
        assert any(words in message for message in messages), (words, messages)
    for words in ("never used", "needs shots", "unknown character"):
        assert words in found or not any(words in message for message in messages), words


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("characters: [olga]", "`characters` must be a mapping, not a list",
         "write a line for each: olga: an old woman"),
        ("style: [a, b]", "`style` must be text, not a list", "write one text"),
        ("characters: {mira: {look: old}}", "`mira` must be text, not a mapping", "write one text"),
        ("style: 3", "`style` must be text, not '3'", "put it between quotes"),
        ("transition: dissolve", "`transition` can't be 'dissolve'",
         "dissolve is 'crossfade' here"),
        ("transition: {kind: fade to black}", "`kind` can't be 'fade to black'",
         "fade to black is 'fade' here"),
        ("fps: 24fps", "`fps` can't be '24fps'", "write the number alone: 24"),
        ("fps: fast", "`fps` can't be 'fast'",
         "write a whole number, or one of NTSC's: 23.976, 29.97, 47.952, 59.94"),
    ],
)  # fmt: skip
def test_hints_say_what_can_be_written(text: str, message: str, hint: str) -> None:
    found = {one.message: one.hint for one in problems(f"{text}\nshots: ['a']")}
    assert found.get(message) == hint, found


def test_what_is_not_near_a_key_is_no_guess() -> None:
    (problem,) = problems("script: x\nshots: [a]")
    assert problem.hint.startswith("known here: ")
