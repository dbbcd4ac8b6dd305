from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holocine_core.script.prompt import (
    clean,
    compose,
    compose_shot,
    parse_raw,
    substitute,
    token_ranges,
)
from holocine_core.script.reader import read_text
from holocine_core.script.screenplay import Scene, Screenplay, Shot
from holocine_core.script.timeline import TextSpan

GOLDEN = json.loads((Path(__file__).parents[1] / "model/golden/cases.json").read_text())["prompts"]


def composed(text: str) -> str:
    screenplay = read_text(text).accepted()
    return compose(screenplay, screenplay.scenes[0]).text


@pytest.mark.parametrize("prompt", GOLDEN.values(), ids=list(GOLDEN))
def test_a_raw_prompt_passes_unchanged(prompt: str) -> None:
    assert composed(f"prompt: {json.dumps(prompt)}\nframes: 65\n") == clean(prompt)


def test_a_screenplay_becomes_the_releases_prompt() -> None:
    """The reference's ballroom prompt, written as a screenplay."""
    text = """
characters:
  ana: a woman in a silver dress
  ben: a man in a black tuxedo
global: A ballroom at night.
shots:
  - Medium shot of {ana} by a pillar.
  - Close-up of {ben} watching her.
  - Two-shot as they begin to dance.
"""
    assert composed(text) == clean(GOLDEN["ballroom"])


def test_characters_are_numbered_as_they_appear() -> None:
    text = composed(
        "characters: {a: red, b: blue}\nglobal: '{b} waits.'\nshots: ['{a} comes.', '{b} waves.']"
    )
    assert "[character1] waits. [character1] is blue. [character2] is red." in text
    assert "[character2] comes. [shot cut] [character1] waves." in text


def test_the_count_is_not_said_twice() -> None:
    text = composed("global: A bay. This scene contains 1 shots.\nshots: [Waves.]")
    assert text.count("This scene contains") == 1


def test_another_count_does_not_stand_for_the_scenes_own() -> None:
    scene = Scene(
        prompt="[global caption] A bay. This scene contains 5 shots. [per shot caption] Waves. "
        "[shot cut] Gulls."
    )
    told = compose(Screenplay(scenes=(scene,)), scene)
    assert "This scene contains 2 shots." in told.text


def test_size_angle_and_movement_come_before_the_prompt() -> None:
    shot = Shot(prompt="She runs.", size="medium", angle="low", movement="push in")
    assert compose_shot(shot) == "Medium shot, low angle, the camera pushes in. She runs."
    assert compose_shot(Shot(prompt="She runs.")) == "She runs."


def test_cleaning_is_ftfy_then_html_twice_then_white_space() -> None:
    assert clean("caf\u00c3\u00a9 &amp;lt;b&amp;gt;\n\t now ") == "caf\u00e9 <b> now"


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_takes_the_short_way_to_the_same_end(text: str) -> None:
    import html

    import ftfy

    long_way = " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())
    assert clean(text) == long_way


def test_doubled_braces_stand_for_braces() -> None:
    assert substitute("a {{sign}} by {x}", {"x": "[character1]"}) == "a {sign} by [character1]"


@pytest.mark.parametrize(
    "raw",
    [
        "no markers",
        "[global caption] a [shot cut] b [per shot caption] c",
        "[per shot caption] a [global caption] b",
        "[global caption] a [per shot caption] b [shot cut] ",
        "x [global caption] a [per shot caption] b",
    ],
)
def test_broken_raw_prompts(raw: str) -> None:
    with pytest.raises(ValueError, match=r"raw prompt|comes after|between|no text"):
        parse_raw(raw)


def characters_as_tokens(text: str) -> list[tuple[int, int]]:
    return [(i, i + 1) for i in range(len(text))]


@given(
    st.lists(st.from_regex(r"[abc .]*[abc]", fullmatch=True), min_size=1, max_size=6),
    st.text("xyz ."),
)
def test_ranges_cover_every_character_once(shots: list[str], setting: str) -> None:
    prompt = clean(f"[global caption] {setting} [per shot caption] " + " [shot cut] ".join(shots))
    ranges = token_ranges(prompt, characters_as_tokens(prompt))
    assert [ranges.global_.start, ranges.shots[-1].stop] == [0, len(prompt)]
    spans = [ranges.global_, *ranges.shots]
    assert all(a.stop == b.start for a, b in pairwise(spans))
    for span in ranges.shots[:-1]:
        assert prompt[span.start : span.stop].endswith("[shot cut]")


def test_windows_take_one_token_more_and_share_the_padding() -> None:
    prompt = "[global caption] g [per shot caption] a [shot cut] b"
    ranges = token_ranges(prompt, characters_as_tokens(prompt))
    end = len(prompt)
    first, second = ranges.windows(end + 4)
    padding = {end + 1, end + 2, end + 3}
    assert padding <= set(first) & set(second)
    assert ranges.shots[0].stop in first
    assert end in second
    assert end not in first
    assert set(range(ranges.global_.stop + 1)) <= set(second)


def test_a_token_over_a_border_belongs_to_the_first_part() -> None:
    prompt = "[global caption] g [per shot caption] a"
    border = prompt.index("[per")
    tokens = [(0, border + 3), (border + 3, len(prompt)), (0, 0)]
    ranges = token_ranges(prompt, tokens)
    assert (ranges.global_, ranges.shots) == (TextSpan(0, 1), (TextSpan(1, 2),))


@pytest.mark.parametrize("said", ["This scene contains 1 shot.", "This scene contains 1 shots."])
def test_a_count_in_either_number_is_not_said_twice(said: str) -> None:
    text = composed(f"global: A bay. {said}\nshots: [a]")
    assert text.count("This scene contains") == 1
    assert said in text
