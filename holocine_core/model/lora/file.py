"""LoRA files as values: which file, how strongly, on which expert. No torch here.

What can be known without loading a network is checked here, so that a wrong file costs a second
and not the loading of two experts. :mod:`holocine_core.model.lora.apply` applies the files.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from holocine_core.errors import InputError, Problem
from holocine_core.store.vault import file_hash

Expert = Literal["high", "low", "both"]
EXPERTS: tuple[Expert, ...] = ("high", "low", "both")
Part = Literal["transformer", "transformer_2"]
PARTS: Mapping[Part, Literal["high", "low"]] = {"transformer": "high", "transformer_2": "low"}

DOWN = (".lora_A.weight", ".lora_down.weight", ".lora_A.default.weight", ".lora.down.weight")
UP = (".lora_B.weight", ".lora_up.weight", ".lora_B.default.weight", ".lora.up.weight")
DIFFERENCES = (".diff", ".diff_b", ".diff_m")
"""Endings of whole differences: of a weight, of a bias, of a modulation table."""
JOINED = (
    *(f".hada_w{one}_{half}" for one in (1, 2) for half in "ab"),
    *(f".lokr_w{one}{half}" for one in (1, 2) for half in ("", "_a", "_b")),
)
"""Endings of LoHa's and LoKr's matrices."""
LENGTHS = (
    ".dora_scale",
    ".lora_magnitude_vector",
    ".lora_magnitude_vector.weight",
    ".lora_magnitude_vector.default.weight",
)
"""Endings of DoRA's lengths, as LyCORIS and as peft names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    """A LoRA file, the factor on its change, and the noise expert that takes it.

    Attributes:
        path: The file.
        weight: -10 to 10.
        expert: None until :class:`model.lora.experts.Experts` has asked the file.
        told_by: What told the expert, for people; empty where the caller did, or nothing.
    """

    path: Path
    weight: float = 1.0
    expert: Expert | None = None
    told_by: str = field(default="", compare=False)

    def changes(self, part: Part) -> bool:
        """Whether a part takes it; one whose expert nobody has asked for goes on both."""
        return self.expert in (PARTS[part], "both", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotLora:
    """A LoRA of some shots of a scene.

    Attributes:
        lora: The file.
        shots: Numbers of the shots that take it, from 0.
    """

    lora: LoraFile
    shots: tuple[int, ...]


def lora_hash(lora: LoraFile) -> str:
    """SHA-256 of the file's content in hex; the name, place, weight and expert do not enter it.

    Raises:
        InputError: Where the file cannot be read.
    """
    try:
        return file_hash(lora.path)
    except OSError as failed:
        raise InputError(
            f"the LoRA cannot be read: {failed.strerror or failed}",
            where=str(lora.path),
            hint="correct the path",
        ) from failed


def check_lora_files(loras: Sequence[LoraFile], *, experts: int) -> None:
    """Refuse what is wrong with LoRA files for a model of ``experts`` (1 or 2), all at once.

    Raises:
        InputError: With one problem per wrong file or value: missing, not safetensors, no LoRA
            inside, without effect, given twice, or meant for an expert that the model lacks.
    """
    if problems := list(lora_problems(loras, experts=experts).values()):
        raise InputError.of(problems)


def lora_problems(loras: Sequence[LoraFile], *, experts: int) -> dict[int, Problem]:
    """What :func:`check_lora_files` refuses, by the number of the file in the sequence."""
    problems: dict[int, Problem] = {}
    taken: set[tuple[Path, Expert]] = set()
    for i, lora in enumerate(loras):
        fault = _fault_of_value(lora, experts) or _fault_of_file(lora.path)
        if fault:
            problems[i] = Problem(fault[0], str(lora.path), fault[1])
            continue
        places = [expert for part, expert in PARTS.items() if lora.changes(part)]
        again = [place for place in places if (lora.path.resolve(), place) in taken]
        if again:
            problems[i] = Problem(
                f"the LoRA is given twice for the {again[0]}-noise expert",
                str(lora.path),
                "keep one entry and put the whole weight there",
            )
        taken.update((lora.path.resolve(), place) for place in places)
    return problems


def _fault_of_value(lora: LoraFile, experts: int) -> tuple[str, str] | None:
    if lora.expert is not None and lora.expert not in EXPERTS:
        return f"there is no expert '{lora.expert}'", f"write one of {', '.join(EXPERTS)}"
    if not math.isfinite(lora.weight):
        return f"a LoRA's weight of {lora.weight} is not a number", "write a weight such as 1.0"
    if lora.weight == 0:
        return "a LoRA of weight 0 changes nothing", "give it another weight, or take it out"
    if experts == 1 and lora.expert == "low":
        return "the model has one network and no low-noise expert", "write `expert: both`"
    return None


def _fault_of_file(path: Path) -> tuple[str, str] | None:
    # False, not errors, for impossible names.
    if not os.path.exists(path):  # noqa: PTH110
        return "the LoRA file does not exist", "correct the path"
    if not os.path.isfile(path):  # noqa: PTH113
        return "the LoRA is not a file", "name the .safetensors file inside the folder"
    if path.suffix != ".safetensors":
        return (
            f"the LoRA is a '{path.suffix or path.name}' file; only .safetensors is read, "
            "other kinds can run code when opened",
            "convert it to safetensors, or fetch the safetensors version",
        )
    try:
        with safe_open(path, framework="numpy") as opened:
            keys = list(opened.keys())
    except (SafetensorError, OSError) as failed:
        return f"the LoRA is not a whole safetensors file: {failed}", "fetch or save it again"
    if not any(key.endswith(DOWN + UP + DIFFERENCES + JOINED) for key in keys):
        shown = ", ".join(sorted(keys)[:3]) or "nothing"
        return (
            f"the file holds no LoRA matrices; it holds {shown}",
            "name a LoRA in the diffusers, ComfyUI or musubi naming, not a whole network",
        )
    return None
