from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from holocine_core.script.timeline import Span
from holocine_core.train.clips import Batch
from holocine_core.train.order import Pick
from holocine_core.train.sources import Ahead

PICKS = [Pick(group=group, members=(0, 1), epoch=0) for group in range(3)]


class Maker:
    """Makes batches and notes where."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.threads: set[int] = set()

    def __call__(self, pick: Pick) -> Batch:
        if pick.group == 9:
            raise ValueError("a broken sample")
        self.made.append(pick.group)
        self.threads.add(threading.get_ident())
        latents = torch.full((2, 4, 1, 2, 2), float(pick.group))
        return Batch(latents_BCFHW=latents, shots=(Span(0, 1),), prompts=())


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_batches_come_in_their_order_and_once(device: str) -> None:
    make = Maker()
    with Ahead(make, iter(PICKS), torch.device(device)) as batches:
        got = [int(batches.next().latents_BCFHW[0, 0, 0, 0, 0]) for _ in PICKS]
        with pytest.raises(ValueError, match="no pass"):
            batches.next()
    assert got == make.made == [0, 1, 2]


def test_beside_training_on_the_cpu_no_other_thread_computes() -> None:
    make = Maker()
    with Ahead(make, PICKS, torch.device("cpu")) as batches:
        batches.next()
    assert make.threads == {threading.get_ident()}
    assert make.made == [0]


def test_an_accelerator_finds_its_next_batch_made() -> None:
    make = Maker()
    asked = threading.Event()

    def passes() -> Iterator[Pick]:
        yield PICKS[0]
        asked.set()
        yield PICKS[1]

    with Ahead(make, passes(), torch.device("meta")) as batches:
        batches.next()
        assert asked.is_set()
    assert threading.get_ident() not in make.threads


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_making_raises_reaches_who_asks(device: str) -> None:
    picks = [PICKS[0], Pick(group=9, members=(0,), epoch=0)]
    with Ahead(Maker(), picks, torch.device(device)) as batches:
        batches.next()
        with pytest.raises(ValueError, match="broken sample"):
            batches.next()
