from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch

from holocine_core.train.order import generator, pick, steps

SIZES = (8, 3, 8)


def test_every_sample_is_seen_once_per_epoch_in_batches_of_one_group() -> None:
    passes = 2 + 1 + 2
    for epoch in range(3):
        chosen = [pick(SIZES, 4, 1, epoch * passes + i) for i in range(passes)]
        seen = Counter((p.group, member) for p in chosen for member in p.members)
        assert seen == Counter((g, m) for g, size in enumerate(SIZES) for m in range(size))
        assert {p.epoch for p in chosen} == {epoch}
        assert max(len(p.members) for p in chosen) <= 4


def test_the_order_follows_from_seed_and_epoch() -> None:
    def order(seed: int, first: int) -> list[object]:
        return [pick(SIZES, 4, seed, i) for i in range(first, first + 5)]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(2, 0)
    assert [(p.group, p.members) for p in order(1, 0)] != [  # type: ignore[attr-defined]
        (p.group, p.members)  # type: ignore[attr-defined]
        for p in order(1, 5)
    ]


@pytest.mark.slow
def test_a_step_gathers_its_samples_however_small_the_groups() -> None:
    sizes = (1, 1, 5, 1, 1, 1)
    found = list(itertools.islice(steps(sizes, 4, 8, 1), 20))
    for passes in found:
        count = sum(len(one.members) for one in passes)
        assert 8 <= count < 8 + 4
        assert count - len(passes[-1].members) < 8
    flat = [one for passes in found for one in passes]
    assert flat == [pick(sizes, 4, 1, i) for i in range(len(flat))]
    # Where groups fill batches, a step has just as many passes as the recipe says.
    assert [len(passes) for passes in itertools.islice(steps((8, 8), 4, 8, 1), 5)] == [2] * 5


def test_generators_differ_by_every_word_of_their_key() -> None:
    def numbers(*key: object) -> list[float]:
        return torch.rand(3, generator=generator(*key)).tolist()

    assert numbers("pass", 1, 2) == numbers("pass", 1, 2)
    drawn = [numbers("pass", 1, 2), numbers("pass", 2, 1), numbers("pass", 12), numbers("x", 1, 2)]
    assert len({tuple(one) for one in drawn}) == len(drawn)


def test_layouts_come_mixed_and_every_epoch_otherwise() -> None:
    sizes = (6, 6, 6, 6)
    passes = 12
    epochs = [[pick(sizes, 2, 3, e * passes + i).group for i in range(passes)] for e in (0, 1)]
    assert epochs[0] != sorted(epochs[0]), "one layout after the other is no order to learn by"
    assert epochs[0] != epochs[1]


def test_no_two_keys_share_their_random_numbers() -> None:
    drawn = {torch.randint(2**62, (), generator=generator("noise", n)).item() for n in range(1000)}
    assert len(drawn) == 1000, "a few bits of a key's hash would repeat after some hundred steps"
    again = torch.randint(2**62, (), generator=generator("noise", 7)).item()
    assert again in drawn
