"""Screenplay text -> HoloCine's one prompt string, and the token ranges of its parts.

The string is ``[global caption] G This scene contains N shots. [per shot caption] S1 [shot cut] S2
...``. Characters become ``[character1]``, ``[character2]`` in order of appearance, with their look
at the end of G.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from holocine_core.script.screenplay import Scene, Screenplay, Shot
from holocine_core.script.timeline import TextSpan

GLOBAL = "[global caption]"
PER_SHOT = "[per shot caption]"
CUT = "[shot cut]"
MARKERS = (GLOBAL, PER_SHOT, CUT)
_SPELLED = re.compile(
    r"\[[\s_-]*(?:(global)[\s_-]+caption|(per[\s_-]+shot)[\s_-]+caption|(?:shot[\s_-]*)?cut)[\s_-]*\]",
    re.I,
)
"""Markers in any spelling that people give them."""
COUNT = re.compile(r"This scene contains (\d+) shots?\b\.?")
"""How a global caption tells its number of shots."""

# How size, angle and movement read in a prompt: "Medium shot, low angle, the camera pushes in. ..."
SIZE_WORDS: Mapping[str, str] = {
    "extreme wide": "extreme wide shot",
    "wide": "wide shot",
    "full": "full shot",
    "medium wide": "medium wide shot",
    "medium": "medium shot",
    "medium close-up": "medium close-up",
    "close-up": "close-up",
    "extreme close-up": "extreme close-up",
    "insert": "insert shot",
    "two-shot": "two-shot",
    "over-the-shoulder": "over-the-shoulder shot",
}
ANGLE_WORDS: Mapping[str, str] = {
    "eye-level": "eye-level",
    "low": "low angle",
    "high": "high angle",
    "overhead": "overhead angle",
    "dutch": "dutch angle",
    "point of view": "point-of-view angle",
}
MOVEMENT_WORDS: Mapping[str, str] = {
    "static": "the camera is static",
    "pan left": "the camera pans left",
    "pan right": "the camera pans right",
    "tilt up": "the camera tilts up",
    "tilt down": "the camera tilts down",
    "push in": "the camera pushes in",
    "pull out": "the camera pulls out",
    "dolly in": "the camera dollies in",
    "dolly out": "the camera dollies out",
    "tracking": "the camera tracks the movement",
    "crane up": "the camera cranes up",
    "crane down": "the camera cranes down",
    "zoom in": "the camera zooms in",
    "zoom out": "the camera zooms out",
    "orbit": "the camera orbits",
    "handheld": "handheld camera",
}


@dataclass(frozen=True, slots=True)
class Mention:
    """A ``{name}`` in a text; ``name`` is None where a brace is stray."""

    start: int
    name: str | None


_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def said_counts(caption: str) -> Iterator[tuple[re.Match[str], int]]:
    """Where a caption tells a number of shots, and which: -1 for one with more digits than any."""
    for found in COUNT.finditer(caption):
        digits = found[1].lstrip("0")
        # Python refuses to read some thousand digits as a number.
        yield found, int(digits or "0") if len(digits) < 10 else -1


def mentions(text: str) -> Iterator[Mention]:
    """Every ``{name}`` and every stray brace; ``{{`` and ``}}`` stand for braces."""
    for found in _BRACES.finditer(text):
        if found[0] in ("{{", "}}"):
            continue
        yield Mention(found.start(), _name(found) or None)


def _name(found: re.Match[str]) -> str:
    """The name between a pair of braces; empty where there is none."""
    return unicodedata.normalize("NFC", (found[1] or "").strip())


def substitute(text: str, tags: Mapping[str, str]) -> str:
    """Replace every ``{name}`` by its tag and ``{{``/``}}`` by braces.

    Raises:
        KeyError: A name without a tag.
    """

    def one(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        return tags[_name(found)]

    return _BRACES.sub(one, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenePrompt:
    """A scene's text, ready for a text encoder.

    Attributes:
        text: The cleaned HoloCine prompt of the whole scene.
        caption: The global caption as it enters ``text``.
        captions: Each shot's caption as it enters ``text``.
        shots: Each shot's caption as a person wrote it, with plain names, for display.
        written: The global caption and each shot's, before cleaning.
    """

    text: str
    caption: str
    captions: tuple[str, ...]
    shots: tuple[str, ...]
    written: tuple[str, tuple[str, ...]]

    @property
    def windows(self) -> tuple[str, ...]:
        """Per shot, the prompt that holds the global caption and this shot only (``text:
        per-shot`` encodes these one by one). Each repeats the caption, so they are made when they
        are asked for."""
        caption, texts = self.written
        return tuple(clean(f"{GLOBAL} {caption} {PER_SHOT} {text}") for text in texts)


@dataclass(frozen=True, slots=True)
class RawPrompt:
    """The parts of a prompt in HoloCine's raw form."""

    global_: str
    shots: tuple[str, ...]


def parse_raw(prompt: str) -> RawPrompt:
    """Take HoloCine's raw form apart.

    Raises:
        ValueError: A marker is missing, doubled or out of order, or a shot has no text.
    """
    for marker in (GLOBAL, PER_SHOT):
        if prompt.count(marker) != 1:
            raise ValueError(f"a raw prompt holds {marker} exactly once")
    before, rest = prompt.split(GLOBAL)
    if before.strip():
        raise ValueError(f"a raw prompt begins with {GLOBAL}")
    if PER_SHOT not in rest:
        raise ValueError(f"{PER_SHOT} comes after {GLOBAL}")
    caption, shots_text = rest.split(PER_SHOT)
    if CUT in caption:
        raise ValueError(f"{CUT} stands between shots only")
    shots = tuple(part.strip() for part in shots_text.split(CUT))
    for i, shot in enumerate(shots, 1):
        if not shot:
            raise ValueError(f"shot {i} has no text")
    return RawPrompt(caption.strip(), shots)


def other_spellings(prompt: str) -> list[tuple[str, str]]:
    """Markers that are spelled as HoloCine's are not, such as ``[SHOT CUT]`` or ``[cut]``, and how
    they are: a network reads them as any words."""
    found = [(one[0], _marker(one)) for one in _SPELLED.finditer(prompt)]
    return [pair for pair in dict.fromkeys(found) if pair[0] != pair[1]]


def spelled(prompt: str) -> str:
    """A raw prompt with its markers in HoloCine's own spelling."""
    return _SPELLED.sub(_marker, prompt)


def _marker(found: re.Match[str]) -> str:
    if found[1]:
        return GLOBAL
    return PER_SHOT if found[2] else CUT


def shot_count(scene: Scene) -> int:
    """Shots of a scene in either form. Raises ValueError for a broken raw prompt."""
    return (
        len(parse_raw(scene.prompt).shots) if scene.prompt is not None else len(scene.shots or ())
    )


def scene_characters(scene: Scene) -> tuple[str, ...]:
    """Names in order: as the scene lists them, or as its prompts first mention them."""
    if scene.characters is not None:
        return scene.characters
    texts = [scene.global_, *(shot.prompt for shot in scene.shots or ())]
    names = [m.name for text in texts for m in mentions(text) if m.name is not None]
    return tuple(dict.fromkeys(names))


def compose(screenplay: Screenplay, scene: Scene) -> ScenePrompt:
    """The one place where a scene's text is put together.

    Global caption: film style, scene text, then ``[characterN] is <look>.`` for each character,
    then ``This scene contains N shots.`` unless it says so already. Shot: size, angle and movement,
    then its prompt. A raw prompt passes unchanged but for the sentence with the shot count.
    """
    if scene.prompt is not None:
        raw = parse_raw(scene.prompt)
        return _assemble(raw.global_, raw.shots, raw.shots)
    names = scene_characters(scene)
    tags = {name: f"[character{i}]" for i, name in enumerate(names, 1)}
    looks = [sentence(f"{tags[name]} is {screenplay.characters[name].strip()}") for name in names]
    style = sentence(screenplay.style)
    setting = sentence(substitute(scene.global_, tags))
    caption = " ".join(part for part in (style, setting, *looks) if part)
    shots = scene.shots or ()
    texts = tuple(substitute(compose_shot(shot), tags) for shot in shots)
    shown = {name: name.replace("_", " ").capitalize() for name in names}
    return _assemble(caption, texts, [substitute(shot.prompt, shown).strip() for shot in shots])


def compose_shot(shot: Shot) -> str:
    """Size, angle and movement as a phrase before the prompt."""
    phrase = ", ".join(camera_phrases(shot).values())
    return f"{phrase[0].upper()}{phrase[1:]}. {shot.prompt}" if phrase else shot.prompt


def camera_phrases(shot: Shot) -> dict[str, str]:
    """How a shot's size, angle and movement read in its prompt, of those that it gives."""
    keys = (
        ("size", SIZE_WORDS, shot.size),
        ("angle", ANGLE_WORDS, shot.angle),
        ("movement", MOVEMENT_WORDS, shot.movement),
    )
    return {name: words[value] for name, words, value in keys if value is not None}


def sentence(text: str) -> str:
    """The text with a full stop at its end, if it has any text."""
    text = text.strip()
    return text if not text or text[-1] in ".!?\"'" else f"{text}."


def alone(prompt: ScenePrompt, shot: int) -> ScenePrompt:
    """One shot of a scene as a scene of its own, under the same global caption."""
    return some(prompt, (shot,))


def some(prompt: ScenePrompt, shots: Sequence[int]) -> ScenePrompt:
    """Some shots of a scene as a scene of their own, under the same global caption."""
    caption = COUNT.sub("", prompt.caption).strip()
    return _assemble(caption, [prompt.captions[i] for i in shots], [prompt.shots[i] for i in shots])


def _assemble(caption: str, texts: Sequence[str], shown: Sequence[str]) -> ScenePrompt:
    if all(said != len(texts) for _, said in said_counts(caption)):
        caption = f"{caption} This scene contains {len(texts)} shots.".strip()
    text = f"{GLOBAL} {caption} {PER_SHOT} {f' {CUT} '.join(t.strip() for t in texts)}"
    return ScenePrompt(
        text=clean(text),
        written=(caption, tuple(t.strip() for t in texts)),
        caption=clean(caption),
        captions=tuple(clean(t) for t in texts),
        shots=tuple(shown),
    )


# What ftfy and unescaping leave alone: ASCII without entities and control characters.
_PLAIN = re.compile(r"[\n\t !-%'-~]*")


def clean(text: str) -> str:
    """The release's cleaning: ftfy, HTML unescaped twice, white space collapsed."""
    if _PLAIN.fullmatch(text):
        return " ".join(text.split())
    import ftfy

    return re.sub(r"\s+", " ", _unescaped(_unescaped(ftfy.fix_text(text)))).strip()


_LONG_ENTITY = re.compile(r"&#0*([0-9]*);?")


def _unescaped(text: str) -> str:
    """HTML's entities as characters; a number beyond all characters is the replacement character,
    however many digits it has: Python refuses to read some thousand."""
    short = _LONG_ENTITY.sub(
        lambda found: found[0] if len(found[0]) < 20 else _entity(found[1]), text
    )
    return html.unescape(short)


def _entity(digits: str) -> str:
    return f"&#{digits or '0'};" if len(digits) < 10 else "\N{REPLACEMENT CHARACTER}"


def lost_entity(text: str) -> str | None:
    """The first of a text's entities whose number is beyond all characters; None where none is."""
    if "&" not in text:
        return None
    for form in (text, _unescaped(text)):
        for found in _NUMBER.finditer(form):
            digits = (found[1] or found[2]).lstrip("0")
            if len(digits) > 7 or int(digits or "0", 16 if found[2] else 10) > sys.maxunicode:
                return found[0]
    return None


_NUMBER = re.compile(r"&#(?:([0-9]+)|[xX]([0-9a-fA-F]+));?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRanges:
    """Token ranges of a prompt's parts, each half-open, before the release's quirk is applied."""

    global_: TextSpan
    shots: tuple[TextSpan, ...]

    def windows(self, length: int) -> tuple[tuple[int, ...], ...]:
        """Per shot, the context positions its video tokens attend to, out of ``length``.

        These are the global caption's tokens, the shot's own and the padding. The release takes
        a range's end as included, so each range holds one token more than its text (its
        neighbour's first, or the end-of-text token); its checkpoints were trained so.
        """
        largest = max(self.global_.stop, *(span.stop for span in self.shots))
        padding = set(range(largest + 1, length))
        shared = padding | _with_end(self.global_, length)
        return tuple(tuple(sorted(shared | _with_end(span, length))) for span in self.shots)


def _with_end(span: TextSpan, length: int) -> set[int]:
    return set(range(span.start, min(span.stop + 1, length)))


def token_ranges(prompt: str, offsets: Sequence[tuple[int, int]]) -> TextRanges:
    """Token ranges of a cleaned HoloCine prompt.

    A token belongs to the first range its characters overlap: the global caption, then the shots in
    order. Tokens without characters (end of text, padding) belong to none.

    Args:
        prompt: The cleaned prompt.
        offsets: Start and end character of every token.

    Raises:
        ValueError: The prompt lacks a marker, or a part has no token.
    """
    members = _members(prompt, offsets)
    if any(not tokens for tokens in members):
        raise ValueError("a part of the prompt has no token")
    spans = [TextSpan(tokens[0], tokens[-1] + 1) for tokens in members]
    return TextRanges(global_=spans[0], shots=tuple(spans[1:]))


def parts_without_tokens(prompt: str, offsets: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Parts that ``token_ranges`` refuses: 0 for the global caption, and the shots' numbers."""
    return tuple(i for i, tokens in enumerate(_members(prompt, offsets)) if not tokens)


def _members(prompt: str, offsets: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The tokens of every part of a prompt."""
    start = prompt.index(GLOBAL)
    shots_at = prompt.index(PER_SHOT)
    ends = [found.end() for found in re.finditer(re.escape(CUT), prompt)]
    bounds = [shots_at, *ends, len(prompt)]
    parts = [(start, shots_at), *pairwise(bounds)]
    members: list[list[int]] = [[] for _ in parts]
    stops = [stop for _, stop in parts]
    for token, (first, last) in enumerate(offsets):
        part = bisect_right(stops, first)  # The first that does not end before the token.
        if first < last and part < len(parts) and last > parts[part][0]:
            members[part].append(token)
    return members
