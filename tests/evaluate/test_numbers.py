from __future__ import annotations

import numpy as np
import pytest

from holocine_core.evaluate.numbers import Tally, mean, share, tally, wilson


def test_wilson_holds_the_share_and_narrows_with_more_of_the_same() -> None:
    few, many = wilson(8, 10), wilson(800, 1000)
    assert few == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998, method 3
    assert few[0] < many[0] < 0.8 < many[1] < few[1]
    assert wilson(0, 5)[0] == 0
    assert wilson(5, 5)[1] == 1


def test_a_share_counts_observations_not_films() -> None:
    found = share([Tally(1, 1), Tally(0, 3)])
    assert found is not None
    assert (found.value, found.hits, found.n) == (0.25, 1, 4)


def test_a_share_that_differs_by_film_is_less_sure_than_wilson_says() -> None:
    films = [Tally(20, 20), Tally(0, 20)] * 4
    found = share(films)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    low, high = wilson(80, 160)
    assert found.low < low < 0.5 < high < found.high


def test_certain_films_still_have_an_interval() -> None:
    found = share([Tally(5, 5)] * 6)
    assert found is not None
    assert found.low is not None
    assert found.low < 1 == found.high


def test_nothing_observed_is_no_measure() -> None:
    assert share([Tally(), Tally()]) is None
    assert mean([]) is None


def test_one_film_has_a_mean_and_no_interval() -> None:
    found = mean([tally([1.0, 2.0, 4.5])])
    assert found is not None
    assert (found.value, found.low, found.high, found.n) == (2.5, None, None, 3)


def test_a_bootstrap_covers_the_mean_it_was_drawn_from() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(60):
        found = mean([Tally(float(value), 1) for value in rng.normal(5, 2, 40)])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 5 <= found.high
    assert inside >= 50  # 57 expected


def test_few_films_tell_no_interval_however_much_they_hold() -> None:
    found = share([Tally(300, 300), Tally(0, 300)])
    assert found is not None
    assert (found.value, found.low, found.high) == (0.5, None, None)
