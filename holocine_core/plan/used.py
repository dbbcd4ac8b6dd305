"""What of a take its steps use: those of the high-noise expert nothing of the low-noise one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holocine_core.store.vault import fingerprint

_LOW = "transformer_2"


def progress_key(latents_key: str, computing: str) -> str:
    """What a take that was stopped goes on by: all that it is made of, and how numbers are
    computed."""
    return fingerprint([latents_key, computing])


def high_key(ingredients: Mapping[str, Any], computing: str) -> str:
    """What its steps of high noise go on by: all but the low-noise expert and its LoRAs. Empty
    where one network makes all steps.

    Args:
        ingredients: What the fingerprint of a take's latents is made of.
        computing: How numbers are computed.
    """
    if ingredients["settings"][0] != 2:
        return ""
    used = {
        **ingredients,
        "model": {part: mark for part, mark in ingredients["model"].items() if part != _LOW},
        "lora": _high(ingredients["lora"]),
        "shot_lora": _high(ingredients.get("shot_lora", ())),
    }
    return fingerprint(["high noise", used, computing])


def _high(marks: Any) -> list[list[Any]]:
    """Of LoRAs' marks those that the high-noise expert takes; that the other one does as well is
    nothing to it."""
    return [
        [content, weight, *shots] for content, weight, expert, *shots in marks if expert != "low"
    ]
