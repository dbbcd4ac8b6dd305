"""What a caller asks to change about a shot -> the edit, or what is wrong with the words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TypedDict, get_args

from pydantic import ValidationError

from holocine_core.errors import InputError
from holocine_core.script.camera_words import Angle, Movement, Size, size_of
from holocine_core.script.edits import NONE, Reshoot

SHOT_WORDS: Mapping[str, tuple[str, ...]] = {
    "size": get_args(Size),
    "angle": get_args(Angle),
    "movement": get_args(Movement),
}
"""What each can be, beside none at all."""


class ShotChange(TypedDict, total=False):
    """What changes about a shot, as a screenplay writes it; what is left out or None stays as it
    was."""

    prompt: str | None
    """What it shows."""
    size: str | None
    """Shot size, such as close-up; `none` takes it away, as it does an angle or a movement."""
    angle: str | None
    movement: str | None
    seconds: float | str | None
    """Length, also with its unit (`2s`); the nearest on the grid of four frames is taken."""
    frames: int | None
    """Length in frames; instead of `seconds`."""


def new_reshoot(scene: str, shot: int, seed: int, change: ShotChange) -> Reshoot:
    """One shot anew, as a caller asks for it.

    Args:
        scene: The shot's.
        shot: Its number there, from 1.
        seed: Of what is made anew.
        change: What of the shot is another now.

    Raises:
        InputError: A word or a length is none that a shot can have.
        TypeError: Something is asked to change that is none of a shot's.
    """
    prompt = change.get("prompt")
    if prompt is not None and not prompt.strip():
        raise InputError("--prompt is empty", hint="leave it out to keep the shot's text")
    asked = {name: value for name, value in change.items() if value is not None}
    asked |= {"size": size_of(asked["size"])} if "size" in asked else {}
    for name, words in SHOT_WORDS.items():
        if name in asked:
            _require_word(name, str(asked[name]), words)
    try:
        return Reshoot.model_validate({**asked, "scene": scene, "shot": shot, "seed": seed})
    except ValidationError as error:
        detail = error.errors()[0]
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        raise TypeError(f"a shot has no {name} that a reshoot could change")
    if detail["type"] == "value_error":
        message, _, remedy = str(detail["ctx"]["error"]).partition("; ")
        raise InputError(message, hint=remedy)
    limit = detail["msg"].removeprefix("Input should be ")
    if name == "seconds" and isinstance(detail["input"], str):
        limit = "a number of seconds, such as 2.5 or 2.5s"
    raise InputError(f"the shot's {name} can't be {detail['input']}", hint=f"it must be {limit}")


def _require_word(name: str, word: str, words: tuple[str, ...]) -> None:
    if word in words or word == NONE:
        return
    if name == "size" and re.fullmatch(r"\d+\s*[x*]\s*\d+", word):
        raise InputError(
            f"a shot's size is how much of the scene it shows, not {word} pixels: every shot of a "
            "film has the same picture",
            hint=f"one of: {', '.join(words)}",
        )
    near = difflib.get_close_matches(word.lower(), words, n=1)
    known = f"one of: {', '.join(words)}; or {NONE}, which takes it away"
    raise InputError(
        f"a shot's {name} can't be '{word}'", hint=f"did you mean '{near[0]}'?" if near else known
    )
