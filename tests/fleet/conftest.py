"""Films of the tiny model that several workers want."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.fleet import queue as queues
from holocine_core.fleet.queue import Queued
from holocine_core.request import Request

SHORT = """
seed: {seed}
size: 32x32
profiles: {{standard: {{steps: {steps}, guidance: 1}}}}
global: A room.
frames: 5
shots: [A lamp.]
"""
Make = Callable[..., list[Queued]]


@pytest.fixture
def queued(tmp_path: Path) -> Make:
    """Makes films that wait: each longer than the one before."""

    def make(count: int = 2, first: int = 0) -> list[Queued]:
        found = []
        for number in range(first, first + count):
            path = tmp_path / f"film{number}.yaml"
            path.write_text(SHORT.format(seed=number, steps=number + 2))
            found.append(api.queued(path, Request(out=tmp_path / f"films/film{number}.mp4")))
        return found

    return make


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "POLL", 0.05)


def again(films: Sequence[Queued]) -> list[Queued]:
    """As another worker's call plans them."""
    return [
        replace(api.queued(one.screenplay, Request(out=one.film)), replan=one.replan)
        for one in films
    ]
