from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holocine_core.script.timeline import (
    LatentSpan,
    Timeline,
    cuts_from_lengths,
    even_cuts,
    latent_frame_of,
    latent_frames,
    nearest_on_grid,
    on_grid,
    pixel_span,
    timecode,
)


@given(st.integers(0, 500))
def test_pixel_spans_tile_the_clip(last: int) -> None:
    frames = 4 * last + 1
    covered = [f for latent in range(latent_frames(frames)) for f in pixel_span(latent)]
    assert covered == list(range(frames))
    assert all(latent_frame_of(f) == i for i in range(last + 1) for f in pixel_span(i))


@given(st.integers(1, 400), st.data())
def test_latent_shots_hold_exactly_their_pixel_frames(last: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, last - 1), max_size=8)))
    timeline = Timeline(4 * last + 1, tuple(4 * t + 1 for t in cuts), Fraction(15))
    for pixels, latents in zip(timeline.shot_spans, timeline.latent_spans, strict=True):
        assert [f for latent in latents for f in pixel_span(latent)] == list(pixels)


@given(st.fractions(0, 5000, max_denominator=1001))
def test_nearest_is_on_the_grid_and_nearest(at: Fraction) -> None:
    got = nearest_on_grid(at)
    assert on_grid(got)
    others = [g for g in (got - 4, got + 4) if g >= 1]
    assert all(abs(got - at) <= abs(other - at) for other in others)


@pytest.mark.parametrize(("between", "later"), [(3, 5), (75, 77), (239, 241)])
def test_between_two_the_later_one(between: int, later: int) -> None:
    assert nearest_on_grid(between) == later


@pytest.mark.parametrize("frames", [0, 2, 4, 80, 240, -3])
def test_off_the_grid_is_an_error(frames: int) -> None:
    with pytest.raises(ValueError, match="4t\\+1"):
        latent_frames(frames)


@pytest.mark.parametrize("cuts", [(4,), (5, 5), (9, 5), (21,), (25,)])
def test_bad_cuts_are_refused(cuts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"cut|room"):
        Timeline(21, cuts, Fraction(15))


@given(st.integers(1, 13), st.integers(20, 300))
def test_even_cuts_differ_by_one_grid_step_at_most(shots: int, last: int) -> None:
    frames = 4 * last + 1
    timeline = Timeline(frames, tuple(c.got for c in even_cuts(frames, shots)), Fraction(15))
    lengths = [len(span) for span in timeline.latent_spans]
    assert max(lengths) - min(lengths) <= 2


@given(st.lists(st.fractions(Fraction(1, 3), 200, max_denominator=30), min_size=1, max_size=9))
def test_lengths_add_up_without_drift(lengths: list[Fraction]) -> None:
    cuts, total = cuts_from_lengths(lengths)
    assert total.asked == sum(lengths)
    assert [c.asked for c in cuts] == [sum(lengths[: i + 1]) for i in range(len(lengths) - 1)]
    assert all(abs(c.got - c.asked) <= 2 or c.got == 1 for c in [*cuts, total])


def test_spans_run_forward() -> None:
    assert len(LatentSpan(3, 7)) == 4
    with pytest.raises(ValueError, match="forward"):
        LatentSpan(7, 3)


def test_timecode_is_exact_at_odd_rates() -> None:
    assert timecode(30 * 3600, Fraction(30_000, 1001)) == "01:00:03.600"
    assert timecode(123, Fraction(15)) == "00:00:08.200"
