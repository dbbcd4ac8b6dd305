"""Prompts for tests."""

from __future__ import annotations

import json

from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.script.screenplay import Screenplay

WORDS = ("red", "a long green", "blue and white", "old", "the very small yellow", "wet", "warm")


def prompt(number: int, shots: int) -> ScenePrompt:
    """A scene's prompt; texts of different numbers have different lengths."""
    word = WORDS[number % len(WORDS)]
    texts = [f"Shot {i}: the {word} door opens." for i in range(shots)]
    data = {"scenes": [{"global": f"A {word} room.", "shots": texts}]}
    screenplay = Screenplay.model_validate_json(json.dumps(data))
    return compose(screenplay, screenplay.scenes[0])
