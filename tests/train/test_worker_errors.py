"""What fails in a process that makes batches beside a GPU is told as it was."""

from __future__ import annotations

import pytest
import torch

from holocine_core.errors import HolocineError, InputError, MachineError
from holocine_core.train.data.batches import Batch
from holocine_core.train.data.loader import Batches
from holocine_core.train.order import Chunk, Pick


@pytest.mark.parametrize("kind", [InputError, MachineError])
def test_an_error_keeps_its_place_and_its_hint(kind: type[HolocineError]) -> None:
    def make(one: Chunk) -> Batch:
        raise kind("the sample was changed", where="a.yaml", hint="run again")

    passes = [
        Chunk(number=0, of=Pick(group=0, members=(0,), epoch=0), first=0, stop=1, counts=True)
    ]
    with (
        Batches(make, passes, torch.device("cuda")) as batches,
        pytest.raises(kind) as caught,
    ):
        batches.next()
    told = caught.value
    assert (told.message, told.where, told.hint) == (
        "the sample was changed",
        "a.yaml",
        "run again",
    )
