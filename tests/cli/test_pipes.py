"""- is a screenplay, script or list on stdin, and a film or a text on stdout."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_cli.app import main
from holocine_core.script.yaml_source import MAX_BYTES
from tests.cli.conftest import SCENE, Holocine, write_scene

Pipe = Callable[[str | bytes], None]


@pytest.fixture
def pipe(holocine: Holocine, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Puts a text into stdin."""

    def put(text: str | bytes) -> None:
        content = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return put


def names_here() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_check_and_plan_read_a_screenplay_from_a_pipe(holocine: Holocine, pipe: Pipe) -> None:
    pipe(SCENE)
    checked = holocine("check", "-")
    assert (checked.exit_code, checked.stdout.startswith("<stdin>: ok")) == (0, True)
    pipe(SCENE)
    planned = holocine("plan", "-", "--json").json
    assert (planned["screenplay"], planned["film"]) == ("<stdin>", "stdin.mp4")
    assert planned["work"] == ".holocine/stdin"
    pipe(SCENE)
    named = holocine("plan", "-", "-o", "out/night.mp4", "--json").json
    assert (named["title"], named["work"]) == ("night", "out/.holocine/night")
    assert not names_here(), "nothing is written"


def test_what_is_wrong_is_told_by_line(holocine: Holocine, pipe: Pipe) -> None:
    pipe("title: A\nscenes:\n  - global: A room.\n    shots: [{prompt: A lamp., wat: 1}]\n")
    assert "at <stdin>:4:" in holocine("check", "-").stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"title: \xff", "is not UTF-8"),
        (b"a" * (MAX_BYTES + 1), "<stdin> has more than"),
    ],
    ids=["empty", "encoding", "huge"],
)
def test_stdin_is_read_as_files_are(
    holocine: Holocine, pipe: Pipe, content: bytes, words: str
) -> None:
    pipe(content)
    answer = holocine("render", "-")
    assert (answer.exit_code, words in answer.stderr) == (2, True), answer.stderr


@pytest.mark.parametrize("words", [["-", "-"], ["-", "--files", "-"]], ids=str)
def test_stdin_holds_one_thing(holocine: Holocine, pipe: Pipe, words: list[str]) -> None:
    pipe("-\n" if "--files" in words else SCENE)
    answer = holocine("plan", *words)
    assert (answer.exit_code, "asked for twice" in answer.stderr) == (2, True)


def test_a_list_from_a_pipe(holocine: Holocine, pipe: Pipe) -> None:
    write_scene("a.yaml")
    write_scene("b.yaml")
    pipe("b.yaml\na.yaml\n")
    assert holocine("check", "--files", "-").stdout.splitlines()[0].startswith("b.yaml: ok")
    pipe(b"\xff\n")
    assert holocine("check", "--files", "-").exit_code == 2
    assert holocine("check", ".").stdout.count(": ok") == 2, "folders too"
    assert holocine("check").exit_code == 2


def test_processes_of_several_gpus_share_no_stdin(holocine: Holocine, pipe: Pipe) -> None:
    for words in (["plan", "-", "--check"], ["render", "-"]):
        pipe(SCENE)
        answer = holocine(*words, "--gpus", "2", "--device", "cpu")
        assert (answer.exit_code, "would read stdin" in answer.stderr) == (2, True)


def test_a_terminal_is_told_how_to_end(
    holocine: Holocine, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(SCENE)
    assert "terminal" not in holocine("check", "-").stderr
    pipe(SCENE)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert "reading a screenplay from the terminal; Ctrl-D ends it" in holocine("check", "-").stderr


def test_relative_files_are_looked_for_in_the_current_folder(
    holocine: Holocine, pipe: Pipe
) -> None:
    pipe("frames: 9\nshots: [{prompt: A room., image: no.png}]\n")
    assert "no picture at no.png" in holocine("check", "-").stderr


def test_a_film_goes_from_pipe_to_pipe_and_is_resumed(
    pipe: Pipe,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = f"model: {json.dumps(str(tiny))}\n{SCENE}"

    def bytes_of(*words: str) -> tuple[int, bytes, str]:
        pipe(text)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(raw := io.BytesIO()))
            code = main(list(words))
            return code, raw.getvalue(), capsys.readouterr().err

    code, film, _ = bytes_of("render", "-", "-o", "-")
    assert code == 0
    assert film[4:8] == b"ftyp"
    assert film == Path(".holocine/stdin/stdin.mp4").read_bytes(), "bytes, and nothing else"
    code, again, said = bytes_of("render", "-", "-o", "-")
    assert (code, again == film, "up to date" in said) == (0, True, True)
    (Path(".holocine/stdin/stdin.mp4")).unlink()
    code, again, said = bytes_of("render", "-", "-o", "-")
    assert (again == film, "kept from before" in said) == (True, True), said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json"], "both want stdout"),
        (["--storyboard"], "needs a film with a name"),
        (["--otio"], "needs a film with a name"),
        (["--worker"], "needs a film with a name"),
        (["--out-dir", "d"], "give one"),
        (["other.yaml"], "stdout takes one film"),
    ],
    ids=str,
)
def test_what_does_not_go_to_stdout_is_refused(
    holocine: Holocine, scene: Path, words: list[str], said: str
) -> None:
    write_scene("other.yaml")
    answer = holocine("render", scene, "-o", "-", *words)
    assert (answer.exit_code, said in answer.stderr) == (2, True), answer.stderr


def test_no_film_is_poured_over_a_terminal(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    answer = main(["render", str(scene), "-o", "-"])
    assert (answer, screen.getvalue()) == (2, "")


@pytest.mark.parametrize(
    "line",
    [
        "inspect -",
        "export - --to edl",
        "report -",
        "reshoot - --shot 1",
        "versions -",
        "evaluate -",
        "preview room.yaml -o -",
        "reshoot room.mp4 --shot 1 -o -",
        "evaluate room.mp4 -o -",
        "watch -",
    ],
)
def test_a_dash_is_no_file_where_it_has_no_meaning(
    holocine: Holocine, scene: Path, line: str
) -> None:
    answer = holocine(*line.split())
    assert answer.exit_code == 2
    assert "no film at" not in answer.stderr
    assert not Path("-").exists()


def test_texts_go_to_stdout(holocine: Holocine, in_made: Path) -> None:
    before = names_here()
    for words, begins in (
        (["export", "room.mp4", "--to", "edl"], "TITLE: "),
        (["export", "room.mp4", "--to", "vtt"], "WEBVTT"),
        (["new", "harbour"], "# yaml-language-server"),
        (["schema"], "{\n"),
    ):
        answer = holocine(*words, "-o", "-")
        assert (answer.exit_code, answer.stdout.startswith(begins)) == (0, True), words
    assert names_here() == before
    assert holocine("export", "room.mp4", "--to", "edl", "-o", "-", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("INT. QUAY - DAY\n\nA woman waits.\n", "A woman waits."),
        ("Scene #,Description\n1,A woman waits.\n", "A woman waits."),
        ("[global caption] A quay. [per shot caption] A woman waits.", "A woman waits."),
        (
            '<?xml version="1.0"?><FinalDraft><Content><Paragraph Type="Scene Heading"><Text>INT. '
            'QUAY - DAY</Text></Paragraph><Paragraph Type="Action"><Text>A woman waits.</Text>'
            "</Paragraph></Content></FinalDraft>",
            "A woman waits.",
        ),
    ],
    ids=["fountain", "csv", "raw", "fdx"],
)
def test_a_script_is_told_by_what_it_holds(
    holocine: Holocine, pipe: Pipe, text: str, prompt: str
) -> None:
    pipe(text)
    made = holocine("import", "-", "-o", "-")
    assert (made.exit_code, prompt in made.stdout) == (0, True), made.stderr
    assert not names_here()
    pipe(made.stdout)
    assert holocine("check", "-").exit_code == 0


def test_a_script_that_could_be_anything_is_asked_about(holocine: Holocine, pipe: Pipe) -> None:
    pipe("Hello there.")
    assert "--from" in holocine("import", "-").stderr
    pipe("A woman waits.\n")
    assert holocine("import", "-", "--from", "fountain", "-o", "ferry.yaml").exit_code == 0
    assert "title: ferry" in Path("ferry.yaml").read_text()
