"""What a pass of training is estimated to take, held to what real networks take."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch

from holocine_core.model.cost import Geometry
from holocine_core.model.spec import MODELS, ModelSpec, NetworkShape
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.activations import Training
from tests.train.kept_bytes import count_pass

pytestmark = pytest.mark.slow

BOUND = 0.2
"""Largest share by which an estimate may miss."""
BASE = MODELS["holocine-14b-full"]
SMALL = NetworkShape(layers=3, width=96, heads=2, ffn=256, text_width=64)
WIDE = NetworkShape(layers=4, width=128, heads=4, ffn=512, text_width=64)
BIG = replace(BASE.shape, layers=2)
Train = Literal["lora", "full"]


def clip(*lengths: int, rows: int = 8, columns: int = 8) -> Geometry:
    stops = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    spans = tuple(LatentSpan(stop - n, stop) for stop, n in zip(stops, lengths, strict=True))
    return Geometry(rows=rows, columns=columns, shots=spans)


def ratio(
    spec: ModelSpec,
    latents: Geometry,
    train: Train,
    *,
    bf16: bool,
    device: str = "cpu",
    checkpoint: bool = False,
    batch: int = 1,
) -> float:
    """Estimated to counted bytes of a pass."""
    counted = count_pass(
        spec,
        latents,
        train=train,
        bf16=bf16,
        device=device,
        checkpoint=checkpoint,
        batch=batch,
    )
    training = Training(
        train=train,
        spec=spec,
        bf16=bf16,
        cpu=device == "cpu",
        checkpoint=checkpoint,
        rank=16 if train == "lora" else 0,
        moving=counted.moving,
        attention=spec.attention,
    )
    keys = training.seen([latents]) * counted.tokens / batch
    return training.pass_bytes(counted.tokens, batch, keys) / counted.peak


@pytest.mark.parametrize("checkpoint", [False, True], ids=["kept", "checkpointed"])
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("train", ["lora", "full"])
class TestOnACpu:
    """Tiny networks that run: few tokens beside much text, several clips, many keys."""

    @pytest.mark.parametrize(
        ("shape", "text", "batch", "attention"),
        [
            (SMALL, 512, 1, "full"),
            (SMALL, 64, 3, "full"),
            (WIDE, 64, 1, "sparse"),
        ],
        ids=["text", "clips", "shots"],
    )
    def test_a_pass(
        self,
        shape: NetworkShape,
        text: int,
        batch: int,
        attention: Literal["full", "sparse"],
        train: Train,
        bf16: bool,
        checkpoint: bool,
    ) -> None:
        spec = replace(BASE, shape=shape, text_tokens=text, attention=attention)
        found = ratio(spec, clip(2, 3, 2), train, bf16=bf16, checkpoint=checkpoint, batch=batch)
        assert found == pytest.approx(1, abs=BOUND)


@pytest.mark.parametrize(
    ("train", "bf16", "checkpoint", "attention"),
    [
        ("lora", True, False, "full"),
        ("lora", False, True, "sparse"),
        ("full", True, False, "sparse"),
        ("full", False, True, "full"),
    ],
)
def test_two_layers_of_the_14b_as_on_a_gpu(
    train: Train, bf16: bool, checkpoint: bool, attention: Literal["full", "sparse"]
) -> None:
    """81 frames at 832x480, without numbers."""
    spec = replace(BASE, shape=BIG, attention=attention)
    latents = clip(7, 7, 7, rows=60, columns=104)
    found = ratio(spec, latents, train, bf16=bf16, checkpoint=checkpoint, device="meta")
    assert found == pytest.approx(1, abs=BOUND)


def test_checkpoints_keep_what_enters_each_block() -> None:
    """What a block more adds, with and without."""
    sizes = {}
    for layers in (2, 3):
        spec = replace(BASE, shape=replace(SMALL, layers=layers), text_tokens=64)
        for checkpoint in (False, True):
            training = Training(
                train="lora", spec=spec, bf16=False, cpu=True, checkpoint=checkpoint
            )
            sizes[layers, checkpoint] = training.pass_bytes(64, 1, 64)
    assert sizes[3, True] - sizes[2, True] == 64 * 96 * torch.float32.itemsize
    assert sizes[3, False] - sizes[2, False] > 10 * (sizes[3, True] - sizes[2, True])


def test_ranks_keep_no_narrow_copies() -> None:
    """Of weights that they part: those are gone with each block."""
    spec = replace(BASE, shape=SMALL, text_tokens=64)
    alone = Training(train="full", spec=spec, bf16=True, cpu=False, moving=10**6)
    assert alone.pass_bytes(64, 1, 64) - replace(alone, moving=0).pass_bytes(64, 1, 64) == 2 * 10**6
