from __future__ import annotations

import pytest

from holocine_core.errors import InputError
from holocine_core.lab.stage.sample import CHECK_SEEDS, SUITE_SEEDS
from holocine_core.lab.stage.world import Repertoire
from holocine_core.lab.suites.suite import MOST_CASES, TWIN_EVERY, parse_suite

pytestmark = pytest.mark.slow

caption = pytest.importorskip("holocine_core.lab.stage.caption")


def test_a_suite_is_made_from_its_name() -> None:
    name = f"stage:{SUITE_SEEDS + 40}:9"
    suite, again = parse_suite(name), parse_suite(name)
    assert suite == again
    assert suite.name == name
    assert len({case.name for case in suite.cases}) == len(suite.cases)
    trained = [case for case in suite.cases if case.words == "trained"]
    twins = [case for case in suite.cases if case.words == "held-out"]
    assert len(trained) == 9
    assert [case.scene for case in twins] == [case.scene for case in trained[::TWIN_EVERY]]
    assert all(case.screenplay != twin.screenplay
               for case, twin in zip(trained[::TWIN_EVERY], twins, strict=True))  # fmt: skip


def test_longer_suites_begin_like_shorter_ones() -> None:
    few = parse_suite(f"stage:{SUITE_SEEDS}:3").cases
    assert parse_suite(f"stage:{SUITE_SEEDS}:6").cases[: len(few)] == few


def test_a_suite_of_a_small_world_shows_nothing_else() -> None:
    small = Repertoire(sets=("library",), casts=("one",))
    suite = parse_suite(f"stage:{SUITE_SEEDS}:8", small)
    assert suite.within == small
    assert {case.scene.place.set for case in suite.cases} == {"library"}
    assert {len(case.scene.cast) for case in suite.cases} == {1}
    assert suite.cases[0].said.shots


def test_said_fits_the_scene() -> None:
    for case in parse_suite(f"stage:{SUITE_SEEDS}:12").cases:
        assert len(case.said.cast) == len(case.scene.cast)
        assert len(case.said.shots) == len(case.scene.shots)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stage", "no suite"),
        ("stage:1:2", "kept for suites"),
        (f"stage:{CHECK_SEEDS - 1}:2", "kept for suites"),
        (f"stage:{SUITE_SEEDS}:0", f"1 to {MOST_CASES}"),
        (f"stage:{SUITE_SEEDS}:9999", f"1 to {MOST_CASES}"),
    ],
)
def test_other_suites_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_suite(text)
