"""What all tests share: no network, one torch thread, small films of a tiny model."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core.config.keys import KEYS
from holocine_core.edit.stitch import delivered_frame, film_frames
from holocine_core.film.finish import stitch_job
from holocine_core.model.folders import locate_folder
from holocine_core.model.spec import MODELS
from holocine_core.plan import pace
from holocine_core.plan.values import Plan
from holocine_core.store.hashes import cache_folder
from holocine_core.store.vault import Vault

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # Two test processes share two cores.
os.environ["HOLOCINE_CPU_ATTENTION"] = "products"  # Not whatever is fastest here.

Write = Callable[..., Path]
NANO = MODELS["nano"]
SLOW_FILE = re.compile(r"^pytestmark = .*pytest\.mark\.slow", re.M)
FILMING = {"api", "cli", "config", "evaluate", "fleet", "lab", "plan", "render"}
"""Rooms whose tests plan and make films."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of slow tests alone are not even imported by the fast tier: that takes seconds each."""
    if "not slow" not in config.getoption("markexpr") or collection_path.suffix != ".py":
        return None
    return True if SLOW_FILE.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_collection_finish() -> None:
    """What is imported by now stays: no later garbage collection looks at it again.

    There is one whenever a film's networks are let go, and to pass over half a million objects of
    libraries took a third of the time of the tests that make films.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's cache folder is read or written, and nobody's settings hold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HOLOCINE_CONFIG", "")  # Nor anybody's configuration, in other processes too.
        for key in KEYS.values():
            patch.delenv(key.variable, raising=False)
        yield


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test's films tell how long the next one's take, nor do those that the package tells of."""
    (cache_folder() / pace.NAME).unlink(missing_ok=True)
    monkeypatch.setattr(pace, "MEASURED", cache_folder() / "none.json")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random pipeline folder. Read only: copy it to change it."""
    from holocine_core.model.tiny import write_tiny

    folder = tmp_path_factory.mktemp("tiny") / "pipeline"
    write_tiny(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def default_model(request: pytest.FixtureRequest) -> Iterator[None]:
    """In this process ``nano`` is the tiny model where films are made: none waits for the real one.

    Processes of a test's own film with the real one unless they are told of the tiny one's folder,
    and so do films of fixtures that outlive a module.
    """
    if request.path.parent.name not in FILMING:
        yield
        return
    with tiny_for_nano(request.getfixturevalue("tiny")):
        yield


@contextlib.contextmanager
def tiny_for_nano(folder: Path) -> Iterator[None]:
    """Meanwhile ``nano`` is the model of this folder."""
    row = replace(locate_folder(folder).spec, name=NANO.name, embedded=str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, NANO.name, row)
        yield


@pytest.fixture(autouse=True)
def nano_itself(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives tests marked ``nano`` the embedded model back."""
    if request.node.get_closest_marker("nano"):
        monkeypatch.setitem(MODELS, NANO.name, NANO)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a screenplay: ``write(text, name)`` -> path."""

    def write_text(text: str, name: str = "film.yaml") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return write_text


SMALL = """
title: Small
seed: 5
style: Cut paper.
characters:
  mara: a keeper in a yellow coat
profiles:
  standard: {size: 32x32, steps: 7, guidance: 2}
  draft: {size: 16x16, steps: 2, guidance: 1}
scenes:
  - id: storm
    global: A cliff at night. {mara} waits.
    frames: 17
    cuts: [7]
    transition: {kind: crossfade, seconds: 0.2}
    shots:
      - Wide shot of the cliff.
      - "{mara} turns."
  - id: dawn
    global: The cliff at dawn.
    frames: 9
    shots: ["{mara} smiles."]
"""
"""Two scenes, three shots, a cut that moves (7 -> 9), a crossfade; a second to render."""


@pytest.fixture
def small(write: Write) -> Path:
    return write(SMALL)


def expected_frames(plan: Plan) -> int:
    """Frames the delivered film will have."""
    job = stitch_job(plan, Vault(plan.work))
    return delivered_frame(job, film_frames(job))
