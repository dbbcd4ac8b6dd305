"""Words from other tools: a few are taken, of the others the hint says which key is meant."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from holocine_core.script.camera_words import WORDS, Abbreviation, camera_word
from holocine_core.script.other_words import _MEANT
from holocine_core.script.reader import read_text
from holocine_core.script.schema import schema
from holocine_core.script.timing import Timing, resolve

VALIDATOR = Draft202012Validator(schema())

SIZES = {
    "EWS": "extreme wide",
    "ELS": "extreme wide",
    "WS": "wide",
    "LS": "wide",
    "FS": "full",
    "MWS": "medium wide",
    "MLS": "medium wide",
    "MS": "medium",
    "MCU": "medium close-up",
    "CU": "close-up",
    "ECU": "extreme close-up",
    "OTS": "over-the-shoulder",
}


def test_sizes_are_taken_as_shot_lists_abbreviate_them() -> None:
    assert set(get_args(Abbreviation)) == SIZES.keys()
    for short, size in SIZES.items():
        data = {"shots": [{"prompt": "a", "size": short}]}
        (scene,) = read_text(json.dumps(data)).accepted().scenes
        assert scene.shots is not None
        assert scene.shots[0].size == size
        assert VALIDATOR.is_valid(data)


@pytest.mark.parametrize(
    ("written", "seconds"), [("2s", 2), ('"2.5 s"', 2.5), ("0.75s", 0.75), ("2", 2)]
)
def test_seconds_may_have_their_unit(written: str, seconds: float) -> None:
    text = f"""
scenes:
  - shots: [{{prompt: a, seconds: {written}}}, {{prompt: b, seconds: 3}}]
    transition: {{kind: fade, seconds: {written}}}
    sound: {{file: a.wav, offset: {written}, fade_in: {written}, fade_out: {written}}}
  - {{shots: [a, b], seconds: {written}}}
cards: {{opening: {{text: One, seconds: {written}}}}}
"""
    manuscript = read_text(text)
    screenplay = manuscript.accepted()
    first, second = screenplay.scenes
    assert first.shots is not None
    assert first.sound is not None
    assert screenplay.cards.opening is not None
    found = [
        first.shots[0].seconds,
        first.transition.seconds,
        first.sound.offset,
        first.sound.fade_in,
        first.sound.fade_out,
        second.seconds,
        screenplay.cards.opening.seconds,
    ]
    assert found == [seconds] * 7
    timing = resolve(second, Fraction(16), 241)
    assert isinstance(timing, Timing)
    assert timing.length.asked == Fraction(str(seconds)) * 16
    assert VALIDATOR.is_valid(manuscript.source.data)


@pytest.mark.parametrize(
    ("shot", "hint"),
    [
        ({"seconds": "2"}, "2.5 or 2.5s"),
        ({"seconds": "2 sec"}, "2.5 or 2.5s"),
        ({"seconds": "0s"}, "greater than 0"),
        ({"seconds": "99999s"}, "3600"),
        ({"frames": "81"}, "without quotes: 7"),
        ({"frames": "81s"}, "without quotes: 7"),
        ({"size": "cu"}, "did you mean 'close-up'?"),
        ({"size": "Medium Close Up"}, "did you mean 'medium close-up'?"),
        ({"size": "wide shot"}, "did you mean 'wide'?"),
        ({"size": "clos-up"}, "did you mean 'close-up'?"),
        ({"size": "POV"}, "write `angle: point of view`"),
        ({"angle": "bird's eye"}, "did you mean 'overhead'?"),
        ({"angle": "CU"}, "write `size: close-up`"),
        ({"movement": "hand held"}, "did you mean 'handheld'?"),
        ({"movement": "pan"}, "one of: pan left, pan right"),
    ],
    ids=str,
)
def test_all_other_values_are_refused_with_what_is_meant(
    shot: dict[str, object], hint: str
) -> None:
    (problem,) = read_text(json.dumps({"shots": [{"prompt": "a", **shot}]})).problems
    assert hint in problem.hint


FILM = {"scenes": [{"shots": ["a"]}]}


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ({"shots": [{"text": "a"}]}, "did you mean `prompt`?"),
        ({"shots": [{"caption": "a"}]}, "did you mean `prompt`?"),
        ({"shots": [{"description": "a"}]}, "did you mean `prompt`?"),
        ({"shots": [{"prompt": "a", "duration": 2}]}, "did you mean `seconds`?"),
        ({"shots": [{"prompt": "a", "length": 2}]}, "did you mean `seconds`?"),
        ({"shots": [{"prompt": "a", "Duration": 2}]}, "did you mean `seconds`?"),
        ({"shots": [{"prompt": "a", "camera": "x"}]}, "`movement`, or `size` or `angle`"),
        ({"shots": [{"prompt": "a", "camera-angle": 1}]}, "did you mean `angle`?"),
        ({"shots": [{"prompt": "a", "framing": "CU"}]}, "did you mean `size`?"),
        ({"shots": [{"prompt": "a", "name": "x"}]}, "shots have numbers"),
        ({"shots": [{"prompt": "a", "cast": []}]}, "as {name} in the `prompt`"),
        ({"shots": [{"prompt": "a", "transition": "fade"}]}, "`transition` stands in a scene"),
        ({"shots": [{"prompt": "a", "fps": 24}]}, "`fps` stands at the top of the file"),
        ({"shots": [{"prompt": "a", "resolution": 9}]}, "`size`? It stands at the top"),
        ({"shots": ["a"], "duration": 2}, "did you mean `seconds`?"),
        ({"shots": ["a"], "resolution": "64x64"}, "did you mean `size`?"),
        ({"shots": ["a"], "name": "x"}, "did you mean `title`?"),
        ({"shots": ["a"], "steps": 9}, "a profile has it"),
        ({**FILM, "duration": 2}, "did you mean `seconds`? It stands in a scene"),
        ({**FILM, "framerate": 24}, "did you mean `fps`?"),
        ({**FILM, "chars": {}}, "did you mean `characters`?"),
        ({**FILM, "device": "cuda"}, "use the option --device"),
        ({"scenes": [{"shots": ["a"], "time": 2}]}, "did you mean `seconds`?"),
        ({"scenes": [{"shots": ["a"], "name": "x"}]}, "did you mean `id`?"),
        ({"scenes": [{"shots": ["a"], "cast": []}]}, "did you mean `characters`?"),
        ({"scenes": [{"shots": ["a"], "size": "64x64"}]}, "`size` stands at the top"),
        ({"scenes": [{"shots": ["a"], "camera": "pan"}]}, "each shot has its own"),
        ({"shots": ["a"], "profiles": {"draft": {"cfg": 3}}}, "did you mean `guidance`?"),
        ({"shots": ["a"], "sound": {"path": "a.wav"}}, "did you mean `file`?"),
        ({"shots": ["a"], "music": {"file": "a.wav", "volume": 1}}, "did you mean `gain`?"),
        ({"shots": ["a"], "transition": {"duration": 1}}, "did you mean `seconds`?"),
        ({"shots": ["a"], "secnds": 2}, "did you mean `seconds`?"),
        ({"shots": ["a"], "zorple": 2}, "known here: "),
    ],
    ids=str,
)
def test_a_key_from_elsewhere_is_refused_once_with_the_one_that_is_meant(
    data: dict[str, object], hint: str
) -> None:
    (problem,) = read_text(json.dumps(data)).problems
    assert problem.message.startswith("unknown key")
    assert hint in problem.hint


def test_no_key_of_ours_is_called_another() -> None:
    for model, others in _MEANT.items():
        keys = {field.alias or name for name, field in model.model_fields.items()}
        assert others.keys() <= keys, model
        words = [word for each in others.values() for word in each.split()]
        assert not keys & set(words), model
        assert len(set(words)) == len(words), model


def test_an_importer_and_a_screenplay_know_one_list() -> None:
    for short, size in SIZES.items():
        assert camera_word("size", short) == size
    assert {camera_word(key, word) for key in WORDS for word in WORDS[key]} == {
        word for words in WORDS.values() for word in words
    }
