"""The small film, made once without a break, and an ear for what a render tells."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.events import Event, StepDone
from holocine_core.model.attention.layout import ShotLayout
from holocine_core.production import render_film
from holocine_core.store.records import sidecar_path
from tests.conftest import SMALL, tiny_for_nano


class Listener:
    """Collects events; can ask for a stop after so many denoising steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.events: list[Event] = []
        self._stop_after = stop_after

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def should_stop(self) -> bool:
        steps = len(self.of(StepDone))
        return self._stop_after is not None and steps + 1 >= self._stop_after


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> tuple[Path, Path]:
    """The small film, rendered once without a break: (screenplay, film). Not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    screenplay = folder / "film.yaml"
    screenplay.write_text(SMALL.lstrip("\n"))
    with tiny_for_nano(tiny):
        render_film(screenplay, folder / "film.mp4")
    return screenplay, folder / "film.mp4"


@pytest.fixture
def own(whole: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of it in the test's folder, with its work folder."""
    screenplay, film = whole
    for path in (screenplay, film, sidecar_path(film)):
        shutil.copy(path, tmp_path / path.name)
    shutil.copytree(film.parent / ".holocine", tmp_path / ".holocine")
    return tmp_path / screenplay.name, tmp_path / film.name


def fails_once(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException
) -> None:
    """The next call of a function raises; later ones work."""
    real: Callable[..., Any] = getattr(owner, name)
    waiting = [error]

    def once(*args: Any, **kwargs: Any) -> Any:
        if waiting:
            raise waiting.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, once)


@dataclass(frozen=True)
class Pass:
    """One forward pass of a transformer: what entered, and its answer."""

    x: Tensor
    time: Tensor
    text: Tensor
    layout: ShotLayout
    answer: Tensor


def watch_passes(monkeypatch: pytest.MonkeyPatch) -> list[Pass]:
    """Every forward pass of every transformer from now on."""
    seen: list[Pass] = []
    real = WanTransformer3DModel.forward

    def watched(self: Any, **given: Any) -> Any:
        out = real(self, **given)
        layout = self.blocks[0].attn1.processor.context.layout
        x, time, text = (
            given[name] for name in ("hidden_states", "timestep", "encoder_hidden_states")
        )
        seen.append(Pass(x, time, text, layout, out[0].float()))
        return out

    monkeypatch.setattr(WanTransformer3DModel, "forward", watched)
    return seen
