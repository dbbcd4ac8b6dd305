"""A script's elements -> a draft: a scene per heading, a shot per action beat and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from holocine_core.adapt.draft import LOOK, Draft, DraftScene, DraftShot, slug

Kind = Literal[
    "title", "heading", "action", "character", "dialogue", "parenthetical", "lyric", "transition",
    "centered", "remark",
]  # fmt: skip
SECONDS_PER_WORD = {"action": 0.3, "speech": 0.4}
SHORTEST, LONGEST = 2.0, 8.0
"""A shot's guessed length in seconds."""
_EMPHASIS = re.compile(r"(\*{1,3}|_)(?=\S)(.+?)(?<=\S)\1", re.S)
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
    told = " ".join(shot.prompt for scene in scenes for shot in scene.shots)
    title = next((e.text for e in elements if e.kind == "title" and e.extra == "title"), source)
    return Draft(
        title=_plain(title),
        source=source,
        looks={
            name: _look(spoken, elements)
            for spoken, name in cast.items()
            if f"{{{name}}}" in told  # A voice that is never seen needs no look.
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
        self._scenes: list[DraftScene] = []
        self._shots: list[DraftShot] = []
        self._waiting: list[str] = []
        """Remarks for what comes next."""
        self._speaker: Element | None = None
        self._spoke = False
        self._manner: list[str] = []
        self._passing = ""
        """A transition that waits to be the scene's last word."""

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
                self._manner.append(_plain(element.text))
            case "dialogue" | "lyric":
                self._say(element)
            case "transition":
                self._passing = element.text.strip()
            case "centered":
                self._waiting.append(f"{LOOK} a title card in the script: {_plain(element.text)}")
            case "remark":
                self._waiting.append(element.text)

    def _beats(self, text: str) -> None:
        """A shot for every beat of an action."""
        for beat in re.split(r"\n\s*\n", text):
            if beat.strip():
                self._add(self._told(beat), "action")

    def _open(self, heading: Element) -> None:
        taken = [scene.id for scene in self._scenes]
        name = slug(_PLACE.sub("", heading.text), taken, "scene")
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
                    id="opening", shots=(), remarks=(f"{LOOK} the script has no heading here",)
                )
            )
        words = len(prompt.split())
        seconds = min(LONGEST, max(SHORTEST, round(2 * SECONDS_PER_WORD[pace] * words) / 2))
        self._shots.append(DraftShot(prompt=prompt, seconds=seconds, remarks=tuple(self._waiting)))
        self._waiting = []

    def _say(self, line: Element) -> None:
        verb = "sings" if line.kind == "lyric" else "says"
        if self._speaker is None:
            self._waiting.append(f"{LOOK} words without a speaker: {_plain(line.text)}")
            return
        name, extra = self._speaker.text, self._speaker.extra
        words = " ".join(self._told(line.text).split())
        manner, self._manner = self._manner, []
        self._spoke = True
        if _OFF_SCREEN.search(extra):
            told = f"{LOOK} heard, not seen: {', '.join([f'{name} ({extra})', *manner])}: "
            self._waiting.append(told + _plain(line.text))
            return
        if extra and "CONT" not in extra.upper():
            self._waiting.append(f"{name} ({extra})")
        told = "".join(f", {_doubled(one)}," for one in manner).replace(",,", ",")
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
        return tagged(" ".join(_plain(text).split()), self._cast)


def _with(shot: DraftShot, remarks: Sequence[str]) -> DraftShot:
    return replace(shot, remarks=(*shot.remarks, *remarks))


def _transition(words: str) -> str | None:
    if "DISSOLVE" in words or "CROSS" in words:
        return "crossfade"
    if "FADE" in words:
        return "fade"
    return "cut" if words.endswith("CUT TO") or words == "CUT" else None


def _plain(text: str) -> str:
    """Words without Fountain's emphasis."""
    return _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", text)).strip()


def _place(heading: str) -> str:
    """``EXT. HARBOUR QUAY - DUSK`` -> ``Outside: harbour quay, dusk.``"""
    found = _PLACE.match(heading)
    kind = found[1].upper() if found else ""
    place = _plain(_PLACE.sub("", heading))
    place = re.sub(r"\s+[-\u2013\u2014]+\s+", ", ", place)
    shown = place.lower() if place.isupper() else place
    where = _WHERE.get(kind, "Inside and outside" if found else "")
    told = f"{where}: {shown}" if where else shown[:1].upper() + shown[1:]
    return f"{_doubled(told)}."


# --- characters ----------------------------------------------------------------------------------


def _cast(elements: Sequence[Element]) -> dict[str, str]:
    """Every speaker's name -> the name in the screenplay, in order of appearance."""
    found: dict[str, str] = {}
    for element in elements:
        if element.kind == "character" and element.text not in found:
            name = re.sub(r"\W+", "_", element.text.lower()).strip("_")
            name = name if name.isidentifier() else f"character_{name}".rstrip("_")
            number, free = 1, name
            while free in found.values():
                number += 1
                free = f"{name}_{number}"
            found[element.text] = free
    return found


def _forms(name: str) -> tuple[str, ...]:
    """How a script writes a name: never in small letters, where "Grace" would be grace."""
    return tuple(dict.fromkeys((name, name.upper(), name.title(), name.capitalize())))


def tagged(text: str, cast: Mapping[str, str]) -> str:
    """A text in which names are {names} and braces doubled."""
    forms = {form: tag for name, tag in cast.items() for form in _forms(name)}
    if not forms:
        return _doubled(text)
    longest_first = sorted(forms, key=len, reverse=True)
    names = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    return "".join(_pieces(text, names, forms))


def _pieces(text: str, names: re.Pattern[str], forms: Mapping[str, str]) -> Iterator[str]:
    at = 0
    for found in names.finditer(text):
        yield _doubled(text[at : found.start()])
        yield f"{{{forms[found[0]]}}}"
        at = found.end()
    yield _doubled(text[at:])


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _look(name: str, elements: Sequence[Element]) -> str:
    """What the script says when it brings a character in: ``MARA (60), an old woman, ...``."""
    intro = re.compile(
        rf"(?<!\w){re.escape(name.upper())}(?:\s*\(([^)]*)\))?,\s+((?:an?|the|in)\s[^,.;:()\n]+)"
    )
    for element in elements:
        if element.kind == "action" and (found := intro.search(_plain(element.text))):
            return _doubled(", ".join(part for part in (found[2].strip(), found[1]) if part))
    return ""
