"""A script's elements -> a draft: a scene per heading, a shot per action beat and line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from holocine_core.adapt.draft import LOOK, Draft, DraftScene, DraftShot, Slugs
from holocine_core.adapt.elements import Element
from holocine_core.adapt.headings import caption_of, is_usual, place_of, transition_kind
from holocine_core.adapt.names import Names, doubled, plain
from holocine_core.adapt.speakers import (
    as_people,
    cast_of,
    cues_of,
    is_only_heard,
    manners,
    together,
    told_manner,
)
from holocine_core.script.prompt import mentions

SECONDS_PER_WORD = {"action": 0.3, "speech": 0.4}
SHORTEST, LONGEST = 2.0, 8.0
"""A shot's guessed length in seconds."""
_BULLET = re.compile(r"\A(?:--?|[\u2013\u2014\u2022*])\s+(?=\S)")
"""What begins the lines of a montage."""
_HEADS = ("section: ", "act: ", "new act: ", "cold opening: ")
"""Remarks that head the scene behind them."""
_ENDS = ("act: END", "act: COMMERCIAL")


def to_draft(elements: Sequence[Element], source: str) -> Draft:
    """Read a script as film-makers do: headings are scenes, beats and lines are shots.

    Lengths are guessed from the words. What cannot be filmed as it stands (voices from off screen,
    unknown transitions, titles) becomes a remark on the shot before, nothing is left out.

    Args:
        elements: The script's paragraphs, in order.
        source: The script's file name.
    """
    cast = cast_of(elements)
    draft = _Drafting(cast, elements)
    for element in elements:
        draft.take(element)
    scenes = draft.scenes()
    seen = {m.name for scene in scenes for shot in scene.shots for m in mentions(shot.prompt)}
    looks = draft.looks(elements)
    pages = [e for e in elements if e.kind == "title"]
    title = next((e for e in pages if e.extra == "title" and e.text), Element("title", source))
    return Draft(
        title=plain(title.text),
        source=source,
        looks={
            name: looks.get(spoken, "")
            for spoken, name in cast.items()
            if name in seen  # A voice that is never seen needs no look.
        },
        scenes=scenes,
        remarks=(
            "Lengths are guessed from the words: change what should last longer or shorter.",
            *(f"{e.extra}: {e.text}" for e in pages if e is not title),
        ),
    )


class _Drafting:
    """Collects shots into scenes while a script is read."""

    def __init__(self, cast: Mapping[str, str], elements: Sequence[Element]) -> None:
        self._cast = cast
        self._cues = cues_of(elements)
        told = (e.text for e in elements if e.kind in ("action", "dialogue", "lyric"))
        self._names = Names(cast, told)
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
        self._fall_silent()
        if self._scenes and is_usual(self._passing):
            # No scene follows that it could lead to.
            self._waiting.append(f"the script ends: {self._passing}")
            self._passing = ""
        self._close(last=True)
        if self._scenes and self._waiting:
            last = self._scenes[-1]
            self._scenes[-1] = replace(last, ending=(*last.ending, *self._waiting))
            self._waiting = []
        return tuple(self._scenes)

    def take(self, element: Element) -> None:
        if element.kind not in ("parenthetical", "dialogue", "lyric", "remark"):
            self._fall_silent()
        if element.kind not in ("heading", "remark", "transition", "centered"):
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
                self._passing = f"{self._passing} {element.text.strip()}".strip()
            case "centered":
                self._waiting.append(f"{LOOK} a title card in the script: {plain(element.text)}")
            case "remark":
                self._waiting.append(element.text)

    def _beats(self, text: str) -> None:
        """A shot for every beat of an action."""
        for beat in re.split(r"\n\s*\n", text):
            if words := _BULLET.sub("", beat.strip()):
                self._add(self._told(words, action=True), "action")

    def _open(self, heading: Element) -> None:
        name = self._slugs(place_of(plain(heading.text))[1], "scene")
        remarks, self._waiting = tuple(self._waiting), []
        caption = caption_of(plain(heading.text))
        self._scenes.append(DraftScene(id=name, caption=caption, shots=(), remarks=remarks))

    def _close(self, *, last: bool = False) -> None:
        """Give the open scene its shots, and what was said after the last of them."""
        self._fall_silent()
        if not self._scenes:
            if self._passing:
                self._waiting.append(f"the script begins: {self._passing}")
                self._passing = ""
            return
        scene = self._scenes[-1]
        kind = transition_kind(self._passing)
        if kind is not None and not last:
            scene = replace(scene, transition=kind)
            if is_usual(self._passing):
                self._passing = ""
        self._keep_passing()
        waiting, self._waiting = _parted_at_section(self._waiting)
        ending: tuple[str, ...] = ()
        if self._shots:
            ending = tuple(waiting)
        else:
            waiting.append(f"{LOOK} the script shows nothing in this scene")
            shown = scene.caption or "Black."
            self._shots = [DraftShot(prompt=shown, seconds=SHORTEST, remarks=tuple(waiting))]
        self._scenes[-1] = replace(scene, shots=tuple(self._shots), ending=ending)
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
        manner, self._manner = self._manner, []
        self._spoke = True
        names = together(name.upper(), self._cues)
        if is_only_heard(name.upper(), extra):
            by = name + (f" ({extra})" if extra else "")
            told = f"{LOOK} heard, not seen: {', '.join([by, *manner])}: "
            self._waiting.append(told + plain(line.text))
            return
        words = " ".join(self._told(line.text).split())
        beside, unseen = manners(extra)
        if unseen:
            self._waiting.append(f"{name} ({unseen})")
        told = "".join(f", {doubled(told_manner(one))}," for one in (*beside, *manner))
        verb = verb.removesuffix("s") if len(names) > 1 else verb
        who = as_people(names, self._cast)
        self._add(f'{who}{told.replace(",,", ",")} {verb}: "{words}"', "speech")

    def _fall_silent(self) -> None:
        """Nobody speaks any more: what was said about how, and not spoken, is kept."""
        if self._speaker is not None and (self._manner or not self._spoke):
            behind = (self._speaker.extra, *self._manner)
            name = " ".join([self._speaker.text, *(f"({one})" for one in behind if one)])
            self._waiting.append(f"{LOOK} named in the script without words: {name}")
        self._speaker, self._manner, self._spoke = None, [], False

    def _keep_passing(self) -> None:
        """A transition in the middle of a scene, which a screenplay has no place for."""
        if self._passing:
            asks = "" if transition_kind(self._passing) == "cut" else f"{LOOK} "
            self._waiting.append(f"{asks}a transition in the script: {self._passing}")
        self._passing = ""

    def _told(self, text: str, *, action: bool = False) -> str:
        """A text with its characters as {names}."""
        told = self._names.tagged(" ".join(plain(text).split()), action=action)
        for word in self._names.doubts():
            self._waiting.append(f"{LOOK} is '{word}' a word here, or {word.upper()}?")
        return told


def _parted_at_section(remarks: list[str]) -> tuple[list[str], list[str]]:
    """What was said after a scene's last shot, and what heads the next scene: a section or an act
    and all behind it."""
    heads = [
        i
        for i, remark in enumerate(remarks)
        if remark.startswith(_HEADS) and not remark.startswith(_ENDS)
    ]
    at = heads[0] if heads else len(remarks)
    return remarks[:at], remarks[at:]
