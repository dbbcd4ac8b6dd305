"""What a LoRA file's header says of its strength, as peft's adapters are saved. No torch here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from holocine_core.model.lora.file import PARTS, Part
from holocine_core.model.lora.places import refusal

KEY = "lora_adapter_metadata"
"""Where diffusers writes an adapter's settings."""
Settings = Mapping[str, Any]


def read_settings(path: Path, part: Part) -> Settings:
    """A file's adapter settings for one expert; empty where it brings none. diffusers' pipelines
    save them with the expert's prefix.

    Raises:
        InputError: They are no JSON, or no settings.
    """
    with safe_open(path, framework="numpy") as opened:
        raw = (opened.metadata() or {}).get(KEY, "{}")
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as failed:
        raise refusal(
            path, f"its header's adapter settings are no JSON: {failed!s:.200}", "save it again"
        ) from failed
    if not isinstance(told, dict):
        raise refusal(path, f"its header's adapter settings are none: {raw:.100}", "save it again")
    if not any(key.startswith(tuple(f"{name}." for name in PARTS)) for key in told):
        return told
    named = f"{part}." if any(key.startswith(f"{part}.") for key in told) else "transformer."
    return {key.removeprefix(named): value for key, value in told.items() if key.startswith(named)}


def scale_told(layer: str, settings: Settings, rank: int, path: Path) -> float:
    """The factor on a layer's pair by the header's settings: alpha / rank; 1 where they are silent.

    Args:
        layer: In diffusers' names.
        settings: Of :func:`read_settings`.
        rank: Of the pair.
        path: The file, for messages.

    Raises:
        InputError: They can not be read.
    """
    if "lora_alpha" not in settings:
        return 1.0
    try:
        patterns = settings.get("alpha_pattern") or {}
        alpha = next(
            (alpha for key, alpha in patterns.items() if re.match(rf"(.*\.)?({key})$", layer)),
            settings["lora_alpha"],
        )
        return float(alpha) / (math.sqrt(rank) if settings.get("use_rslora") else rank)
    except (TypeError, ValueError, AttributeError, ArithmeticError, re.error) as failed:
        fault = f"its header's adapter settings can not be read: {failed!s:.200}"
        raise refusal(path, fault, "save it again") from failed
