"""The small film, made once without a break, and an ear for what a render tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holocine_core.events import Event, StepDone
from holocine_core.production import render_film
from tests.conftest import SMALL


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The small film, rendered once without a break: (screenplay, film)."""
    folder = tmp_path_factory.mktemp("whole")
    screenplay = folder / "film.yaml"
    screenplay.write_text(SMALL.lstrip("\n"))
    render_film(screenplay, folder / "film.mp4")
    return screenplay, folder / "film.mp4"


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
