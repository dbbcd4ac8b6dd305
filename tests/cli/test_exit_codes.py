"""One test per exit code: the contract that scripts rely on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holocine_core.errors import RenderError
from holocine_core.plan.values import Take
from holocine_core.sample.generator import Generator
from tests.cli.conftest import Holocine, write_scene

pytestmark = pytest.mark.slow

TWO_SCENES = """
    size: 32x32
    profiles: {standard: {steps: 2, guidance: 1}}
    scenes:
      - {id: good, shots: [A lamp.], frames: 5}
      - {id: bad, shots: [A candle.], frames: 5}
"""


def test_0_a_film_and_its_path(holocine: Holocine, scene: Path) -> None:
    answer = holocine("render", scene, "-o", "film.mp4")
    assert (answer.exit_code, answer.stdout) == (0, "film.mp4\n")
    assert Path("film.mp4").stat().st_size > 0
    lines = [line for line in answer.stderr.splitlines() if line.startswith("[1/1] scene-1: ")]
    assert len(lines) == 1, "a line per take away from terminals"
    assert "2 shots, 13 frames" in lines[0]
    assert "\x1b" not in answer.stderr


def test_0_also_when_nothing_is_to_do(holocine: Holocine, in_made: Path) -> None:
    before = (in_made / "room.mp4").stat()
    answer = holocine("render", "room.yaml")
    assert (answer.exit_code, answer.stdout) == (0, "room.mp4\n")
    assert "up to date" in answer.stderr
    assert (in_made / "room.mp4").stat().st_mtime_ns == before.st_mtime_ns


def test_1_a_bug_is_one_line_until_debug(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("nothing by nothing")

    monkeypatch.setattr("holocine_core.api.films.plan_to_render", broken)
    answer = holocine("render", scene)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.splitlines() == [
        "error: unexpected ZeroDivisionError: nothing by nothing",
        "  hint: run again with holocine --debug render room.yaml",
    ]
    debugged = holocine("--debug", "render", scene)
    assert debugged.exit_code == 1
    assert "Traceback" in debugged.stderr
    assert "in broken" in debugged.stderr


def test_1_a_panic_of_a_library_has_its_document(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panicking(*_: object) -> None:
        raise type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})("no bytes")

    monkeypatch.setattr("holocine_core.api.films.plan_to_render", panicking)
    answer = holocine("render", scene, "--json")
    assert answer.exit_code == 1
    assert answer.json["error"]["message"] == "unexpected PanicException: no bytes"


def test_2_every_problem_of_the_file(holocine: Holocine) -> None:
    path = write_scene("room.yaml", text="shots: [One., '{ann} sits.']\nseed: -3\n")
    answer = holocine("render", path)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.count("error: ") == 2
    assert "  at room.yaml:1:15\n" in answer.stderr
    assert "  at room.yaml:2:7\n" in answer.stderr


def test_2_another_film_in_the_way(holocine: Holocine, scene: Path) -> None:
    Path("room.mp4").write_text("a wedding")
    answer = holocine("render", scene)
    assert answer.exit_code == 2
    assert "--force" in answer.stderr
    assert Path("room.mp4").read_text() == "a wedding"
    assert not Path(".holocine").exists(), "refused before any work"
    assert holocine("render", scene, "--force").exit_code == 0
    assert Path("room.mp4").read_bytes() != b"a wedding"


@pytest.mark.parametrize(
    "words", [["bogus"], ["render"], ["render", "--wat"], ["plan", "x", "--steps", "many"]]
)
def test_2_words_that_make_no_sense(holocine: Holocine, words: list[str]) -> None:
    answer = holocine(*words)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.startswith("error: ")
    assert "--help" in answer.stderr


def test_3_a_model_that_is_not_here(holocine: Holocine, scene: Path) -> None:
    answer = holocine("render", scene, "--model", "holocine-14b-sparse")
    assert (answer.exit_code, answer.stdout) == (3, "")
    assert not Path("room.mp4").exists()


def test_4_some_takes_failed_and_the_others_are_kept(
    holocine: Holocine, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(TWO_SCENES, "two.yaml")
    original = Generator.denoise

    def denoise(self: Generator, take: Take, *more: Any) -> Any:
        if take.scene == "bad":
            raise RenderError("the latents stopped being finite", hint="try another seed")
        return original(self, take, *more)

    with monkeypatch.context() as broken:
        broken.setattr(Generator, "denoise", denoise)
        answer = holocine("render", path, "--json")
    assert answer.exit_code == 4
    assert [(take["scene"], take["state"]) for take in answer.json["takes"]] == [
        ("good", "shot"),
        ("bad", "failed"),
    ]
    assert answer.json["film"] is None
    assert answer.json["error"]["kind"] == "render"
    again = holocine("render", path, "--json")
    assert [take["state"] for take in again.json["takes"]] == ["reused", "shot"]


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_130_and_143_keep_everything(
    holocine: Holocine,
    scene: Path,
    signal_at_step: Callable[[int, int], None],
    number: int,
    code: int,
    name: str,
) -> None:
    signal_at_step(number, 2)
    before = signal.getsignal(number)
    answer = holocine("render", scene, "--json")
    assert answer.exit_code == code
    assert answer.json["status"] == name
    assert answer.json["error"]["kind"] == "interrupted"
    assert [take["state"] for take in answer.json["takes"]] == ["waiting"]
    assert "go on with: holocine render room.yaml" in answer.stderr
    assert signal.getsignal(number) is before, "the caller's handler is back"
    again = holocine("render", scene)
    assert again.exit_code == 0
    assert "goes on at step" in again.stderr


def test_130_also_before_the_first_take(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("holocine_core.api.films.plan_to_render", interrupted)
    answer = holocine("render", scene, "--json")
    assert answer.exit_code == 130
    assert answer.json["error"]["kind"] == "interrupted"


# --- several screenplays -------------------------------------------------------------------------


def test_4_where_one_film_of_two_fails(holocine: Holocine, scene: Path) -> None:
    broken = write_scene("broken.yaml", text="shots: 3\n")
    answer = holocine("render", broken, scene, "--out-dir", "films", "--json")
    assert answer.exit_code == 4
    assert answer.json["status"] == "partial"
    films = {film["screenplay"]: film for film in answer.json["films"]}
    assert films["room.yaml"]["film"] == "films/room.mp4"
    assert films["broken.yaml"]["film"] is None
    assert films["broken.yaml"]["error"]["problems"][0]["where"] == "broken.yaml:1:8"
    assert [films[name]["exit_code"] for name in ("room.yaml", "broken.yaml")] == [0, 2]
    assert Path("films/room.mp4").is_file()
    assert answer.stderr.index("broken.yaml:1:8") < answer.stderr.index("room.mp4"), (
        "what is wrong is said before the work"
    )


@pytest.mark.parametrize(
    ("kinds", "code"),
    [(("input", "input"), 2), (("machine", "machine"), 3), (("input", "machine"), 4)],
)
def test_the_common_code_where_all_films_fail(
    holocine: Holocine, kinds: tuple[str, str], code: int
) -> None:
    paths = []
    for i, kind in enumerate(kinds):
        name = f"film{i}.yaml"
        if kind == "input":
            paths.append(write_scene(name, text="shots: 3\n"))
        else:
            paths.append(write_scene(name, model="holocine-14b-sparse"))
    answer = holocine("render", *paths)
    assert (answer.exit_code, answer.stdout) == (code, "")


def test_two_films_of_one_name_are_refused_before_any_work(holocine: Holocine, scene: Path) -> None:
    Path("other").mkdir()
    write_scene("other/room.yaml")
    answer = holocine("render", scene, "other/room.yaml")
    assert answer.exit_code == 2
    assert "room.yaml and other/room.yaml would both become room.mp4" in answer.stderr
    assert not Path("room.mp4").exists()


def test_a_film_never_becomes_a_screenplay(holocine: Holocine, scene: Path) -> None:
    before = scene.read_text()
    assert holocine("render", scene, "-o", scene, "--force").exit_code == 2
    assert scene.read_text() == before


@pytest.mark.parametrize("words", [["-o", "x.mp4"], ["--work", "w"]])
def test_one_films_options_do_not_fit_several(
    holocine: Holocine, scene: Path, words: list[str]
) -> None:
    other = write_scene("other.yaml")
    answer = holocine("render", scene, other, *words)
    assert answer.exit_code == 2
    assert words[0].removeprefix("-o") in answer.stderr
