"""Tellings are true, tell what they claim and nothing else, and are real screenplays."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
import yaml

from holocine_core.lab.stage import world
from holocine_core.lab.stage.caption import Telling, tell
from holocine_core.lab.stage.grammar import finished, gerund, third, with_a
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.sentences import ACCENTS, APART, DETAILS
from holocine_core.lab.stage.view import left_to_right
from holocine_core.lab.stage.words import (
    HELD_OUT_WORDS,
    LANDMARKS,
    NAMES,
    TRAINED_WORDS,
    WORDS,
    say,
    words_in,
)
from holocine_core.lab.stage.world import Animal, Person, Scene
from holocine_core.script.prompt import compose
from holocine_core.script.reader import read_text
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.timing import Timing, resolve

pytestmark = pytest.mark.slow

SCENES = [sample_scene(seed) for seed in range(300)]


def told(scene: Scene, seed: int = 0, share: float = 0.45, held_out: bool = False) -> Telling:
    return tell(scene, random.Random(seed), share=share, held_out=held_out)


def text_of(telling: Telling) -> str:
    return compose(telling.screenplay, telling.screenplay.scenes[0]).text


def words_of(telling: Telling) -> set[str]:
    played = telling.screenplay
    prompt = compose(played, played.scenes[0])
    return set(words_in(f"{prompt.caption} {' '.join(prompt.captions)}"))


def timing_of(screenplay: Screenplay) -> Timing:
    found = resolve(screenplay.scenes[0], Fraction(world.FPS), 241, strict=True)
    assert isinstance(found, Timing)
    return found


TELLINGS = [told(scene, seed) for seed, scene in enumerate(SCENES)]
BOTH = list(zip(SCENES, TELLINGS, strict=True))


# --- real screenplays ----------------------------------------------------------------------------


def test_the_same_dice_tell_the_same() -> None:
    assert told(SCENES[3], 5) == told(SCENES[3], 5)
    assert len({text_of(told(SCENES[3], seed)) for seed in range(20)}) == 20


def test_shots_are_as_long_as_they_are() -> None:
    for scene, telling in BOTH:
        timing = timing_of(telling.screenplay)
        assert not timing.moved
        assert timing.timeline.shot_spans == tuple(shot.frames for shot in scene.shots)


@pytest.mark.parametrize("flat", [True, False])
def test_written_down_and_read_again_it_is_the_same_film(flat: bool) -> None:
    for telling in TELLINGS[:40]:
        data = telling.screenplay.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if flat:
            data |= data.pop("scenes")[0]
        again = read_text(yaml.safe_dump(data, sort_keys=False)).screenplay
        assert text_of(Telling(screenplay=again, said=telling.said)) == text_of(telling)
        assert timing_of(again).timeline == timing_of(telling.screenplay).timeline


# --- what is said --------------------------------------------------------------------------------


def otherwise(scene: Scene) -> list[tuple[str, int | None, Scene]]:
    """The scene with one field changed at a time: field, member, changed scene."""
    place, found = scene.place, []
    values = {"set": world.SETS, "time": world.TIMES, "weather": world.WEATHERS,
              "accent": world.COLOURS, "landmark": (0, 1), "side": (-1, 1)}  # fmt: skip
    for name, every in values.items():
        other = next(value for value in every if value != getattr(place, name))
        changed = replace(place, **{name: other})  # type: ignore[arg-type]
        found.append((name, None, replace(scene, place=changed)))
    colours = {name: world.COLOURS for name in Person.__slots__ if name.endswith("_colour")}
    looks = {**colours, "hair_colour": world.HAIR_COLOURS, "skin": world.SKINS,
             "hair_style": world.HAIR_STYLES, "top": world.TOPS, "pattern": world.PATTERNS,
             "headwear": world.HEADWEAR[1:], "prop": world.PROPS[1:]}  # fmt: skip
    for who, member in enumerate(scene.cast):
        fields = {"coat": world.COATS} if isinstance(member, Animal) else looks
        for name, every in fields.items():
            now = getattr(member, name)
            other = next((v for v in every if v not in (now, "none", "plain", "bald")), now)
            cast = list(scene.cast)
            cast[who] = replace(member, **{name: other})  # type: ignore[arg-type]
            if {now, other} & {"none", "plain", "bald"} or cast[who] == member:
                continue
            found.append((name, who, replace(scene, cast=tuple(cast))))
    return found


def test_what_is_said_tells_and_what_is_unsaid_does_not() -> None:
    counts = Counter[bool]()
    for seed, (scene, telling) in enumerate(BOTH[:40]):
        for name, who, changed in otherwise(scene):
            said = name in (telling.said.place if who is None else telling.said.cast[who])
            counts[said] += 1
            same = told(changed, seed).screenplay == telling.screenplay
            assert same != said, (seed, name, who, text_of(telling))
    assert min(counts.values()) > 200


def test_actions_and_camera_are_said_or_not() -> None:
    for seed, (scene, telling) in enumerate(BOTH[:50]):
        for at, shot in enumerate(scene.shots):
            said = telling.said.shots[at]
            ways = {"size": replace(shot, size="wide" if shot.size != "wide" else "medium"),
                    "angle": replace(shot, angle="high" if shot.angle == "low" else "low"),
                    "movement": replace(shot, movement="tilt up" if shot.movement == "pan left"
                                        else "pan left")}  # fmt: skip
            for role in shot.roles:
                other = replace(role, action="jump" if role.action != "jump" else "sit")
                roles = tuple(other if one == role else one for one in shot.roles)
                ways[f"action:{role.who}"] = replace(shot, roles=roles)
            if shot.angle == "eye-level":
                del ways["angle"]
            if shot.movement == "static":
                del ways["movement"]
            for name, changed in ways.items():
                if name == "size" and (not shot.roles or name not in said):
                    # Only wide and medium shots say where somebody is once more.
                    continue
                shots = tuple(changed if i == at else one for i, one in enumerate(scene.shots))
                same = told(replace(scene, shots=shots), seed).screenplay == telling.screenplay
                assert same != (name in said), (seed, at, name)


def test_nothing_is_said_of_what_is_not_there() -> None:
    for scene, telling in BOTH:
        for member, said in zip(scene.cast, telling.said.cast, strict=True):
            if isinstance(member, Animal):
                continue
            for name in ("headwear", "accessory", "prop"):
                if getattr(member, name) == "none":
                    assert not said & {name, f"{name}_colour"}
            assert not (member.pattern == "plain" and "pattern_colour" in said)
            assert not (member.hair_style == "bald" and member.accessory != "beard"
                        and "hair_colour" in said)  # fmt: skip
            assert not (member.accessory in ("glasses", "beard") and "accessory_colour" in said)


def test_only_those_seen_are_in_a_shot() -> None:
    for scene, telling in BOTH:
        screenplay = telling.screenplay
        if not screenplay.characters:
            continue
        names = list(screenplay.characters)
        seen = telling.said.order
        assert sorted(seen) == sorted({r.who for shot in scene.shots for r in shot.roles})
        assert len(names) == len(seen)
        for shot, text in zip(scene.shots, screenplay.scenes[0].shots or (), strict=True):
            called = {seen[i] for i, name in enumerate(names) if f"{{{name}}}" in text.prompt}
            expected = {role.who for role in shot.roles}
            pronoun = set(words_in(text.prompt)) & {"she", "he"}
            assert called == expected or (pronoun and not called and len(seen) == 1)


def test_who_stands_left_comes_first_where_no_side_is_said() -> None:
    told_sides, plain = 0, 0
    for scene, telling in BOTH:
        screenplay = telling.screenplay
        if not screenplay.characters:
            continue
        seen = telling.said.order
        names = {who: f"{{{n}}}" for who, n in zip(seen, screenplay.characters, strict=True)}
        for shot, text in zip(scene.shots, screenplay.scenes[0].shots or (), strict=True):
            if len(shot.roles) != 2:
                continue
            left, right = (names[role.who] for role in left_to_right(shot))
            prompt = text.prompt.lower()
            who = re.compile(r"(\{\w+\})[^{}]*? (?:on|at) the (left|right)(?! \w*(?:hand))")
            sides = {side: name for name, side in who.findall(prompt)}
            if sides:
                told_sides += 1
                assert sides.items() <= {"left": left, "right": right}.items(), text.prompt
                if len(sides) == 1:
                    (name,) = sides.values()
                    other = right if name == left else left
                    assert prompt.index(name) < prompt.index(other), "or it reads as both"
            else:
                plain += 1
                assert prompt.index(left) < prompt.index(right), text.prompt
                first, second = (role.who for role in left_to_right(shot))
                assert seen.index(first) < seen.index(second)
    assert told_sides > 0.15 * (told_sides + plain)
    assert plain > 50


def test_shares_are_as_asked() -> None:
    count = len(TELLINGS)
    place = Counter(name for telling in TELLINGS for name in telling.said.place)
    assert 0.9 < place["set"] / count < 0.995
    assert 0.77 < place["time"] / count < 0.93
    assert 0.5 < place["accent"] / count < 0.8, "a part of the picture stays unsaid"
    shots = [
        (s, said) for scene, t in BOTH for s, said in zip(scene.shots, t.said.shots, strict=True)
    ]
    sizes = sum("size" in said for _, said in shots) / len(shots)
    assert 0.87 < sizes < 0.98
    moving = [said for shot, said in shots if shot.movement != "static"]
    assert 0.83 < sum("movement" in said for said in moving) / len(moving) < 0.97
    people = [said for scene, t in BOTH for m, said in zip(scene.cast, t.said.cast, strict=True)
              if isinstance(m, Person) and said]  # fmt: skip
    for name in ("top_colour", "hair_style", "hair_colour", "bottom_colour"):
        assert 0.3 < sum(name in said for said in people) / len(people) < 0.65, name
    assert sum(bool(t.screenplay.style) for t in TELLINGS) / count == pytest.approx(0.4, abs=0.1)


def test_everything_or_next_to_nothing() -> None:
    scene = next(s for s in SCENES if len(s.cast) == 2 and isinstance(s.cast[1], Person))
    full, little = told(scene, share=1.0).said, told(scene, share=0.0).said
    assert {"set", "time", "weather", "accent", "landmark"} <= full.place
    assert all({"size", "angle", "movement"} <= said for said in full.shots)
    assert little.place == {"set"}
    assert not any(little.shots)
    assert all(said <= {"build"} for said in little.cast)


# --- words ---------------------------------------------------------------------------------------


def test_training_holds_trained_words_only() -> None:
    names = {name.lower() for name in NAMES}
    for telling in TELLINGS:
        words = words_of(telling)
        assert not words & HELD_OUT_WORDS
        assert not words - TRAINED_WORDS - names


def test_held_out_words_are_taken_wherever_there_are_any() -> None:
    for seed, scene in enumerate(SCENES[:60]):
        telling = told(scene, seed, 1.0, held_out=True)
        words = words_of(telling)
        assert len(words & HELD_OUT_WORDS) >= 4
        assert not words & set(say("weather adjective", scene.place.weather))
        captions = compose(telling.screenplay, telling.screenplay.scenes[0]).captions
        for shot, caption in zip(scene.shots, captions, strict=True):
            for action in {role.action for role in shot.roles}:
                trained = {third(phrase).split(" ")[0] for phrase in say("action", action)}
                assert not set(words_in(caption)) & trained


def test_every_held_out_phrase_holds_a_held_out_word() -> None:
    for field, values in WORDS.items():
        for value, words in values.items():
            assert words.train, (field, value)
            for phrase in words.held_out:
                assert set(words_in(phrase)) & HELD_OUT_WORDS, (field, value, phrase)
    assert not HELD_OUT_WORDS & {name.lower() for name in NAMES}
    unheld = [(f, v) for f, values in WORDS.items() for v, w in values.items() if not w.held_out]
    assert len(unheld) < 10


def test_everything_can_be_named() -> None:
    every = {"set": world.SETS, "time": world.TIMES, "weather": world.WEATHERS,
             "build": world.BUILDS, "skin": world.SKINS, "hair_colour": world.HAIR_COLOURS,
             "hair_style": world.HAIR_STYLES, "headwear": world.HEADWEAR, "top": world.TOPS,
             "top_colour": world.COLOURS, "pattern": world.PATTERNS, "bottom": world.BOTTOMS,
             "accessory": world.ACCESSORIES, "prop": world.PROPS, "kind": world.ANIMALS,
             "coat": world.COATS, "action": world.ACTIONS, "size": world.SIZES,
             "angle": world.ANGLES, "movement": world.MOVEMENTS}  # fmt: skip
    for field, values in every.items():
        assert set(WORDS[field]) == set(values) - {"none"}, field
    assert set(LANDMARKS) == set(DETAILS) == set(world.SETS)
    marks = {mark for pair in LANDMARKS.values() for mark in pair}
    assert marks == set(WORDS["landmark"])
    assert all(set(LANDMARKS[name]) <= set(ACCENTS) or name in APART for name in world.SETS)


@pytest.mark.parametrize(
    ("plain", "does", "doing"),
    [
        ("wave a hand", "waves a hand", "waving a hand"),
        ("hurry", "hurries", "hurrying"),
        ("sit down", "sits down", "sitting down"),
        ("slowly push in", "slowly pushes in", "slowly pushing in"),
        ("say something", "says something", "saying something"),
        ("do a dance", "does a dance", "doing a dance"),
    ],
)
def test_verbs(plain: str, does: str, doing: str) -> None:
    assert (third(plain), gerund(plain)) == (does, doing)


def test_articles() -> None:
    assert with_a("dresser full of plates") == "a dresser full of plates"
    assert with_a("trousers") == "trousers"
    assert finished("a orange coat . in a inn, .") == "An orange coat. In an inn."
