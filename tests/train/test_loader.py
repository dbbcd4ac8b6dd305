from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import torch

from holocine_core.model.folders import locate_folder
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.data.batches import Batch
from holocine_core.train.data.folder import FolderDataset
from holocine_core.train.data.loader import Batches, batches_of
from holocine_core.train.data.samples import read_samples
from holocine_core.train.order import Pick
from tests.train.conftest import MakeRecipe, write_one

PICKS = [Pick(group=group, members=(0, 1), epoch=0) for group in range(3)]


class Maker:
    """Makes batches that tell their pass and the process that made them."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.threads: set[int] = set()

    def __call__(self, pick: Pick) -> Batch:
        if pick.group == 9:
            raise ValueError("a broken sample")
        self.made.append(pick.group)
        self.threads.add(threading.get_ident())
        facts = torch.tensor([[[pick.group, os.getpid()]]])
        latents = torch.zeros(1, 4, 1, 2, 2)
        return Batch(
            latents_BCFHW=latents, shots=((LatentSpan(0, 1),),), prompts=(), facts_BSF=facts
        )


def told(batch: Batch) -> tuple[int, int]:
    assert batch.facts_BSF is not None
    number, process = batch.facts_BSF.flatten().tolist()
    return number, process


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_batches_come_in_their_order_and_once(device: str) -> None:
    with Batches(Maker(), iter(PICKS), torch.device(device)) as batches:
        got = [told(batches.next())[0] for _ in PICKS]
        with pytest.raises(ValueError, match="no pass"):
            batches.next()
    assert got == [0, 1, 2]


def test_beside_training_on_the_cpu_no_other_thread_computes() -> None:
    make = Maker()
    with Batches(make, PICKS, torch.device("cpu")) as batches:
        assert told(batches.next()) == (0, os.getpid())
    assert make.threads == {threading.get_ident()}
    assert make.made == [0]


def test_other_processes_make_what_an_accelerator_asks_for() -> None:
    make = Maker()
    with Batches(make, PICKS, torch.device("meta")) as batches:
        made = [told(batches.next()) for _ in PICKS]
    assert os.getpid() not in {process for _, process in made}
    assert not make.made


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_making_raises_reaches_who_asks(device: str) -> None:
    picks = [PICKS[0], Pick(group=9, members=(0,), epoch=0)]
    with Batches(Maker(), picks, torch.device(device)) as batches:
        batches.next()
        with pytest.raises(ValueError, match="broken sample"):
            batches.next()


def test_long_clips_come_in_fewer_samples(recipe: MakeRecipe, samples: Path, model: Path) -> None:
    phase = recipe(phases=[{"size": None, "batch": 4, "tokens": 3 * 8}]).phases[0]
    write_one(samples.parent / "lengths", "short", (5, 4))
    write_one(samples.parent / "lengths", "long", (21, 24))
    found = read_samples(samples.parent / "lengths", size=None, fps=15)
    spec = locate_folder(model).spec
    clips = FolderDataset(found, samples.parent, "codec")
    tokens = [frames * (32 // spec.size_multiple) ** 2 for frames, _, _ in clips.latents]
    assert tokens == [12, 48]
    assert batches_of(phase, clips, spec) == [2, 1], "one at least, however long it is"
    assert batches_of(recipe().phases[0], clips, spec) == [2, 2]
