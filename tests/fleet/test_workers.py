"""`render --worker` and `status` as a shell sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holocine_core.store.vault import Vault
from tests.cli.conftest import Holocine, holocine  # noqa: F401 - a fixture
from tests.fleet.conftest import Make

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queued: Make) -> None:
    queued(3)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLOCINE_LEASE", "1")


WORDS = ("render", ".", "--worker", "-o", "films/{stem}.mp4")


def test_a_worker_makes_what_is_left(holocine: Holocine) -> None:  # noqa: F811
    assert holocine("render", "film1.yaml", "-o", "films/film1.mp4").exit_code == 0
    answer = holocine(*WORDS)
    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == ["films/film2.mp4", "films/film0.mp4"], "longest first"
    assert "3 films: 2 made, 1 up to date" in answer.stderr
    assert "holocine status" in answer.stderr
    again = holocine(*WORDS, "--json")
    document = json.loads(again.stdout)
    assert [film["outcome"] for film in document["films"]] == ["up to date"] * 3
    assert document["status"] == "done"
    found = holocine("status", "films")
    assert "3 films: 3 made" in found.stdout


def test_what_is_to_lie_beside_a_film_is_a_part_of_it(holocine: Holocine) -> None:  # noqa: F811
    """Its worker may have died between the two."""
    holocine(*WORDS)
    before = Path("films/film1.mp4").stat().st_mtime_ns
    beside = ("--storyboard", "--otio", "--shots", "films/shots")
    answer = holocine(*WORDS, *beside)
    assert answer.exit_code == 0, answer.stderr
    for name in ("film1.storyboard.png", "film1.otio", "shots/film1"):
        assert (Path("films") / name).exists(), name
    assert Path("films/film1.mp4").stat().st_mtime_ns == before
    assert "3 films: 3 up to date" in holocine(*WORDS, *beside).stderr
    Path("films/film2.storyboard.png").unlink()
    again = holocine(*WORDS, *beside)
    assert "3 films: 2 up to date, 1 made" in again.stderr or "1 made, 2 up" in again.stderr
    assert Path("films/film2.storyboard.png").is_file()


def test_one_bad_film_stops_no_other_and_is_told_at_the_end(holocine: Holocine) -> None:  # noqa: F811
    Path("film1.yaml").write_text("shots: [One., '{ann} sits.']\n")
    answer = holocine(*WORDS)
    assert answer.exit_code == 4
    assert answer.stdout.splitlines() == ["films/film2.mp4", "films/film0.mp4"]
    assert "film1.yaml:1:15" in answer.stderr
    assert "1 of 3 films failed" in answer.stderr


def test_a_film_that_was_given_up_says_how_to_try_it_again(holocine: Holocine) -> None:  # noqa: F811
    work = Path("films/.holocine/film1")
    work.mkdir(parents=True)
    told = {"count": 3, "kind": "machine", "message": "the device failed", "given_up": True}
    (work / "tries.json").write_text(json.dumps(told))
    answer = holocine(*WORDS, "--seed", "7", "--tries", "2")
    assert answer.exit_code == 4
    assert "failed: films/film1.mp4: the device failed" in answer.stderr
    command = "holocine render film1.yaml -o films/film1.mp4 --seed 7"
    assert f"again: {command}\n" in answer.stderr
    assert holocine(*command.split()[1:]).exit_code == 0
    assert holocine(*WORDS, "--seed", "7").exit_code == 0


def test_until_is_the_end_of_it(holocine: Holocine) -> None:  # noqa: F811
    answer = holocine(*WORDS, "--until", "0.01s", "--json")
    assert answer.exit_code == 4
    document = json.loads(answer.stdout)
    assert document["status"] == "partial"
    assert [film["outcome"] for film in document["films"]] == ["left"] * 3
    assert "3 of 3 films are left" in answer.stderr
    single = holocine("render", "film0.yaml", "--until", "0.01s")
    assert single.exit_code == 4
    assert "go on with" in single.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--shard", "3/2"), "there is no shard '3/2'"),
        (("--until", "soon"), "'soon' is no time"),
        (("--files", "nowhere.txt"), "there is no list"),
        (("-o", "films/one.mp4"), "--out names one film"),
        (("-o", "{stem}{take}.mp4"), "is no name for films"),
    ],
)
def test_what_can_not_be_is_refused_before_any_work(
    words: tuple[str, ...],
    told: str,
    holocine: Holocine,  # noqa: F811
) -> None:
    answer = holocine("render", ".", "--worker", *words)
    assert answer.exit_code == 2
    assert told in answer.stderr
    assert not list(Path().rglob(".holocine"))


def test_workers_options_want_a_worker(holocine: Holocine) -> None:  # noqa: F811
    for words in (("--tries", "2"), ("--retry",), ("--in-order",)):
        answer = holocine("render", "film0.yaml", *words)
        assert answer.exit_code == 2
        assert "--worker" in answer.stderr


def test_nothing_is_named(holocine: Holocine) -> None:  # noqa: F811
    assert "no screenplay is named" in holocine("render").stderr
    Path("list.txt").write_text("film0.yaml\nfilm2.yaml\n")
    answer = holocine("plan", "--files", "list.txt", "--json")
    films = json.loads(answer.stdout)["films"]
    assert [film["screenplay"] for film in films] == ["film0.yaml", "film2.yaml"]


def test_shards_need_no_leases_and_share_all(holocine: Holocine) -> None:  # noqa: F811
    made = [
        holocine("render", ".", "--shard", f"{i}/2", "-o", "films/{stem}.mp4").stdout.split()
        for i in (1, 2)
    ]
    assert made == [["films/film0.mp4", "films/film2.mp4"], ["films/film1.mp4"]]


def test_another_process_has_the_film(holocine: Holocine) -> None:  # noqa: F811
    with Vault(Path(".holocine/film0")).locked("render film0.yaml"):
        answer = holocine("render", "film0.yaml")
    assert answer.exit_code == 3
    assert f"process {os.getpid()} on " in answer.stderr


def test_sigterm_gives_the_film_back(tiny: Path) -> None:
    text = Path("film2.yaml").read_text().replace("steps: 4", "steps: 100")
    Path("film9.yaml").write_text(text.replace("frames: 5", "frames: 81"))
    words = [sys.executable, "-m", "holocine_cli", *WORDS, "--model", str(tiny)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as worker:
        log = Path("films/.holocine/film9/run.jsonl")
        until = time.monotonic() + 60
        while not (log.is_file() and "StepDone" in log.read_text()):
            assert time.monotonic() < until
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        assert worker.stderr is not None
        told = worker.stderr.read()
        assert worker.wait(30) == 143
    assert "up to step" in told
    assert "4 films: 4 left" in told
    (lease,) = log.parent.glob("lease-*.json")
    assert json.loads(lease.read_text())["released"] is True
    assert list((log.parent / "progress").glob("*.safetensors"))


def test_status_watches_until_all_is_made(holocine: Holocine) -> None:  # noqa: F811
    holocine(*WORDS)
    answer = holocine("status", "films", "--watch")
    assert answer.exit_code == 0
    assert answer.stdout.strip().endswith("3 films: 3 made")
    assert holocine("status", "films", "--watch", "--json").exit_code == 2
    document = json.loads(holocine("status", "films", "--json").stdout)
    assert document["over"] is True
    assert {film["state"] for film in document["films"]} == {"made"}
    assert holocine("status", "nowhere").exit_code == 2
