"""What is wrong with a screenplay for a given model: settings, timing, transitions, text length.

The reader has found what a file shows by itself; here the model's grid and tokenizer are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from pydantic import ValidationError

from holocine_core.edit.delivery import VideoCodec, check_quality
from holocine_core.errors import InputError, Problem
from holocine_core.model.components import LocatedModel
from holocine_core.model.locate import load_tokenizer
from holocine_core.model.spec import ModelSpec
from holocine_core.model.vocabulary import read_vocabulary
from holocine_core.plan.contradictions import contradictions
from holocine_core.plan.pictures import picture_problems
from holocine_core.plan.sounds import sound_problems
from holocine_core.plan.unusual import unusual
from holocine_core.plan.values import Passing, Take, Tokens
from holocine_core.plan.vocabulary_check import unknown_words
from holocine_core.sampling import PIXELS, Sampling
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.prompt import ScenePrompt, compose, parts_without_tokens
from holocine_core.script.rates import rate_or_none, shown_rate
from holocine_core.script.screenplay import Scene, Screenplay, TransitionTo, Video
from holocine_core.script.timing import Timing, TimingProblem, resolve
from holocine_core.script.unwritten import MARK, unwritten
from holocine_core.script.yaml_source import Key


def parse_size(size: str) -> tuple[int, int]:
    """``832x480`` -> (832, 480)."""
    width, height = size.split("x")
    return int(width), int(height)


def nearest_sizes(size: str, multiple: int) -> str:
    """A hint: the two sizes nearest to one, whose sides are multiples."""
    sides = parse_size(size)
    around = [
        sorted({max(1, n // multiple) * multiple, max(1, -(-n // multiple)) * multiple})
        for n in sides
    ]

    def distance(near: tuple[int, ...]) -> float:
        return sum((a / b - 1) ** 2 for a, b in zip(near, sides, strict=True))

    found = sorted(product(*around), key=distance)[:2]
    told = " and ".join("x".join(map(str, near)) for near in found)
    return f"the nearest {'are' if len(found) > 1 else 'is'} {told}"


def settings_problems(
    manuscript: Manuscript, spec: ModelSpec, recorded: Mapping[str, Sampling]
) -> Iterator[Problem]:
    """What of a film's settings can not be.

    Args:
        manuscript: The screenplay.
        spec: The model's.
        recorded: By profile, how a film that is there was sampled.
    """
    step = spec.size_multiple
    data = manuscript.source.data
    profiles = data.get("profiles")
    sizes: list[tuple[tuple[str, ...], Any, int]] = [(("size",), data.get("size"), step)]
    for name, changes in (profiles if isinstance(profiles, dict) else {}).items():
        if isinstance(changes, dict):
            sizes.append((("profiles", name, "size"), changes.get("size"), step))
    deliver = data.get("deliver")
    if isinstance(deliver, dict):
        sizes.append((("deliver", "size"), deliver.get("size"), 2))
    yield from _eta_problems(manuscript, profiles, spec, recorded)
    for key, size, multiple in sizes:
        try:
            width, height = parse_size(size)
        except (AttributeError, ValueError):
            continue
        if not all(PIXELS[0] <= side <= PIXELS[1] for side in (width, height)):
            continue  # The reader has said so.
        if width % multiple or height % multiple:
            message = f"size {size} is not a multiple of {multiple} pixels"
            yield manuscript.problem(key, message, nearest_sizes(size, multiple))
    try:
        video = Video.model_validate(data.get("video", {}))
        check_quality(VideoCodec(codec=video.codec, crf=video.quality))
    except ValidationError:
        return  # The reader has said so.
    except InputError as error:
        yield manuscript.problem(("video", "quality"), error.message, error.hint)


def _eta_problems(
    manuscript: Manuscript, profiles: Any, spec: ModelSpec, recorded: Mapping[str, Sampling]
) -> Iterator[Problem]:
    """An `eta` beside a sampler that draws no noise, the model's own where none is named."""
    for name, changes in (profiles if isinstance(profiles, dict) else {}).items():
        if name not in spec.profiles or not isinstance(changes, dict):
            continue  # The reader has said so.
        own = recorded[name] if name in recorded else spec.profiles[name]
        sampler = changes.get("sampler") or own.sampler
        if changes.get("eta") is not None and sampler in ("euler", "unipc"):
            yield manuscript.problem(
                ("profiles", name, "eta"),
                f"`eta` belongs to the sampler sde; {name} samples with {sampler}",
                "write `sampler: sde` beside it, or leave it out",
            )


def scene_problems(
    manuscript: Manuscript,
    spec: ModelSpec,
    size: tuple[int, int] | None = None,
    outside: bool = False,
) -> Iterator[Problem]:
    """Timing, transitions, sound and pictures of every scene that is otherwise valid.

    Args:
        manuscript: The screenplay.
        spec: The model's.
        size: The film's; None where it is not known yet.
        outside: Whether pictures and sounds may lie outside the screenplay's folder.
    """
    data = manuscript.source.data
    fps = rate_or_none(data.get("fps")) or Fraction(spec.fps)
    strict = data.get("strict") is True
    timings: dict[int, Timing] = {}
    for i, scene in manuscript.scenes:
        timing = _timing(scene, fps, spec, strict)
        for problem in timing if isinstance(timing, list) else ():
            yield manuscript.problem(("scenes", i, *problem.key), problem.message, problem.hint)
        if isinstance(timing, Timing):
            timings[i] = timing
            yield from picture_problems(
                manuscript, i, scene, timing.timeline, size, outside=outside
            )
        if scene.sound is not None:
            yield from sound_problems(manuscript, ("scenes", i, "sound"), scene.sound.file, outside)
        yield from _transition_problems(manuscript, i, scene.transition, fps)
    scenes = dict(manuscript.scenes)
    for i, timing in timings.items():
        before = transition_of(scenes[i - 1], fps) if i - 1 in scenes else ("cut", 0)
        after = transition_of(scenes[i], fps) if i + 1 in scenes else ("cut", 0)
        taken = _head(*before) + _tail(*after)
        if taken > timing.timeline.frames:
            yield manuscript.problem(
                ("scenes", i, "transition"),
                f"transitions take {taken} frames of a scene that has {timing.timeline.frames}",
                "shorten the transitions or lengthen the scene",
            )
    yield from _no_frame_left(manuscript, timings, fps)
    music = data.get("music")
    file = music.get("file") if isinstance(music, dict) else music
    if isinstance(file, str) and file.strip():
        yield from sound_problems(manuscript, ("music",), file, outside)


def _transition_problems(
    manuscript: Manuscript, scene: int, asked: TransitionTo, fps: Fraction
) -> Iterator[Problem]:
    """A transition that is too short to be one: a cut instead would be a silent repair."""
    least = _LEAST[asked.kind]
    if _transition_frames(asked, fps) < least:
        needed = math.ceil((least - Fraction(1, 2)) / fps * 1000) / 1000
        yield manuscript.problem(
            ("scenes", scene, "transition"),
            f"a {asked.kind} of {asked.seconds:g} seconds is too short to show at "
            f"{shown_rate(fps)} frames per second",
            f"give it {needed:g} seconds or more, or write `transition: cut`",
        )


def _no_frame_left(
    manuscript: Manuscript, timings: Mapping[int, Timing], fps: Fraction
) -> Iterator[Problem]:
    """The delivered rate of a whole and timed film that is too low to show one frame of it."""
    screenplay = manuscript.screenplay
    if screenplay is None or len(timings) < len(screenplay.scenes):
        return
    frames = sum(timing.timeline.frames for timing in timings.values())
    for scene in screenplay.scenes[:-1]:
        kind, taken = transition_of(scene, fps)
        frames -= taken if kind == "crossfade" else 0
    to = rate_or_none(screenplay.deliver.fps)
    if to is not None and 2 * frames * to < fps:
        yield manuscript.problem(
            ("deliver", "fps"),
            f"a film of {float(frames / fps):.2g} seconds has no frame at {shown_rate(to)} fps",
            "raise `fps` or lengthen the film",
        )


_LEAST = {"cut": 0, "fade": 2, "crossfade": 1}
"""Frames of the shortest transition of a kind."""


def transition_of(scene: Scene, fps: Fraction) -> Passing:
    """How a scene passes into the next one, with the nearest number of frames."""
    return scene.transition.kind, _transition_frames(scene.transition, fps)


def _transition_frames(transition: TransitionTo, fps: Fraction) -> int:
    if transition.kind == "cut":
        return 0
    return math.floor(Fraction(str(transition.seconds)) * fps + Fraction(1, 2))


def _tail(kind: str, frames: int) -> int:
    """Frames a transition takes of the scene before it."""
    return frames // 2 if kind == "fade" else frames


def _head(kind: str, frames: int) -> int:
    """Frames a transition takes of the scene after it."""
    return frames - frames // 2 if kind == "fade" else frames


def _timing(
    scene: Scene, fps: Fraction, spec: ModelSpec, strict: bool
) -> Timing | list[TimingProblem]:
    try:
        return resolve(scene, fps, spec.max_frames, strict=strict)
    except ValueError:
        return []  # A raw prompt that doesn't parse: the reader has said so.


class TokenCounter:
    """Counts tokens with the model's own tokenizer, loaded once.

    Where the tokenizer isn't there it counts words, which are never more than tokens.
    """

    def __init__(self, located: LocatedModel) -> None:
        self._limit = located.spec.text_tokens
        self._tokenizer = load_tokenizer(located) if "tokenizer" in located.components else None

    def count(self, text: str) -> Tokens:
        if self._tokenizer is None:
            return Tokens(len(text.split()) + 1, self._limit, exact=False)
        return Tokens(len(self._tokenizer.encode(text).ids), self._limit, exact=True)

    def unread(self, text: str) -> tuple[int, ...]:
        """Parts of a prompt without any token: 0 for the global caption, and shots' numbers."""
        if self._tokenizer is None:
            return ()
        return parts_without_tokens(text, self._tokenizer.encode(text).offsets)

    def longest(self, prompt: ScenePrompt, text: str) -> Tokens:
        """Of the encodings that ``text`` (scene or per-shot) makes of a prompt."""
        parts = prompt.windows if text == "per-shot" else (prompt.text,)
        return max((self.count(part) for part in parts), key=lambda tokens: tokens.count)


def text_problems(
    manuscript: Manuscript,
    counter: TokenCounter,
    spoken: Mapping[str, Any],
    in_passes: frozenset[int] = frozenset(),
) -> Iterator[Problem]:
    """Prompts over the model's length or without a word for it, of all scenes that are valid.

    Args:
        manuscript: The screenplay.
        counter: The model's.
        spoken: Settings of the call.
        in_passes: Scenes whose text is not read as a whole.
    """
    screenplay = (manuscript.screenplay or _rest_of(manuscript)).model_copy(update=dict(spoken))
    negative = counter.count(screenplay.negative)
    if negative.count > negative.limit:
        yield manuscript.problem(
            ("negative",),
            f"the negative prompt has {negative.count} tokens; the model reads {negative.limit}",
            "shorten it",
        )
    for i, scene in manuscript.scenes:
        key = ("scenes", i, "prompt" if scene.prompt is not None else "shots")
        try:
            prompt = compose(screenplay, scene)
        except (KeyError, ValueError):
            continue  # Unknown names, broken raw prompts: the reader has said so.
        if screenplay.text == "scene":
            if i not in in_passes:
                tokens = counter.count(prompt.text)
                yield from _too_long(manuscript, key, "the scene's prompt", tokens)
            for part in counter.unread(prompt.text):
                yield _unread(manuscript, key, i, part)
            continue
        caption = counter.count(prompt.caption)
        if caption.count > caption.limit:  # Then so is every shot's text, which holds it.
            what = "the global caption"
            yield from _too_long(manuscript, key, what, caption, per_shot=True)
            continue
        for j, text in enumerate(prompt.windows):
            here = key if scene.prompt is not None else (*key, j)
            what = f"shot {manuscript.shot_name(i, j)} with the global caption"
            yield from _too_long(manuscript, here, what, counter.count(text), per_shot=True)
            if 1 in counter.unread(text):
                yield _unread(manuscript, here, i, j + 1)


def _unread(manuscript: Manuscript, key: Key, scene: int, part: int) -> Problem:
    text = f"shot {manuscript.shot_name(scene, part - 1)}'s text"
    what = text if part else "the global caption"
    message = f"{what} has no word that the model reads"
    return manuscript.problem(key, message, "write it in words")


def _rest_of(manuscript: Manuscript) -> Screenplay:
    """What of an invalid screenplay its scenes' texts depend on."""
    data = manuscript.source.data
    said = {name: data[name] for name in ("style", "negative") if isinstance(data.get(name), str)}
    looks = data.get("characters")
    known = looks.items() if isinstance(looks, dict) else ()
    return Screenplay.model_construct(
        characters={name: look for name, look in known if isinstance(look, str)},
        text="per-shot" if data.get("text") == "per-shot" else "scene",
        scenes=(),
        **said,
    )


def _too_long(
    manuscript: Manuscript, key: Key, what: str, tokens: Tokens, *, per_shot: bool = False
) -> Iterator[Problem]:
    if tokens.count > tokens.limit:
        least = "" if tokens.exact else "at least "
        remedy = "" if per_shot else ", split the scene, or write `text: per-shot`"
        yield manuscript.problem(
            key,
            f"{what} has {least}{tokens.count} tokens; the model reads {tokens.limit}",
            f"shorten it{remedy}",
        )


def warnings(
    manuscript: Manuscript,
    screenplay: Screenplay,
    located: LocatedModel,
    takes: tuple[Take, ...],
    in_passes: frozenset[int] = frozenset(),
) -> Iterator[Problem]:
    """What a person should know before the film is made. Arguments as of :func:`text_problems`."""
    spec = located.spec
    if spec.note:
        yield Problem(spec.note)
    if not all(take.tokens.exact for take in takes):
        yield Problem(
            f"the tokenizer of {spec.name} is not here: prompts are counted in words, "
            "which are never more than its tokens",
            hint=next((one.hint for one in located.missing if one.part == "tokenizer"), ""),
        )
    yield from _without_effect(manuscript, screenplay)
    yield from contradictions(manuscript, screenplay)
    for key in unwritten(screenplay):
        yield manuscript.problem(key, f"this text is still to be written: it says {MARK}")
    for take in takes:
        if take.timeline.frames > spec.max_frames and take.index not in in_passes:
            yield manuscript.problem(
                ("scenes", take.index),
                f"scene '{take.scene}' has {take.timeline.frames} frames; "
                f"{spec.name} was trained on {spec.max_frames} at most",
                "longer scenes may lose their look; split it to be safe",
            )
        if take.sampling.attention != spec.attention:
            yield manuscript.problem(
                ("attention",),
                f"{spec.name} was trained with {spec.attention} attention",
                "leave `attention` out for its best films",
            )
    made = takes[0].sampling
    yield from unusual(manuscript, spec, (made.width, made.height), takes[0].timeline.fps)
    vocabulary = read_vocabulary(located)
    if vocabulary is not None:
        yield from unknown_words(manuscript, screenplay, vocabulary, spec.name)


def _without_effect(manuscript: Manuscript, screenplay: Screenplay) -> Iterator[Problem]:
    """What is written and changes nothing."""
    for i, scene in enumerate(screenplay.scenes):
        if scene.prompt is not None and screenplay.style:
            yield manuscript.problem(
                ("scenes", i, "prompt"),
                "a raw prompt stays as it is: the film's `style` does not enter it",
                "write the style into the prompt",
            )
    if screenplay.scenes[-1].transition.kind != "cut":
        yield manuscript.problem(
            ("scenes", len(screenplay.scenes) - 1, "transition"),
            "the last scene's transition has no effect: no scene follows",
            "leave it out",
        )
