"""One small repository on a fake hub, and the pull of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core.errors import MachineError
from holocine_core.events import Emit, ignore
from holocine_core.model.fetch import pull
from holocine_core.model.hub import HuggingFaceHub
from holocine_core.model.spec import MODELS
from tests.model.fake_hub import FakeHub

REPO, BIG, SMALL = "one/model", "weights/big.safetensors", "notes/small.json"
CONTENT = random.Random(1).randbytes(3 * 2**20 + 7)
FILES = {BIG: CONTENT, SMALL: b'{"small": true}'}
SPEC = replace(
    MODELS["holocine-14b-full"],
    sources=(
        replace(
            MODELS["holocine-14b-full"].sources[0],
            repo=REPO,
            revision=None,
            files=(BIG, "notes/*"),
            folder="there",
        ),
    ),
)


def bring(hub: FakeHub, models: Path, emit: Emit = ignore) -> Path:
    """Pull the repository; where its large file belongs."""
    door = HuggingFaceHub(hub.address, emit)
    pull(SPEC, models, emit, accept_licence=True, hub=door)
    return models / "there" / BIG


def refused(call: Callable[[], object]) -> MachineError:
    """The machine's fault that a call ends with; it names a place and a remedy."""
    with pytest.raises(MachineError) as raised:
        call()
    assert raised.value.hint
    assert raised.value.where
    return raised.value
