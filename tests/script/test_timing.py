from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holocine_core.script.screenplay import Scene
from holocine_core.script.timeline import on_grid
from holocine_core.script.timing import Timing, parse_time, resolve

FPS = Fraction(15)


def scene(**fields: Any) -> Scene:
    shots = tuple(fields.pop("shots", ("one", "two", "three")))
    return Scene.model_validate({"shots": shots, **fields})


def placed(**fields: Any) -> Timing:
    found = resolve(scene(**fields), FPS, 241)
    assert isinstance(found, Timing), found
    return found


def faults(*, strict: bool = False, **fields: Any) -> list[str]:
    found = resolve(scene(**fields), FPS, 241, strict=strict)
    assert isinstance(found, list), found
    return [problem.message for problem in found]


@pytest.mark.parametrize(
    ("written", "frame"),
    [
        (37, Fraction(37)),
        ("5.0s", Fraction(75)),
        ("2.5 s", Fraction(75, 2)),
        ("00:00:08.20", Fraction(123)),
        ("0:08.2", Fraction(123)),
        ("00:01:00:07", Fraction(907)),
    ],
)
def test_cut_points(written: int | str, frame: Fraction) -> None:
    assert parse_time(written, FPS) == frame


@pytest.mark.parametrize("written", ["5", "soon", "00:00:75.0", "1:2:3:4", "00:00:00:15", "-3s"])
def test_what_is_no_cut_point(written: str) -> None:
    assert isinstance(parse_time(written, FPS), str)


def test_cuts_move_to_the_grid_and_say_so() -> None:
    timing = placed(frames=241, cuts=(37, "8.2s"))
    assert timing.timeline.cuts == (37, 125)
    assert [(cut.asked, cut.got) for cut in timing.cuts] == [(37, 37), (123, 125)]
    assert timing.moved


def test_shots_without_a_length_share_what_is_left() -> None:
    shots = ({"prompt": "one", "seconds": 2}, "two", "three")
    timing = placed(seconds=12, shots=shots)
    assert [cut.asked for cut in timing.cuts] == [30, 105]


def test_nothing_given_means_four_seconds_a_shot_up_to_the_models_length() -> None:
    assert placed().length.asked == 180
    assert placed(shots=["a"] * 9).length.asked == 241


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"frames": 41, "cuts": (5,)}, "1 cut for 3 shots"),
        ({"cuts": (5, 9)}, "without the scene's length"),
        ({"frames": 41, "cuts": (5, 41)}, "outside"),
        ({"frames": 41, "cuts": (0, 9)}, "outside"),
        ({"frames": 41, "cuts": (21, 9)}, "not after"),
        ({"frames": 41, "cuts": ("1s", "1s")}, "cut 1s is at the same time as cut 1s"),
        ({"frames": 1}, "3 shots, but 1 frame holds 1 at most"),
        ({"frames": 41, "cuts": (20, 21)}, "collide"),
        ({"frames": 41, "cuts": (20, "2.7s")}, "end of the scene"),
        ({"frames": 5}, "3 shots, but 5 frames hold 2"),
        (
            {"seconds": 3, "shots": ({"prompt": "a", "seconds": 3}, "b")},
            "leave nothing",
        ),
        (
            {"seconds": 9, "shots": ({"prompt": "a", "seconds": 3}, {"prompt": "b", "seconds": 3})},
            "its shots 90 together",
        ),
    ],
)
def test_faults(fields: dict[str, Any], words: str) -> None:
    assert any(words in message for message in faults(**fields)), faults(**fields)


def test_strict_refuses_what_would_move() -> None:
    messages = faults(strict=True, frames=240, cuts=(37, 75))
    assert any("cut 75" in m and "77" in m for m in messages)
    assert any("length 240" in m and "241" in m for m in messages)
    kept = resolve(scene(frames=241, cuts=(37, 77)), FPS, 241, strict=True)
    assert isinstance(kept, Timing)


def test_strict_leaves_even_spacing_alone() -> None:
    assert isinstance(resolve(scene(frames=61), FPS, 241, strict=True), Timing)


@given(
    st.integers(1, 400),
    st.lists(st.integers(-5, 420), max_size=6),
    st.sampled_from([Fraction(15), Fraction(24), Fraction(16)]),
)
def test_a_timing_is_always_on_the_grid_or_refused(
    frames: int, cuts: list[int], fps: Fraction
) -> None:
    shots = tuple(f"shot {i}" for i in range(len(cuts) + 1))
    found = resolve(scene(shots=shots, frames=frames, cuts=tuple(cuts)), fps, 241)
    if isinstance(found, Timing):
        assert all(map(on_grid, [*found.timeline.cuts, found.timeline.frames]))
        assert all(abs(moved.got - moved.asked) <= 2 for moved in found.cuts)
        assert all(len(span) >= 1 for span in found.timeline.latent_spans)
    else:
        assert all(problem.message and problem.hint for problem in found)


def test_strict_refuses_only_what_somebody_wrote() -> None:
    shots = ({"prompt": "a", "frames": 21}, "b", "c")
    assert faults(strict=True, frames=82, shots=shots) == [
        "length 82 is not on the 4t+1 grid and would move to 81"
    ]
    found = resolve(scene(frames=81, shots=shots), FPS, 241, strict=True)
    assert isinstance(found, Timing)
    assert found.cuts_given == (True, False)
    last = ("a", {"prompt": "b", "frames": 23}, {"prompt": "c", "frames": 21})
    (said,) = faults(strict=True, frames=81, shots=last)
    assert said.startswith("cut 60 ")


def test_the_scenes_own_length_is_what_was_asked_for() -> None:
    shots = ({"prompt": "a", "frames": 41}, {"prompt": "b", "frames": 39})
    assert placed(frames=81, shots=shots).length.asked == 81
    found = resolve(scene(frames=81, shots=shots), FPS, 241, strict=True)
    assert isinstance(found, Timing)


@given(st.integers(1, 40), st.integers(0, 60))
def test_shots_that_have_room_are_spread_over_it(shots: int, more: int) -> None:
    frames = 4 * (shots - 1 + more) + 1
    timing = placed(frames=frames, shots=[f"shot {i}" for i in range(shots)])
    assert timing.timeline.shots == shots


def test_too_few_and_wrong_cuts_are_told_together() -> None:
    assert len(faults(frames=81, cuts=(900,), shots=("a", "b", "c"))) == 2
