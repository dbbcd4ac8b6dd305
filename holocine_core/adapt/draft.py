"""A screenplay in the making: what a script says, what was guessed, and its YAML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from holocine_core.errors import InputError
from holocine_core.script.reader import read_text
from holocine_core.script.yaml_source import yaml_of

LOOK = "LOOK:"
"""Begins every comment that asks a person to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftShot:
    """One shot. Texts are a screenplay's own: characters are {names}, other braces doubled.

    Attributes:
        prompt: What it shows.
        seconds: Its length, as found or guessed.
        frames: Its length instead.
        size, angle, movement: As a screenplay says them; empty where unsaid.
        remarks: Comments above it; those that begin with LOOK ask to be decided.
    """

    prompt: str
    seconds: float | None = None
    frames: int | None = None
    size: str = ""
    angle: str = ""
    movement: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftScene:
    """One scene and how it passes into the next."""

    id: str
    caption: str = ""
    """The screenplay's ``global``."""
    shots: tuple[DraftShot, ...]
    transition: str = "cut"
    remarks: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    """Remarks behind its last shot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A whole screenplay.

    Attributes:
        title: The film's.
        source: The script's file name.
        looks: Character -> look; empty where the script doesn't tell.
        scenes: In order.
        remarks: What holds for the whole of it.
    """

    title: str
    source: str
    looks: dict[str, str] = field(default_factory=dict)
    scenes: tuple[DraftScene, ...]
    remarks: tuple[str, ...] = ()

    @property
    def open_places(self) -> int:
        """Places where a person should look."""
        texts = [*self.remarks, *(r for s in self.scenes for r in (*s.remarks, *s.ending))]
        texts += [r for scene in self.scenes for shot in scene.shots for r in shot.remarks]
        missing = sum(not look for look in self.looks.values())
        return missing + sum(text.startswith(LOOK) for text in texts)


def parted(scenes: Sequence[DraftScene], longest: float, fps: float = 15) -> tuple[DraftScene, ...]:
    """Scenes of at most ``longest`` seconds at ``fps``: longer ones go on in another, from a shot's
    border on.

    A single shot that is longer stays whole; checking the screenplay tells of it.
    """
    found: list[DraftScene] = []
    slugs = Slugs(scene.id for scene in scenes)
    for scene in scenes:
        parts: list[list[DraftShot]] = [[]]
        length = 0.0
        for shot in scene.shots:
            length += _seconds(shot, fps)
            if parts[-1] and length > longest:
                parts.append([])
                length = _seconds(shot, fps)
            parts[-1].append(shot)
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            name = scene.id if len(parts) == 1 else slugs(f"{scene.id}-{number}", "scene")
            found.append(
                replace(
                    scene,
                    id=name,
                    shots=tuple(part),
                    transition=scene.transition if last else "cut",
                    remarks=scene.remarks if number == 1 else _goes_on(scene, longest),
                    ending=scene.ending if last else (),
                )
            )
    return tuple(found)


def _seconds(shot: DraftShot, fps: float) -> float:
    return shot.frames / fps if shot.frames is not None else shot.seconds or 0


def _goes_on(scene: DraftScene, longest: float) -> tuple[str, ...]:
    told = f"{LOOK} goes on from the scene before: the model films {longest:g} s in one piece"
    return (told,)


# --- YAML ----------------------------------------------------------------------------------------


def to_yaml(draft: Draft, model: str) -> str:
    """The draft as a screenplay file.

    Args:
        draft: What to write.
        model: The model it is for.

    Raises:
        InputError: It is longer than a screenplay can be.
    """
    text = "\n".join([*_head(draft, model), *_characters(draft), "scenes:", *_scenes(draft)]) + "\n"
    try:
        manuscript = read_text(text)
    except InputError as error:
        raise InputError(
            f"the screenplay that is made of it would have {error.message}",
            where=draft.source,
            hint="part the script, and import the parts",
        ) from None
    # Names and texts come from outside; what they break is told by `check`, with its line.
    assert isinstance(manuscript.source.data, dict), "a draft is a YAML mapping"
    return text


def _head(draft: Draft, model: str) -> Iterator[str]:
    yield "# yaml-language-server: $schema=holocine.schema.json"
    yield from _comments(f"Made from {draft.source}.", "")
    if draft.open_places:
        yield from _comments(f"Comments that begin with {LOOK} ask you to decide.", "")
    for remark in draft.remarks:
        yield from _comments(remark, "")
    yield f"title: {_scalar(draft.title)}"
    yield f"model: {_scalar(model)}"
    yield ""


def _characters(draft: Draft) -> Iterator[str]:
    if not draft.looks:
        return
    yield "characters:"
    for name, look in draft.looks.items():
        if not look:
            yield f"  # {LOOK} how does this character look? Every shot is told these words."
        yield f"  {name}: {_scalar(look or name.replace('_', ' '))}"
    yield ""


def _scenes(draft: Draft) -> Iterator[str]:
    for scene in draft.scenes:
        for remark in scene.remarks:
            yield from _comments(remark, "  ")
        yield f"  - id: {_scalar(scene.id)}"
        if scene.caption:
            yield f"    global: {_scalar(scene.caption)}"
        yield "    shots:"
        for shot in scene.shots:
            yield from _shot(shot)
        for remark in scene.ending:
            yield from _comments(remark, "      ")
        if scene.transition != "cut":
            yield f"    transition: {scene.transition}"
        yield ""


def _shot(shot: DraftShot) -> Iterator[str]:
    for remark in shot.remarks:
        yield from _comments(remark, "      ")
    yield f"      - prompt: {_scalar(shot.prompt)}"
    for key in ("size", "angle", "movement"):
        if value := getattr(shot, key):
            yield f"        {key}: {_scalar(value)}"
    if shot.frames is not None:
        yield f"        frames: {shot.frames}"
    elif shot.seconds is not None:
        yield f"        seconds: {shot.seconds:g}"


def _comments(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        shown = _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), line)
        yield f"{indent}# {shown}".rstrip()


_UNPRINTABLE = re.compile("[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML takes nowhere, not in a comment either."""


def _scalar(text: str) -> str:
    """A text as YAML on one line."""
    return yaml_of(text, width=10**9).removesuffix("...\n").strip()


class Slugs:
    """Short names of letters, digits and hyphens, each given once.

    Args:
        taken: Names that are given already.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}

    def __call__(self, text: str, fallback: str) -> str:
        """A name like the text that nobody has yet."""
        # Letters with marks become those without: Über is uber, not ber.
        plain = unicodedata.normalize("NFKD", re.sub("['\u2019]s\\b", "s", text.lower()))
        plain = plain.replace("ß", "ss")
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
        name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-") or fallback
        found, number = name, self._numbers.get(name, 1)
        while found in self._taken:
            number += 1
            found = f"{name}-{number}"
        self._numbers[name] = number  # Where the next of that name begins to look.
        self._taken.add(found)
        return found
