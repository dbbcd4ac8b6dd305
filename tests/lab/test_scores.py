from __future__ import annotations

import random
from dataclasses import replace

import pytest

from holocine_core.evaluate.numbers import Measure
from holocine_core.lab.stage.facts import FIELDS, PEOPLE, PERSON
from holocine_core.lab.stage.sample import novel_looks
from holocine_core.lab.stage.view import slots
from holocine_core.lab.stage.world import Person
from holocine_core.lab.suites.mechanism import given_shot
from holocine_core.lab.suites.scores import by_chance, score, taken_up
from holocine_core.lab.suites.suite import Case, Filmed
from holocine_core.lab.suites.watched import watch
from tests.lab.oracle import (
    Change,
    Truth,
    case_of,
    everything,
    films,
    judge_of,
    stamped,
    truth_of,
)

pytestmark = pytest.mark.slow

FILMS = films(60)


def scores(change: Change | None = None, filmed: list[Filmed] | None = None) -> dict[str, Measure]:
    filmed = FILMS if filmed is None else filmed
    judge = judge_of(filmed, change) if change else judge_of(filmed)
    return score(filmed, judge, everything)


def unsaid(case: Case, name: str) -> bool:
    """Whether a person's field is said of nobody in the scene."""
    return not any(name in said for said in case.said.cast)


def test_a_film_that_shows_its_scene_is_perfect() -> None:
    found = scores()
    for name in ("said", "said-place", "said-look", "size", "angle", "movement", "action"):
        assert found[name].value == 1, name
    for name in ("binding", "identity-said", "identity-unsaid", "recall", "retrieval"):
        assert found[name].value == 1, name
    assert found["leak"].value == 0
    assert found["identity-other"].value < 0.6, "different people look different"
    assert found["identity-margin"].value > 0.4
    assert found["people"].value == 1
    assert found["said-familiar"].value == found["said-novel"].value == 1
    assert all(measure.n >= 10 for measure in found.values()), found
    assert found["retrieval"].n == 60


def test_only_what_is_said_counts_as_said() -> None:
    def silent_things_wrong(case: Case, shot: int, truth: Truth) -> Truth:
        for name in ("set", "time", "weather", "accent"):
            if name in truth and name not in case.said.place:
                truth[name] = next(value for value in FIELDS[name] if value != truth[name])
        return truth

    assert scores(silent_things_wrong)["said"].value == 1

    def one_thing_wrong(case: Case, shot: int, truth: Truth) -> Truth:
        return truth | {"angle": "low" if truth["angle"] != "low" else "high"}

    found = scores(one_thing_wrong)
    assert found["angle"].value == 0
    assert found["size"].value == found["said-look"].value == 1
    assert 0 < found["said"].value < 1


def test_shots_that_show_their_neighbours_text_leak() -> None:
    def next_shot(case: Case, shot: int, truth: Truth) -> Truth:
        return truth_of(case.scene, min(shot + 1, len(case.scene.shots) - 1))

    found = scores(next_shot)
    assert found["leak"].value > 0.4
    assert found["size"].value < 0.8

    def lost(case: Case, shot: int, truth: Truth) -> Truth:
        # Wrong, but not as any shot of the scene says.
        used = {one.movement for one in case.scene.shots}
        return truth | {"movement": next(m for m in FIELDS["movement"] if m not in used)}

    found = scores(lost)
    assert found["movement"].value == 0
    assert found["leak"].value == 0, "to be wrong is not to leak"


def test_people_who_wear_each_others_clothes_are_not_bound() -> None:
    def one_swapped(case: Case, shot: int, truth: Truth) -> Truth:
        both = [truth.get(f"{slot}.top_colour") for slot in PEOPLE]
        if None in both:
            return truth
        return truth | {f"{slot}.top_colour": str(v) for slot, v in zip(PEOPLE, both[::-1])}  # noqa: B905

    mine = [
        film
        for film in FILMS
        if all("top_colour" in said for said in case_people(film.case))
        and len(case_people(film.case)) > 1
    ]
    straight, swapped = scores(filmed=mine)["binding"], scores(one_swapped, mine)["binding"]
    assert straight.value == 1
    assert swapped.value < 1
    assert swapped.n == straight.n


def case_people(case: Case) -> list[frozenset[str]]:
    return [
        said
        for one, said in zip(case.scene.cast, case.said.cast, strict=True)
        if isinstance(one, Person)
    ]


def test_to_stand_on_the_wrong_side_counts_as_that_alone() -> None:
    def mirrored(case: Case, shot: int, truth: Truth) -> Truth:
        turned = {"left": "right", "right": "left"}
        if "right" not in slots(case.scene, case.scene.shots[shot]):
            return truth
        return {
            ".".join([turned.get(name.split(".")[0], name.split(".")[0]), *name.split(".")[1:]]): v
            for name, v in truth.items()
        }

    found = scores(mirrored)
    # Two people of whom nothing different is said cannot be told apart.
    assert found["said-look"].value > 0.97
    assert found["binding"].value > 0.97
    assert found["identity-unsaid"].value > 0.97
    assert scores()["sides"].value == 1
    assert found["sides"].value == 0
    assert found["sides"].n == scores()["sides"].n


def test_looks_nobody_mentioned_can_be_lost_while_those_said_are_kept() -> None:
    def forgetful(case: Case, shot: int, truth: Truth) -> Truth:
        rng = random.Random(f"{case.name} {shot}")
        for slot in PEOPLE:
            for name, values in PERSON.items():
                if f"{slot}.{name}" in truth and unsaid(case, name):
                    truth[f"{slot}.{name}"] = rng.choice(values)
        return truth

    found = scores(forgetful)
    assert found["identity-said"].value == 1
    assert found["identity-unsaid"].value < 0.6 < scores()["identity-unsaid"].value
    assert found["place-unsaid"].value == 1, "the place is not forgotten here"
    assert found["recall"].value < 0.6
    assert abs(found["identity-margin"].value) < 0.15, "no more alike than strangers"


def test_a_place_that_changes_where_nobody_says_what_it_is_like() -> None:
    def wandering(case: Case, shot: int, truth: Truth) -> Truth:
        rng = random.Random(f"{case.name} {shot}")
        for name in ("set", "time", "weather", "accent", "landmark", "side"):
            if name in truth and name not in case.said.place:
                truth[name] = rng.choice(FIELDS[name])
        return truth

    found = scores(wandering)
    assert found["said-place"].value == 1
    assert found["place-unsaid"].value < 0.6
    true = scores()
    assert true["place-unsaid"].value == 1
    assert true["place-elsewhere"].value < 0.6, "other scenes have other places"


def test_only_pairs_with_the_given_shot_count_as_taken_up() -> None:
    filmed = [film for film in FILMS if given_shot(film.case) is not None]
    given = [given_shot(film.case) or 0 for film in filmed]

    def strangers_elsewhere(case: Case, shot: int, truth: Truth) -> Truth:
        """Shots look like each other, and none like the given one."""
        if shot == given_shot(case):
            return truth
        for slot in PEOPLE:
            for name, values in PERSON.items():
                field = f"{slot}.{name}"
                if field in truth and unsaid(case, name):
                    truth[field] = next(v for v in values if v != truth[field])
        return truth

    true = taken_up(filmed, given, judge_of(filmed), everything)
    other = taken_up(filmed, given, judge_of(filmed, strangers_elsewhere), everything)
    assert true is not None
    assert other is not None
    assert true.value == 1
    assert other.value < 0.3
    assert scores(strangers_elsewhere, filmed)["identity-unsaid"].value > 0.3
    assert len(filmed) > 20


def test_recall_needs_someone_who_leaves_and_returns() -> None:
    always = [
        film
        for film in FILMS
        if all({role.who for role in shot.roles} == {0} for shot in film.case.scene.shots)
    ]
    found = scores(filmed=always)
    assert found["identity-unsaid"].n > 20
    assert "recall" not in found
    assert "identity-margin" not in found


def test_films_that_show_another_screenplay_are_not_found() -> None:
    def other(case: Case, shot: int, truth: Truth) -> Truth:
        shown = FILMS[(int(case.name.split("-")[0]) + 1) % 20].case.scene
        return truth_of(shown, min(shot, len(shown.shots) - 1))

    found = scores(other, FILMS[:20])["retrieval"]
    assert found.n == 20
    assert found.value < 0.2


def test_words_and_combinations_are_told_apart() -> None:
    told = [case_of(seed) for seed in range(30)]
    twins = [replace(case, name=f"{case.name}-b", words="held-out") for case in told[:10]]
    filmed = [stamped(case, number) for number, case in enumerate([*told, *twins])]

    def new_words_fail(case: Case, shot: int, truth: Truth) -> Truth:
        if case.words == "trained":
            return truth
        return {name: next(v for v in FIELDS[name] if v != value) for name, value in truth.items()}

    found = scores(new_words_fail, filmed)
    assert found["said"].value == found["said-trained-words"].value == 1
    assert found["said-held-out-words"].value < 0.1
    assert found["said-trained-words"].n == found["said-held-out-words"].n < found["said"].n


def test_what_a_judge_cannot_read_is_not_asked() -> None:
    def colour_blind(name: str, size: str) -> bool:
        return "colour" not in name and size != "extreme close-up"

    def colours_wrong(case: Case, shot: int, truth: Truth) -> Truth:
        return {n: FIELDS[n][0] if "colour" in n else v for n, v in truth.items()}

    found = score(FILMS, judge_of(FILMS, colours_wrong), colour_blind)
    assert found["said"].value == 1
    assert found["said"].n < scores()["said"].n


def test_a_film_that_always_looks_the_same_remembers_nothing() -> None:
    def constant(case: Case, shot: int, truth: Truth) -> Truth:
        return {name: values[-1] for name, values in FIELDS.items()}

    found = scores(constant)
    assert found["identity-unsaid"].value == 1
    assert found["identity-elsewhere"].value == 1, "the floor tells"
    true = scores()
    assert true["identity-elsewhere"].value < 0.5
    assert true["recall"].value > true["identity-elsewhere"].value + 0.5


def test_people_who_are_not_there_agree_with_nobody() -> None:
    def empty(case: Case, shot: int, truth: Truth) -> Truth:
        return truth | {"people": "0"}

    found = scores(empty)
    for name in ("said-look", "identity-said", "identity-unsaid", "recall"):
        assert found[name].value < 0.2, name
    assert found["people"].value < 0.5

    # Where a judge cannot count people, nobody is said to be missing.
    def cannot_count(name: str, size: str) -> bool:
        return name != "people"

    assert score(FILMS, judge_of(FILMS, empty), cannot_count)["recall"].value == 1


def test_what_silence_and_nouns_tell_is_not_memory() -> None:
    def guessed(case: Case, shot: int, truth: Truth) -> Truth:
        """Unsaid looks as anyone would guess them: nothing in hand, plain, a skirt or not."""
        rng = random.Random(f"{case.name} {shot}")
        for slot in PEOPLE:
            for name, values in PERSON.items():
                kept = name in ("build", "bottom", "accessory")
                kept = kept or truth.get(f"{slot}.{name}") in ("none", "plain")
                if f"{slot}.{name}" in truth and unsaid(case, name) and not kept:
                    truth[f"{slot}.{name}"] = rng.choice(values)
        return truth

    found = scores(guessed)
    assert found["identity-unsaid"].value < found["identity-elsewhere"].value + 0.2
    assert abs(found["identity-margin"].value) < 0.15


def test_leaks_by_chance_are_told_beside_leaks() -> None:
    def any_angle(case: Case, shot: int, truth: Truth) -> Truth:
        return truth | {"angle": random.Random(f"{case.name} {shot}").choice(FIELDS["angle"])}

    found = scores(any_angle)
    assert found["leak"].value > 0.05
    assert found["leak"].value == pytest.approx(found["leak-chance"].value, abs=0.05)
    assert scores()["leak-chance"].value == 0


def test_another_scenes_film_is_right_by_chance() -> None:
    watched = watch(FILMS, judge_of(FILMS), everything)
    found = by_chance(watched)
    assert found["said"].value < 0.5
    assert found["retrieval"].value == 0
    assert found["binding"].value < 0.6
    assert found["said"].n == scores()["said"].n
    assert not {"recall", "identity-unsaid", "place-unsaid"} & found.keys(), "it is one film too"


def test_takes_of_a_scene_are_found_each_in_its_own_round_and_are_no_more_films() -> None:
    once = FILMS[:20]
    twice = [stamped(film.case, 100 + i) for i, film in enumerate(once)]
    mixed = [film for pair in zip(once, twice, strict=True) for film in pair]
    found, single = scores(filmed=mixed), scores(filmed=once)
    assert (found["retrieval"].value, found["retrieval"].n) == (1, 40)

    def half(case: Case, shot: int, truth: Truth) -> Truth:
        return truth | {"angle": "low"} if int(case.name.split("-")[0]) % 2 else truth

    found, single = (scores(half, each)["angle"] for each in (mixed, once))
    assert found.value == single.value
    assert found.n == 2 * single.n
    assert found.low is not None
    assert single.low is not None
    assert found.low < found.value - 0.8 * (single.value - single.low), "no surer than one take"
    assert "retrieval" not in scores(filmed=FILMS[:19])


def test_new_pairs_are_judged_by_themselves() -> None:
    def pairs_fail(case: Case, shot: int, truth: Truth) -> Truth:
        for slot, index in slots(case.scene, case.scene.shots[shot]).items():
            member = case.scene.cast[case.scene.shots[shot].roles[index].who]
            if isinstance(member, Person):
                for pair in novel_looks(member):
                    for name in pair:
                        field = f"{slot}.{name}"
                        if field in truth:
                            truth[field] = next(v for v in FIELDS[field] if v != truth[field])
        return truth

    told = films(120, share=0.9)
    found = scores(pairs_fail, told)
    assert found["said-novel"].value < 0.7 < found["said-familiar"].value
    assert found["said"].value > 0.95, "a few facts of many"


def test_a_film_of_another_length_is_no_film_of_the_scene() -> None:
    short = Filmed(FILMS[0].case, FILMS[0].frames[:-1])
    with pytest.raises(ValueError, match="frames"):
        watch([short], judge_of(FILMS), everything)
