"""Every fault with its place and a remedy, all at once."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from holocine_core.errors import InputError, Problem
from holocine_core.model.spec import MODELS
from holocine_core.plan.check import scene_problems
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.reader import read, read_text
from holocine_core.script.schema import schema
from holocine_core.script.screenplay import Screenplay


def text_of(source: str) -> str:
    return textwrap.dedent(source).lstrip("\n")


def problems(source: str) -> list[Problem]:
    return list(read_text(text_of(source), "film.yaml").problems)


def only(source: str) -> Problem:
    found = problems(source)
    assert len(found) == 1, found
    return found[0]


def at(problem: Problem) -> str:
    return problem.where.removeprefix("film.yaml:")


@pytest.mark.parametrize(
    ("source", "place", "message", "hint"),
    [
        ("titel: x\nshots: [a]\n", "1:1", "unknown key `titel`", "did you mean `title`"),
        ("shots: [a]\nseed: '7'\n", "2:7", "whole number", ""),
        ("shots: [a]\nseed: -1\n", "2:7", "seed", ""),
        ("shots: [a, {prompt: b, lens: 35}]\n", "1:24", "unknown key `lens`", "known here"),
        ("shots: [a, {seconds: 3}]\n", "1:12", "`prompt` is missing", "add"),
        ("shots: [a, '']\n", "1:12", "no text|empty", "write"),
        ("shots: [a, '&nbsp;']\n", "1:12", "empty once cleaned", "write"),
        ("shots: [a, '&#91;shot cut]']\n", "1:12", "marker", "list items"),
        ("shots: []\n", "1:8", "empty", "write"),
        ("title: x\n", "1:1", "`scenes` is missing", "add"),
        ("shots: ['{mara} runs']\n", "1:9", "unknown character {mara}", "declare"),
        (
            "characters: {mara: red, ivo: blue}\nshots: ['{maria} {ivo} {mara}']\n",
            "2:9",
            "unknown character {maria}",
            "did you mean {mara}",
        ),
        ("characters: {mara: red}\nshots: [a]\n", "1:14", "never used", "write {mara}"),
        ("shots: ['a } b']\n", "1:9", "stray brace", "{{ and }}"),
        ("shots: [a]\nshots: [b]\n", "2:1", "stands twice; first in line 1", "keep one"),
        ("shots: [{prompt: a, size: clos-up}]\n", "1:27", "can't be 'clos-up'", "'close-up'"),
        ("shots: [{prompt: a, seconds: 2, frames: 9}]\n", "1:9", "not both", ""),
        ("shots: [{prompt: a, seconds: 2}]\ncuts: [9]\n", "1:1|1:8|2", "not both", ""),
        ("frames: 9\nseconds: 3\nshots: [a]\n", "", "not both", ""),
        ("cuts: [5.5]\nshots: [a, b]\n", "1:8", "no cut point", "5.0s"),
        ("global: a\n", "", "needs shots", "add `shots:`"),
        ("prompt: '[global caption] a'\n", "1:9", "per shot caption", "the form is"),
        ("size: 64\nshots: [a]\n", "1:7", "must be text", "quotes"),
        ("size: 64by32\nshots: [a]\n", "1:7", "64by32", "WIDTHxHEIGHT"),
        ("scenes: [{shots: [a]}]\nglobal: x\n", "2:1", "beside `scenes`", "move"),
        ("scenes: [{id: a, shots: [a]}, {id: a, shots: [a]}]\n", "1:36", "twice", "own id"),
        ("scenes: [{id: 'a b', shots: [a]}]\n", "1:15", "a b", "letters"),
        ("shots: [a]\nseed: .nan\n", "2:7", "no usable number", "finite"),
        ("shots: [!!python/name:os.system a]\n", "1:9", "tag", "drop"),
        ("global: This scene contains 3 shots.\nshots: [a]\n", "1:9", "there are 1", "added"),
        ("shots: [~]\n", "1:9", "no value", "fill"),
        ("scenes: [{id: one, shots: [a]}, {id: ONE, shots: [a]}]\n", "1:38", "twice", "capitals"),
        ('title: "a\\0"\nshots: [a]\n', "1:8", "NUL", "leave"),
        ("size: 2x2\nshots: [a]\n", "1:7", "2x2", "16 to 8192"),
        ("deliver: {size: 99999x2}\nshots: [a]\n", "1:17", "99999x2", "16 to 8192"),
        ("deliver: {size: 8194x64}\nshots: [a]\n", "1:17", "8194x64", "16 to 8192"),
        ("deliver: {size: 64x14}\nshots: [a]\n", "1:17", "64x14", "16 to 8192"),
        ("shots: [{<<: {size: wide}, prompt: a}]\n", "1:10", "merge keys", "write the keys out"),
        ("style: '[shot cut] ink'\nshots: [a]\n", "1:8", "marker", "leave it out"),
        ("style: '{zed} in oil'\nshots: [a]\n", "1:8", "braces are not read", "in shots only"),
        ("negative: '{zed}'\nshots: [a]\n", "1:11", "braces are not read", "leave"),
        (
            "characters: {m: 'red [per shot caption] b'}\nshots: ['{m}']\n",
            "1:17",
            "marker",
            "leave it out",
        ),
        ("frames: 81.0\nshots: [a]\n", "1:9", "whole number", "drop the decimals"),
        (f"seed: {10**40}\nshots: [a]\n", "1:7", "no usable number", "smaller"),
    ],
)
def test_faults_have_a_place_and_a_remedy(source: str, place: str, message: str, hint: str) -> None:
    problem = only(source)
    assert re.search(message, problem.message), problem
    assert hint in problem.hint
    assert re.match(place, at(problem)), problem.where


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("shots:\n  - |\n    A lamp.\n\n    {ivo} waits.\n", "5:5", "unknown character"),
        ("shots:\n  - >\n    A lamp. {ivo}\n    waits.\n", "3:13", "unknown character"),
        ("shots:\n  - A lamp and\n    {ivo} waits.\n", "3:5", "unknown character"),
        ("shots:\n  - |\n    A lamp.\n    It is {lit.\n", "4:11", "stray brace"),
        ("shots:\n  - |\n    A lamp.\n    A [shot cut] x\n", "4:7", "marker"),
        (
            "prompt: |\n  [global caption] A\n  [per shot caption] b\n  [CUT] c\n",
            "4:3",
            "is written",
        ),
        ("\ufeffshots:\n  - |\n    A lamp.\r\n    {ivo}\n", "4:5", "unknown character"),
    ],
)
def test_of_a_text_of_several_lines_the_line_is_told(source: str, place: str, message: str) -> None:
    (problem,) = read_text(source, "film.yaml").problems
    assert message in problem.message
    assert at(problem) == place


def test_all_faults_at_once_in_file_order() -> None:
    found = problems("""
        titel: The Keeper
        characters:
          mara: a keeper
        scenes:
          - id: storm
            shots:
              - prompt: "{maria} climbs."
                size: medum
          - id: storm
            shots: []
    """)
    lines = [int(at(p).split(":")[0]) for p in found]
    assert lines == sorted(lines)
    said = " | ".join(p.message for p in found)
    for words in ("titel", "never used", "{maria}", "medum", "empty"):
        assert words in said


@pytest.mark.parametrize(
    ("source", "place", "hint"),
    [
        ("shots:\n  - {mara} climbs\n", "2:12", "quotes"),
        ("shots:\n\t- a\n", "2:1", "tabs"),
        ("global: Night: rain\n", "1:14", "quotes"),
        ("shots: [a\n", "2:1", ""),
        ("shots: [a]\n---\nshots: [b]\n", "2:1", "one document per file"),
        ("shots: [*gone]\n", "1:9", "&name"),
        ("shots: [a]\nglobal: *bold* light\n", "2:14", "quotes"),
    ],
)
def test_broken_yaml_names_the_spot(source: str, place: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read_text(source, "film.yaml")
    assert caught.value.where == f"film.yaml:{place}"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"- a\n- b\n", "mapping"),
        (b"title: \xff\xfe\n", "UTF-8"),
        (b"title: \x00\n", "printed"),
        (b"[" * 5000, "deep"),
        (b"a: &a [*a]\nshots: [x]\n", "itself|unknown key"),
        (b"x" * 2_100_000, "bytes"),
    ],
)
def test_files_that_are_no_screenplay(raw: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "film.yaml"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=words):
        read(path).accepted()


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_byte_order_mark_stays_in_the_text_and_moves_nothing(tmp_path: Path, ends: bytes) -> None:
    raw = ends.join([b"\xef\xbb\xbftitel: x", b"shots: [a]", b""])
    path = tmp_path / "film.yaml"
    path.write_bytes(raw)
    manuscript = read(path)
    assert manuscript.source.text.encode() == raw
    assert [problem.where for problem in manuscript.problems] == [f"{path}:1:1"]
    assert manuscript.source.place(("titel",)) == (1, 8)


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "none.yaml")
    assert "holocine new" in caught.value.hint


def test_plain_words_stay_words() -> None:
    """YAML 1.1 would read no as false, 1:30 as 90 and dates as dates."""
    screenplay = read_text("title: 2026-01-02\nshots: [no, 1:30, on]\n").accepted()
    assert screenplay.title == "2026-01-02"
    assert [shot.prompt for shot in screenplay.scenes[0].shots or ()] == ["no", "1:30", "on"]


def test_flat_and_nested_are_the_same_film() -> None:
    flat = read_text("seed: 3\nglobal: bay\nframes: 41\ncuts: [21]\nshots: [a, b]\n").accepted()
    nested = read_text(
        "seed: 3\nscenes:\n  - global: bay\n    frames: 41\n    cuts: [21]\n    shots: [a, b]\n"
    ).accepted()
    assert flat == nested


def test_valid_scenes_survive_a_broken_neighbour() -> None:
    manuscript = read_text("scenes: [{shots: [a]}, {shots: 3}, {shots: [b]}]\n")
    assert isinstance(manuscript, Manuscript)
    assert manuscript.screenplay is None
    assert [i for i, _ in manuscript.scenes] == [0, 2]


def test_screenplays_are_frozen() -> None:
    screenplay = read_text("shots: [a]").accepted()
    with pytest.raises(ValueError, match="frozen"):
        screenplay.seed = 3  # type: ignore[misc]


def test_the_schema_knows_every_key_and_describes_it() -> None:
    document = schema()
    for name, field in Screenplay.model_fields.items():
        assert (field.alias or name) in document["properties"]
    for key in ("shots", "cuts", "global"):
        assert document["properties"][key].get("description"), key


def test_the_schema_agrees_with_the_reader() -> None:
    validator = Draft202012Validator(schema())
    good = {"characters": {"m": "red"}, "scenes": [{"id": "a", "shots": ["x", {"prompt": "y"}]}]}
    assert validator.is_valid(good)
    assert validator.is_valid({"shots": ["x"], "cuts": [], "global": "bay"})
    for bad in ({"shots": ["x"], "sead": 1}, {"title": "x"}, {"shots": [{"size": "medum"}]}):
        assert not validator.is_valid(bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"scenes": [{"id": "a"}]},
        {"shots": ["a"], "scenes": [{"shots": ["b"]}]},
        {"scenes": [{"shots": ["a"], "frames": 9, "seconds": 2}]},
        {"shots": ["a"], "frames": 9, "seconds": 2},
        {"scenes": [{"shots": ["a"], "prompt": "b"}]},
        {"shots": [{"prompt": "a", "frames": 9, "seconds": 2}]},
        {"shots": ["a", "b"], "cuts": ["3sec"], "frames": 9},
        {"shots": ["a", "b"], "cuts": ["37"], "frames": 81},
        {"shots": ["a", "b"], "cuts": [0], "frames": 9},
        {"shots": ["{m}"], "characters": {"my name": "red"}},
    ],
    ids=str,
)
def test_what_the_schema_refuses_the_reader_refuses_too(bad: Any) -> None:
    validator = Draft202012Validator(schema())
    assert not validator.is_valid(bad)
    text = json.dumps(bad)
    manuscript = read_text(text)
    assert manuscript.problems or list(scene_problems(manuscript, MODELS["nano"]))


def test_a_wrong_type_hides_nothing_and_crashes_nothing() -> None:
    for characters in ("5", "[[]]", "true", "[1, 2]", "x"):
        scene = "{characters: [mara], lens: 3, shots: ['{b}']}"
        found = [each.message for each in problems(f"characters: {characters}\nscenes: [{scene}]")]
        assert any("`characters` must be a mapping" in each for each in found), characters
        assert "unknown key `lens`" in found
        # Who there is cannot be known.
        assert not any("unknown character" in each for each in found)


def test_a_fault_beside_the_timing_does_not_hide_it() -> None:
    source = "scenes: [{foo: 1, sound: 7, frames: 9, seconds: 2, shots: [{prompt: a, lens: 3}]}]"
    found = [problem.message for problem in problems(source)]
    assert any("not both" in message for message in found)
    assert any("unknown key `foo`" in message for message in found)
    manuscript = read_text("scenes: [{foo: 1, frames: 81, cuts: [900], shots: [a, b]}]")
    assert [i for i, _ in manuscript.scenes] == [0]
    assert manuscript.screenplay is None


def test_composed_and_decomposed_names_are_one() -> None:
    composed, apart = "\u00e9va", "e\u0301va"
    assert (
        problems(f"characters: {{{apart}: red}}\nshots: ['{{{composed}}} and {{{apart}}}']") == []
    )


@pytest.mark.parametrize(
    ("marker", "right"),
    [("[SHOT CUT]", "[shot cut]"), ("[cut]", "[shot cut]"), ("[shot_cut]", "[shot cut]")],
)
def test_a_marker_in_another_spelling_is_told_with_its_own(marker: str, right: str) -> None:
    raw = f"[global caption] a [per shot caption] b {marker} c"
    (problem,) = problems(f"scenes: [{{prompt: '{raw}', frames: 13}}]")
    assert f"{marker} is written {right}" in problem.message
    assert not problems(f"scenes: [{{prompt: '{raw.replace(marker, right)}', frames: 13}}]")


def test_a_raw_prompt_has_its_characters_inside() -> None:
    raw = "[global caption] a [per shot caption] b"
    (problem,) = problems(f"characters: {{m: red}}\nscenes: [{{characters: [m], prompt: '{raw}'}}]")
    assert "beside a raw `prompt`" in problem.message


def test_nesting_without_end_has_its_place() -> None:
    with pytest.raises(InputError, match="nested too deeply") as caught:
        read_text(f"shots: [a]\ntitle: {'[' * 60}{']' * 60}\n")
    (problem,) = caught.value.problems
    assert re.search(r":2:\d+$", problem.where)
    assert "brackets" in problem.hint
