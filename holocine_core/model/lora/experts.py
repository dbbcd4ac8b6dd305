"""Which of two noise experts a LoRA file is for, where nobody says: its keys tell, then its name.

LoRAs for Wan2.2's two experts come as pairs of files whose names differ in one word. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from holocine_core.errors import InputError, Problem
from holocine_core.model.lora.file import Expert, LoraFile, lora_hash, lora_problems

Side = Literal["high", "low"]
_OTHER: Mapping[str, str] = {"high": "low", "low": "high", "HIGH": "LOW", "LOW": "HIGH"}
_OTHER_CAPITAL: Mapping[str, str] = {"High": "Low", "Low": "High"}
_WITH_NOISE = re.compile(r"(high|low)[-_. ]?noise|noise[-_. ]?(high|low)", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_VERSION = re.compile(
    r"v?\d+|r(ank)?\d+|fp\d+|bf16|e(poch)?\d+|s(teps?)?\d+|\d+steps?|lora|comfy|kj|t2v|i2v|wan2\d",
    re.IGNORECASE,
)
"""Words that follow a file's own name: versions, ranks, precisions, where it is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """The experts of a model, and on which of them a film that is there had its files.

    Attributes:
        count: 1 or 2 networks.
        recorded: SHA-256 of a file -> the expert that took it when the film was made; by it films
            made before names counted stay what they are.
    """

    count: int
    recorded: Mapping[str, Expert] = field(default_factory=dict)

    def place(self, lora: LoraFile) -> LoraFile:
        """The file with its expert: as given, as the film had it, as its keys or its name say, or
        both where nothing tells."""
        if lora.expert is not None:
            return lora
        if (before := self._before(lora)) is not None:
            return replace(lora, expert=before, told_by="the film")
        if self.count == 2:
            if (held := expert_by_keys(lora.path)) is not None:
                return replace(lora, expert=held, told_by="its keys")
            if (named := expert_by_name(lora.path)) is not None:
                return replace(lora, expert=named, told_by="its name")
        return replace(lora, expert="both")

    def problems(self, loras: Sequence[LoraFile]) -> dict[int, Problem]:
        """What is wrong with placed files, by the number of the file in the sequence."""
        found = {i: fault for i, fault in self._contradictions(loras)}
        return {**found, **lora_problems(loras, experts=self.count)}

    def placed(self, loras: Sequence[LoraFile]) -> tuple[LoraFile, ...]:
        """Files with their experts, each checked.

        Raises:
            InputError: With one problem per wrong file.
        """
        placed = tuple(map(self.place, loras))
        if problems := self.problems(placed):
            raise InputError.of([problems[i] for i in sorted(problems)])
        return placed

    def _before(self, lora: LoraFile) -> Expert | None:
        if not self.recorded:
            return None
        try:
            return self.recorded.get(lora_hash(lora))
        except InputError:  # It is told with all else that is wrong with the file.
            return None

    def _contradictions(self, loras: Sequence[LoraFile]) -> Iterator[tuple[int, Problem]]:
        """Files given to the expert that they are not for."""
        for i, lora in enumerate(loras):
            if lora.told_by or self._before(lora) == lora.expert or self.count == 1:
                continue
            held = expert_by_keys(lora.path)
            if held is not None and held != lora.expert:
                whom = {"low": "the low-noise expert only", "both": "both experts"}[held]
                message = f"the LoRA has matrices for {whom}, but is given to: {lora.expert}"
                hint = f"write `expert: {held}`, or leave it out"
                yield i, Problem(message, str(lora.path), hint)
                continue
            named = expert_by_name(lora.path)
            if held is None and named is not None and _OTHER[named] == lora.expert:
                message = (
                    f"the LoRA is by its name for the {named}-noise expert, but is given to: "
                    f"{lora.expert}"
                )
                hint = (
                    f"take the {lora.expert}-noise file of the pair, or write `expert: {named}`; "
                    "`both` puts it on both"
                )
                yield i, Problem(message, str(lora.path), hint)


def expert_by_keys(path: Path) -> Literal["low", "both"] | None:
    """The expert that a file's keys name; None where they name none, or it cannot be read.

    Only keys of ``transformer_2`` tell: tools that save a file for each expert call both of them
    ``transformer``.
    """
    try:
        with safe_open(path, framework="numpy") as opened:
            second = [key.startswith("transformer_2.") for key in opened.keys()]  # noqa: SIM118
    except (SafetensorError, OSError):
        return None
    if not any(second):
        return None
    return "low" if all(second) else "both"


def expert_by_name(path: Path) -> Side | None:
    """The expert that a file's name tells; None where it tells none, or names both.

    A name tells by ``high`` or ``low`` beside ``noise``; by ``HIGH`` or ``LOW`` among words in
    other letters; by one of them as its last word before versions, ranks and the like; or where
    a file of the same name with the other word lies beside it. A ``low`` anywhere else, as in
    ``low_angle``, is a word like others.
    """
    stem = path.stem
    found = {side.lower() for pair in _WITH_NOISE.findall(stem) for side in pair if side}
    words = [match.group() for match in _WORD.finditer(stem)]
    if not found and stem != stem.upper():
        found = {word.lower() for word in words if word in ("HIGH", "LOW")}
    if not found:
        own = [word for word in words if not _VERSION.fullmatch(word)]
        found = {word.lower() for word in own[-1:] if word.lower() in ("high", "low")}
    if not found:
        found = {word.lower() for word in words if _has_twin(path, word)}
    if len(found) != 1:
        return None
    return "high" if found == {"high"} else "low"


def _has_twin(path: Path, word: str) -> bool:
    """Whether the folder has the same name with the other word."""
    other = {**_OTHER, **_OTHER_CAPITAL}.get(word)
    if other is None:
        return False
    twin = re.sub(rf"(?<![^\W_]){word}(?![^\W_])", other, path.stem)
    return path.with_name(f"{twin}{path.suffix}").is_file()
