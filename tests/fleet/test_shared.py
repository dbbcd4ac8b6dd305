"""What the workers of a folder agree on, and how its films stand."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.fleet.overview import FilmStatus, Overview, overview
from holocine_core.fleet.queue import Queue
from holocine_core.fleet.shared import common_folder, listed
from holocine_core.model import kernels
from holocine_core.store.leases import Lease
from holocine_core.store.vault import Vault
from tests.fleet.conftest import Make
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow


def test_films_are_announced_once(queued: Make, tmp_path: Path) -> None:
    films = queued(3)
    assert api.join_fleet(films) == tmp_path / "films"
    before = (tmp_path / "films/.holocine/fleet.json").read_text()
    assert api.join_fleet(films[:1]) == tmp_path / "films"
    assert (tmp_path / "films/.holocine/fleet.json").read_text() == before
    found = listed(tmp_path / "films")
    assert [one.film.resolve() for one in found] == [one.film for one in films]
    assert [one.screenplay.resolve() for one in found] == [one.screenplay for one in films]


def test_films_of_several_folders_have_one_above() -> None:
    films = [Path("a/b/x.mp4"), Path("a/c/y.mp4")]
    assert common_folder(films) == Path("a").absolute()
    assert common_folder(films[:1]) == Path("a/b").absolute()


def test_the_first_workers_kernel_is_all_workers(
    queued: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = [replace(one, bf16=True) for one in queued(1)]  # Whatever this processor is.
    monkeypatch.setenv(kernels.VARIABLE, "fused")
    api.join_fleet(films)
    monkeypatch.delenv(kernels.VARIABLE)
    monkeypatch.setattr(kernels, "settle", lambda: "products")
    api.join_fleet(films)
    assert os.environ[kernels.VARIABLE] == "fused"
    monkeypatch.setenv(kernels.VARIABLE, "products-erf")
    monkeypatch.setattr(kernels, "settle", lambda: "products-erf")
    with pytest.raises(InputError, match="kernel 'fused'") as caught:
        api.join_fleet(films)
    assert kernels.VARIABLE in caught.value.hint


def test_a_record_that_is_damaged_is_told_anew(queued: Make, tmp_path: Path) -> None:
    films = queued(1)
    api.join_fleet(films)
    (tmp_path / "films/.holocine/fleet.json").write_text("{")
    assert listed(tmp_path / "films") == []
    api.join_fleet(films)
    assert len(listed(tmp_path / "films")) == 1


def test_a_folder_that_can_not_be_written(tmp_path: Path, queued: Make) -> None:
    (film,) = queued(1)
    (tmp_path / "films").write_text("a file")
    with pytest.raises(MachineError, match="note what is filmed"):
        api.join_fleet([film])


def states(folder: Path) -> dict[str, FilmStatus]:
    return {one.film.stem: one for one in overview(folder).films}


def test_how_films_stand(queued: Make, tmp_path: Path) -> None:
    films = queued(6)
    api.join_fleet(films)
    folder = tmp_path / "films"
    assert {one.state for one in states(folder).values()} == {"waiting"}
    ends = {
        films[1]: Interrupted("SIGTERM"),
        films[2]: MachineError("the disk is full", hint="free some"),
        films[3]: InputError("it is wrong"),
    }
    for film, error in ends.items():
        turn = next(Queue([film]).turns())
        with contextlib.suppress(Interrupted), turn:
            ear = Listener(stop_after=2)
            with contextlib.suppress(Interrupted):
                api.render(turn.plan, vault=turn.vault, emit=ear, should_stop=ear.should_stop)
            raise error
    turn = next(Queue([films[0]]).turns())
    with turn:
        api.render(turn.plan, vault=turn.vault)
    found = states(folder)
    told = {name: (one.state, one.reason) for name, one in found.items()}
    assert told["film0"] == ("made", "")
    assert told["film1"] == ("stopped", "goes on with the next worker")
    assert told["film3"] == ("given up", "it is wrong")
    assert told["film4"] == ("waiting", "")
    assert found["film0"].share == 1.0
    with Vault(films[4].work).locked("render film4.yaml"):
        turn = next(Queue([films[5]]).turns())
        listener = Listener()

        def look(event: object) -> None:
            listener(event)  # type: ignore[arg-type]
            if type(event).__name__ == "StepDone" and getattr(event, "step", 0) == 3:
                at = states(folder)["film5"]
                assert (at.state, at.scene, at.step, at.steps) == ("at work", "scene-1", 3, 7)
                assert at.worker.startswith(f"process {os.getpid()} on ")
                assert 0 < at.share < 1

        with turn:
            api.render(turn.plan, vault=turn.vault, emit=look)
        assert turn.error is None
    assert not overview(folder).over


def test_a_worker_that_is_gone(queued: Make, tmp_path: Path) -> None:
    (film,) = queued(1)
    code = (
        "import sys, time; from pathlib import Path\n"
        "from holocine_core.store.vault import Vault\n"
        "with Vault(Path(sys.argv[1])).locked('render'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(film.work)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        (film.work / "run.jsonl").write_text(
            json.dumps({"event": "FilmStarted", "film": str(film.film), "takes": 1}) + '\n{"half'
        )
        folder = tmp_path / "films"
        assert states(folder)["film0"].state == "at work"
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert states(folder)["film0"].state == "died"


def test_a_worker_of_another_host_that_is_silent(
    queued: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (film,) = queued(1)
    lease, folder, seen = Lease(film.work, seconds=60), tmp_path / "films", {}
    film.work.mkdir(parents=True)
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    lease.claim()
    monkeypatch.undo()
    (film.work / "run.jsonl").write_text('{"event": "FilmStarted", "takes": 1}\n')
    (first,) = overview(folder, seen).films
    assert first.state == "at work"
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    (second,) = overview(folder, seen).films
    assert second.state == "died"
    assert "elsewhere" in second.worker
    assert states(folder)["film0"].state == "at work", "one look alone tells nothing"
    lease.release()


def test_what_is_left_is_shared_by_those_at_work() -> None:
    def film(state: str, seconds: float, share: float = 0.0) -> FilmStatus:
        return FilmStatus(
            film=Path("x"),
            state=state,  # type: ignore[arg-type]
            seconds=seconds,
            share=share,
        )

    made, works = film("made", 100, 1.0), film("at work", 100, 0.5)
    assert Overview(films=(made,)).seconds_left == 0
    assert Overview(films=(works, works, *[film("waiting", 50)] * 4)).seconds_left == 150
    assert Overview(films=(works, film("waiting", 400))).seconds_left == 450
    assert Overview(films=(works, works, film("waiting", 400))).seconds_left == 400
    assert Overview(films=(film("waiting", 50),)).seconds_left is None, "nobody works"
    assert Overview(films=(works, film("waiting", 0))).seconds_left is None


def test_a_folder_without_films(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no film was begun"):
        overview(tmp_path)
    (tmp_path / ".holocine").mkdir()
    with pytest.raises(InputError, match="no film was begun"):
        overview(tmp_path)
