"""Which shots one pass sees of a scene that is longer than its model's scenes."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise

import pytest

from holocine_core.film.planning import plan_film
from holocine_core.plan.passes import choose_shots, pass_of
from holocine_core.plan.values import KnownFrames
from holocine_core.script.timeline import LatentSpan
from tests.conftest import Write

CAPTIONS = [
    "Wide shot of the quay.",
    "[character1] waits.",
    "[character2] comes.",
    "[character1] sees [character2].",
    "Rain.",
    "The quay.",
    "[character2] leaves.",
]


def spans(*lengths: int) -> list[LatentSpan]:
    return [LatentSpan(a, b) for a, b in pairwise((0, *accumulate(lengths)))]


@pytest.mark.parametrize(
    ("new", "room", "seen"),
    [
        ([6], 100, (0, 1, 2, 3, 4, 5, 6)),
        ([6], 8, (0, 6)),
        ([6], 12, (0, 2, 6)),  # whom it names first appears in shot 2
        ([6], 16, (0, 2, 5, 6)),  # then the latest
        ([5, 6], 20, (0, 2, 4, 5, 6)),
        ([3], 16, (0, 1, 2, 3)),
        ([4], 12, (0, 3, 4)),  # nobody is named: of two that are as near, the earlier
        ([0], 12, (0, 1, 2)),
    ],
)
def test_the_first_shot_first_appearances_and_the_nearest(
    new: list[int], room: int, seen: tuple[int, ...]
) -> None:
    assert choose_shots(CAPTIONS, spans(*[4] * 7), new, room) == seen


def test_a_shot_too_long_for_what_is_left_makes_way_for_a_shorter_one() -> None:
    assert choose_shots(CAPTIONS, spans(2, 4, 2, 4, 1, 9, 3), [6], 8) == (0, 2, 4, 6)


def test_there_may_be_no_room_at_all() -> None:
    assert choose_shots(CAPTIONS, spans(*[4] * 7), [5, 6], 11) is None
    assert choose_shots(CAPTIONS, spans(*[4] * 7), [5, 6], 12) == (0, 5, 6)


def test_shots_that_stay_stay_in_the_pass_though_their_frames_are_joined(write: Write) -> None:
    (take,) = plan_film(write("frames: 29\ncuts: [5, 13, 21]\nshots: [a, b, c, d]\n")).takes
    assert take.timeline.latent_spans == tuple(spans(2, 2, 2, 2))
    known = KnownFrames(base=take, spans=(LatentSpan(0, 6),), method="clean", shots=(0, 2, 3))
    shown = pass_of(replace(take, known=known))
    assert shown.timeline.latent_spans == tuple(spans(2, 2, 2))
    assert shown.known is not None
    assert shown.known.spans == tuple(spans(2, 2))
    assert shown.prompt.shots == ("a", "c", "d")
