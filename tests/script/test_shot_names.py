"""The name of a shot: typed back it is that shot, and no number stands for another one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holocine_core.errors import InputError
from holocine_core.script.reader import read_text
from holocine_core.script.shot_names import Place, find_shot, first_words, shot_name, shots_named

FILM = {"quay": ("Mara waits.", "Mara waves."), "storm": ("Rain.", "Wind.", "Night falls.")}
EVERY = [(scene, n) for scene, texts in FILM.items() for n in range(1, len(texts) + 1)]
CARD = [None, *EVERY]

ids = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[0-9]{1,3}", fullmatch=True),
    st.sampled_from(
        ["a:b", "a:1", "1", "1:2", ":", "", "два", "埠頭", "e\u0301", "é", "the quay "]
    ),
)
films = st.dictionaries(ids, st.lists(st.just("Rain."), min_size=1, max_size=4), min_size=1)


@given(films)
def test_every_name_is_typed_back(film: dict[str, list[str]]) -> None:
    names = {}
    for scene, texts in film.items():
        for number in range(1, len(texts) + 1):
            name = shot_name(scene, number, len(film))
            assert find_shot(name, film) == (scene, number)
            assert find_shot(f"{scene}:{number}", film) == (scene, number), "also where one is left"
            names[name] = scene, number
    assert len(names) == sum(map(len, film.values())), "no two shots share a name"


@given(films, st.integers(1, 20), st.booleans())
def test_a_number_is_one_shot_however_it_was_counted(
    film: dict[str, list[str]], number: int, card: bool
) -> None:
    every = [(scene, i + 1) for scene, texts in film.items() for i in range(len(texts))]
    orders: list[list[Place | None]] = [[*every], [None, *every]] if card else [[*every]]
    if len(film) == 1:
        return
    said = (order[number - 1] for order in orders if number <= len(order))
    meant = {place for place in said if place is not None}
    meant |= {(scene, number) for scene, texts in film.items() if number <= len(texts)}
    if len(meant) == 1:
        assert {find_shot(str(number), film, orders[1:])} == meant
        return
    with pytest.raises(InputError) as refused:
        find_shot(str(number), film, orders[1:])
    for place in meant:
        assert shot_name(*place, len(film)) in refused.value.message


@pytest.mark.parametrize(
    ("said", "orders", "place"),
    [
        ("quay:2", (), ("quay", 2)),
        ("4", (), ("storm", 2)),
        ("5", (), ("storm", 3)),
        ("6", (CARD,), ("storm", 3)),
        ("storm:1", (CARD,), ("storm", 1)),
    ],
)
def test_what_can_be_one_shot_only_is_taken(
    said: str, orders: tuple[list[tuple[str, int] | None], ...], place: tuple[str, int]
) -> None:
    assert find_shot(said, FILM, orders) == place


def test_what_could_be_several_is_refused_with_all_of_them() -> None:
    with pytest.raises(InputError) as told:
        find_shot("2", FILM, (CARD,))
    assert told.value.message == (
        '--shot 2 could be quay:1 "Mara waits.", quay:2 "Mara waves." or storm:2 "Wind."'
    )
    assert told.value.hint == "say which by its name: --shot quay:1"
    with pytest.raises(InputError, match=r"could be storm:2 .* or storm:3 "):
        find_shot("5", FILM, (CARD,))
    swallowed = [EVERY[0], *EVERY[2:]]
    with pytest.raises(InputError, match=r"could be storm:2 .* or storm:3 "):
        find_shot("4", FILM, (swallowed,))


@pytest.mark.parametrize("said", ["0", "-1", "x", "quay:", "quay:0", "", ":", "quay:two", "9" * 30])
def test_what_is_no_name_is_told_what_one_is(said: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"--shot {said} is no shot")) as told:
        find_shot(said, FILM)
    assert told.value.hint == "name one: SCENE:NUMBER such as quay:2"


def test_what_is_not_there_is_told_what_is() -> None:
    for said, message, hint in (
        ("noon:1", "no scene 'noon'", "its scenes: quay, storm"),
        ("quay:3", "no shot quay:3", "those of the scene: quay:1 to quay:2"),
        ("6", "no shot 6", "its shots: quay:1 to quay:2, storm:1 to storm:3"),
    ):
        with pytest.raises(InputError, match=message) as told:
            find_shot(said, FILM)
        assert told.value.hint == hint
    with pytest.raises(InputError, match="no shot 3") as told:
        find_shot("3", {"quay": FILM["quay"]})
    assert told.value.hint == "its shots: 1 to 2"


def test_a_film_of_one_scene_counts_plainly() -> None:
    assert shots_named("quay", (1, 3), 1) == "1, 3"
    assert shots_named("quay", (1, 3), 2) == "quay:1, quay:3"
    assert find_shot("2", {"quay": FILM["quay"]}, ([None, ("quay", 1), ("quay", 2)],)) == (
        "quay", 2,
    )  # fmt: skip


def test_a_long_text_is_told_by_its_first_words() -> None:
    assert first_words("Rain\n  falls.") == "Rain falls."
    told = first_words("Rain falls on the quay and nobody is there but the keeper.")
    assert told == "Rain falls on the quay and nobody is..."
    assert len(told) <= 40


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("scenes: [{id: quay, shots: [a, b]}, {shots: [c]}]", ["quay:1", "quay:2", "scene-2:1"]),
        ("scenes: [{id: quay, shots: [a, b]}]", ["1", "2"]),
        ("shots: [a, b]", ["1", "2"]),
    ],
)
def test_a_screenplays_shots_are_named_before_it_is_planned(text: str, names: list[str]) -> None:
    manuscript = read_text(text, "film.yaml")
    found = [
        manuscript.shot_name(at, shot)
        for at, scene in manuscript.scenes
        for shot in range(len(scene.shots or ()))
    ]
    assert found == names
