"""HoloCine's raw prompts -> a draft: a prompt is a scene."""

from __future__ import annotations

from holocine_core.adapt.draft import Draft, DraftScene, DraftShot
from holocine_core.errors import InputError
from holocine_core.script.prompt import GLOBAL, other_spellings, parse_raw, said_counts, spelled

GUESSED = 3.0
"""Seconds of a shot: a raw prompt says nothing of time."""


def raw_draft(text: str, source: str, title: str) -> Draft:
    """Read a file of raw prompts, one after another.

    Raises:
        InputError: A prompt that is not in the raw form, with the line where it begins.
    """
    others = other_spellings(text)
    before, *prompts = spelled(text).split(GLOBAL)
    if before.strip() or not prompts:
        line = 1 + len(before[: len(before) - len(before.lstrip())].splitlines())
        raise InputError(
            f"a raw prompt begins with {GLOBAL}", where=f"{source}:{line}",
            hint="HoloCine's form: [global caption] ... [per shot caption] ... [shot cut] ...",
        )  # fmt: skip
    scenes: list[DraftScene] = []
    line = 1 + before.count("\n")
    for number, prompt in enumerate(prompts, 1):
        try:
            parts = parse_raw(GLOBAL + prompt)
        except ValueError as error:
            raise InputError(str(error), where=f"{source}:{line}") from None
        line += prompt.count("\n")
        scenes.append(
            DraftScene(
                id=f"scene-{number}",
                caption=_told(_uncounted(parts.global_, len(parts.shots))),
                shots=tuple(DraftShot(prompt=_told(shot), seconds=GUESSED) for shot in parts.shots),
            )
        )
    remark = f"A raw prompt says nothing of time: every shot has {GUESSED:g} seconds."
    remarks = (remark, *(f"{wrong} is written {right} here" for wrong, right in others))
    return Draft(title=title, source=source, scenes=tuple(scenes), remarks=remarks)


def _uncounted(caption: str, shots: int) -> str:
    """A caption without its count of shots where that is added again: last, and right."""
    told = list(said_counts(caption))
    if len(told) == 1 and told[0][1] == shots and not caption[told[0][0].end() :].strip():
        return caption[: told[0][0].start()]
    return caption


def _told(text: str) -> str:
    return " ".join(text.split()).replace("{", "{{").replace("}", "}}")
