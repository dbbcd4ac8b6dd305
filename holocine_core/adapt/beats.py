"""A script's elements -> a draft: a scene per heading, a shot per action beat and line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from holocine_core.adapt.draft import LOOK, Draft, DraftScene, DraftShot, Slugs
from holocine_core.adapt.names import Names, doubled, plain
from holocine_core.script.prompt import mentions

Kind = Literal[
    "title", "heading", "action", "character", "dialogue", "parenthetical", "lyric", "transition",
    "centered", "remark",
]  # fmt: skip
SECONDS_PER_WORD = {"action": 0.3, "speech": 0.4}
SHORTEST, LONGEST = 2.0, 8.0
"""A shot's guessed length in seconds."""
_PLACE = re.compile(r"^(INT\.?/EXT|EXT\.?/INT|I/E|INT|EXT|EST)(?:\.\s*|\s+)", re.I)
_WHERE = {"INT": "Inside", "EXT": "Outside", "EST": "Outside"}
_OFF_SCREEN = re.compile(r"\b(V\.?O|O\.?S|O\.?C)\b", re.I)


@dataclass(frozen=True, slots=True)
class Element:
    """One paragraph of a script.

    Attributes:
        kind: What it is.
        text: Its words; of a character its name.
        extra: Of a character what stands in brackets, of a title its key, of notes nothing.
    """

    kind: Kind
    text: str
    extra: str = ""


def to_draft(elements: Sequence[Element], source: str) -> Draft:
    """Read a script as film-makers do: headings are scenes, beats and lines are shots.

    Lengths are guessed from the words. What cannot be filmed as it stands (voices from off screen,
    unknown transitions, titles) becomes a remark on the shot before, nothing is left out.

    Args:
        elements: The script's paragraphs, in order.
        source: The script's file name.
    """
    cast = _cast(elements)
    draft = _Drafting(cast)
    for element in elements:
        draft.take(element)
    scenes = draft.scenes()
    seen = {m.name for scene in scenes for shot in scene.shots for m in mentions(shot.prompt)}
    looks = draft.looks(elements)
    title = next((e.text for e in elements if e.kind == "title" and e.extra == "title"), source)
    return Draft(
        title=plain(title),
        source=source,
        looks={
            name: looks.get(spoken, "")
            for spoken, name in cast.items()
            if name in seen  # A voice that is never seen needs no look.
        },
        scenes=scenes,
        remarks=(
            "Lengths are guessed from the words: change what should last longer or shorter.",
            *(f"{e.extra}: {e.text}" for e in elements if e.kind == "title" and e.extra != "title"),
        ),
    )


class _Drafting:
    """Collects shots into scenes while a script is read."""

    def __init__(self, cast: Mapping[str, str]) -> None:
        self._cast = cast
        self._names = Names(cast)
        self._slugs = Slugs()
        self._scenes: list[DraftScene] = []
        self._shots: list[DraftShot] = []
        self._waiting: list[str] = []
        """Remarks for what comes next."""
        self._speaker: Element | None = None
        self._spoke = False
        self._manner: list[str] = []
        self._passing = ""
        """A transition that waits to be the scene's last word."""

    def looks(self, elements: Sequence[Element]) -> dict[str, str]:
        """What the script says of each speaker."""
        return self._names.looks(e.text for e in elements if e.kind == "action")

    def scenes(self) -> tuple[DraftScene, ...]:
        """All scenes, once the script has ended."""
        self._close()
        return tuple(self._scenes)

    def take(self, element: Element) -> None:
        if element.kind not in ("parenthetical", "dialogue", "lyric", "remark"):
            self._fall_silent()
        if element.kind not in ("heading", "remark"):
            self._keep_passing()
        match element.kind:
            case "heading":
                self._close()
                self._open(element)
            case "action":
                self._beats(element.text)
            case "character":
                self._speaker = element
            case "parenthetical":
                self._manner.append(plain(element.text))
            case "dialogue" | "lyric":
                self._say(element)
            case "transition":
                self._passing = element.text.strip()
            case "centered":
                self._waiting.append(f"{LOOK} a title card in the script: {plain(element.text)}")
            case "remark":
                self._waiting.append(element.text)

    def _beats(self, text: str) -> None:
        """A shot for every beat of an action."""
        for beat in re.split(r"\n\s*\n", text):
            if beat.strip():
                self._add(self._told(beat), "action")

    def _open(self, heading: Element) -> None:
        name = self._slugs(_PLACE.sub("", heading.text), "scene")
        remarks, self._waiting = tuple(self._waiting), []
        self._scenes.append(
            DraftScene(id=name, caption=_place(heading.text), shots=(), remarks=remarks)
        )

    def _close(self) -> None:
        """Give the open scene its shots, and what was said after the last of them."""
        self._fall_silent()
        if not self._scenes:
            return
        scene = self._scenes[-1]
        kind = _transition(self._passing.rstrip(":.").upper())
        if kind is None:
            self._keep_passing()
        else:
            scene, self._passing = replace(scene, transition=kind), ""
        if self._shots and self._waiting:
            self._shots[-1] = _with(self._shots[-1], self._waiting)
            self._waiting = []
        if not self._shots:
            empty = f"{LOOK} the script tells nothing of this scene"
            self._shots = [DraftShot(prompt=scene.caption, seconds=SHORTEST, remarks=(empty,))]
        self._scenes[-1] = replace(scene, shots=tuple(self._shots))
        self._shots = []

    def _add(self, prompt: str, pace: str) -> None:
        if not self._scenes:
            self._scenes.append(
                DraftScene(
                    id=self._slugs("opening", "scene"),
                    shots=(),
                    remarks=(f"{LOOK} the script has no heading here",),
                )
            )
        words = len(prompt.split())
        seconds = min(LONGEST, max(SHORTEST, round(2 * SECONDS_PER_WORD[pace] * words) / 2))
        self._shots.append(DraftShot(prompt=prompt, seconds=seconds, remarks=tuple(self._waiting)))
        self._waiting = []

    def _say(self, line: Element) -> None:
        verb = "sings" if line.kind == "lyric" else "says"
        if self._speaker is None:
            self._waiting.append(f"{LOOK} words without a speaker: {plain(line.text)}")
            return
        name, extra = self._speaker.text, self._speaker.extra
        words = " ".join(self._told(line.text).split())
        manner, self._manner = self._manner, []
        self._spoke = True
        if _OFF_SCREEN.search(extra):
            told = f"{LOOK} heard, not seen: {', '.join([f'{name} ({extra})', *manner])}: "
            self._waiting.append(told + plain(line.text))
            return
        if extra and "CONT" not in extra.upper():
            self._waiting.append(f"{name} ({extra})")
        told = "".join(f", {doubled(one)}," for one in manner).replace(",,", ",")
        self._add(f'{{{self._cast[name]}}}{told} {verb}: "{words}"', "speech")

    def _fall_silent(self) -> None:
        """Nobody speaks any more: what was said about how, and not spoken, is kept."""
        if self._speaker is not None and (self._manner or not self._spoke):
            name = " ".join([self._speaker.text, *(f"({one})" for one in self._manner)])
            self._waiting.append(f"{LOOK} named in the script without words: {name}")
        self._speaker, self._manner, self._spoke = None, [], False

    def _keep_passing(self) -> None:
        """A transition in the middle of a scene, which a screenplay has no place for."""
        if self._passing:
            self._waiting.append(f"{LOOK} a transition in the script: {self._passing}")
        self._passing = ""

    def _told(self, text: str) -> str:
        """A text with its characters as {names}."""
        return self._names.tagged(" ".join(plain(text).split()))


def _with(shot: DraftShot, remarks: Sequence[str]) -> DraftShot:
    return replace(shot, remarks=(*shot.remarks, *remarks))


def _transition(words: str) -> str | None:
    if "DISSOLVE" in words or "CROSS" in words:
        return "crossfade"
    if "FADE" in words:
        return "fade"
    return "cut" if words.endswith("CUT TO") or words == "CUT" else None


def _place(heading: str) -> str:
    """``EXT. HARBOUR QUAY - DUSK`` -> ``Outside: harbour quay, dusk.``"""
    found = _PLACE.match(heading)
    kind = found[1].upper() if found else ""
    place = plain(_PLACE.sub("", heading))
    place = re.sub(r"\s+[-\u2013\u2014]+\s+", ", ", place)
    shown = place.lower() if place.isupper() else place
    where = _WHERE.get(kind, "Inside and outside" if found else "")
    told = f"{where}: {shown}" if where else shown[:1].upper() + shown[1:]
    return f"{doubled(told)}."


# --- characters ----------------------------------------------------------------------------------


def _cast(elements: Sequence[Element]) -> dict[str, str]:
    """Every speaker's name -> the name in the screenplay, in order of appearance."""
    found: dict[str, str] = {}
    taken, numbers = set[str](), dict[str, int]()
    for element in elements:
        if element.kind == "character" and element.text not in found:
            name = re.sub(r"\W+", "_", element.text.lower()).strip("_")
            name = name if name.isidentifier() else f"character_{name}".rstrip("_")
            number, free = numbers.get(name, 1), name
            while free in taken:
                number += 1
                free = f"{name}_{number}"
            numbers[name] = number
            taken.add(free)
            found[element.text] = free
    return found
