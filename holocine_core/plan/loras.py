"""Which LoRA files a screenplay, its profile, its shots and a call lay over the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from holocine_core.errors import Problem
from holocine_core.model.components import LocatedModel
from holocine_core.model.lora.experts import Experts
from holocine_core.model.lora.file import LoraFile, ShotLora, lora_hash
from holocine_core.model.lora.fitting import misfit
from holocine_core.plan.settings import choice_of
from holocine_core.request import Request
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.screenplay import Lora, Scene, Screenplay
from holocine_core.script.yaml_source import Key

Placed = Sequence[tuple[LoraFile, Key | None]]
"""Files, each with its place in the screenplay; None for those of the call."""


def film_loras(manuscript: Manuscript, request: Request, experts: Experts) -> Placed:
    """Those of the screenplay, if it is valid, of its profile and of the call, each with its place
    in the file."""
    found: list[tuple[LoraFile, Key | None]] = []
    base = manuscript.source.path.parent
    if manuscript.screenplay is not None:
        screenplay = manuscript.screenplay
        profile = choice_of(screenplay, request).base
        for key, loras in (
            (("lora",), screenplay.lora),
            (("profiles", profile, "lora"), getattr(screenplay.profiles, profile).lora),
        ):
            found += [(_file(base, lora), (*key, i)) for i, lora in enumerate(loras)]
    found += [(lora, None) for lora in request.loras]
    return [(experts.place(lora), key) for lora, key in found]


def has_shot_loras(screenplay: Screenplay) -> bool:
    """Whether any shot of the film has LoRAs of its own."""
    return any(shot.lora for scene in screenplay.scenes for shot in scene.shots or ())


def shot_loras(scene: Scene, folder: Path, experts: Experts) -> tuple[ShotLora, ...]:
    """Every file of a scene's shots once for each weight, with the shots that take it."""
    taken: dict[LoraFile, list[int]] = {}
    for number, shot in enumerate(scene.shots or ()):
        for lora in shot.lora:
            taken.setdefault(experts.place(_file(folder, lora)), []).append(number)
    return tuple(ShotLora(lora=lora, shots=tuple(shots)) for lora, shots in taken.items())


def film_lora_problems(
    manuscript: Manuscript, loras: Placed, experts: Experts, located: LocatedModel
) -> Iterator[Problem]:
    """What is wrong with the film's files and those of its shots, their headers included."""
    for i, problem in _faults([lora for lora, _ in loras], experts, located, False).items():
        key = loras[i][1]
        if key is None:
            yield problem
        else:
            message = f"{problem.message}: {problem.where}"
            yield manuscript.problem(key, message, problem.hint)
    for at, scene in manuscript.scenes:
        for number, shot in enumerate(scene.shots or ()):
            folder = manuscript.source.path.parent
            files = [experts.place(_file(folder, lora)) for lora in shot.lora]
            for i, problem in _faults(files, experts, located, True).items():
                key = ("scenes", at, "shots", number, "lora", i)
                yield manuscript.problem(key, f"{problem.message}: {problem.where}", problem.hint)


def _faults(
    loras: Sequence[LoraFile], experts: Experts, located: LocatedModel, of_a_shot: bool
) -> dict[int, Problem]:
    """What is wrong with some files, by their number in the sequence."""
    found = experts.problems(loras)
    for i, lora in enumerate(loras):
        if i not in found and (fault := misfit(lora, located, of_a_shot=of_a_shot)) is not None:
            found[i] = fault
    return dict(sorted(found.items()))


def marks(loras: Sequence[LoraFile]) -> list[list[Any]]:
    """What of each file decides a picture, for fingerprints."""
    return [[lora_hash(lora), lora.weight, lora.expert] for lora in loras]


def shot_marks(loras: Sequence[ShotLora]) -> list[list[Any]]:
    """As :func:`marks`, with the shots."""
    told_of = marks([one.lora for one in loras])
    return [[*mark, one.shots] for one, mark in zip(loras, told_of, strict=True)]


def told(loras: Sequence[LoraFile]) -> list[str]:
    """LoRAs as the command line takes them."""
    return [f"{lora.path.name}:{lora.weight:g}:{lora.expert or 'both'}" for lora in loras]


def _file(folder: Path, lora: Lora) -> LoraFile:
    return LoraFile(path=folder / lora.file, weight=lora.weight, expert=lora.expert)
