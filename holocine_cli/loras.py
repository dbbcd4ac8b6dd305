"""``--lora``: which file, how strongly, on which expert."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import InputError, Problem

if TYPE_CHECKING:
    from holocine_core.api import LoraFile


def loras_of(texts: Sequence[str]) -> tuple[LoraFile, ...]:
    """``FILE[:WEIGHT][:EXPERT]``; what the file holds is checked with the plan."""
    from holocine_core.api import EXPERTS, LORA_LIMIT, LoraFile

    loras, problems = [], []
    for text in texts:
        path, *more = text.split(":")
        expert = next((one for one in EXPERTS if more and one == more[-1]), None)
        if expert is not None:
            more = more[:-1]
        try:
            weight = float(more[0]) if more else 1.0
        except ValueError:
            weight, more = 1.0, [text] * 2
        if not -LORA_LIMIT <= weight <= LORA_LIMIT:
            words = f"--lora {text}: a weight is a number from -{LORA_LIMIT} to {LORA_LIMIT}"
            problems.append(Problem(words, "", "1 is the LoRA as it was trained"))
            continue
        if len(more) > 1:
            problems.append(
                Problem(
                    f"--lora {text} is not FILE, FILE:WEIGHT, FILE:EXPERT or FILE:WEIGHT:EXPERT",
                    "",
                    "such as wool.safetensors:0.8:high; for a path with a colon, write it into the "
                    "screenplay",
                )
            )
        else:
            loras.append(LoraFile(path=Path(path), weight=weight, expert=expert))
    if problems:
        raise InputError.of(problems)
    return tuple(loras)
