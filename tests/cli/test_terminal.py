"""Control characters that come from elsewhere are shown to people, and never sent to a terminal."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from holocine_cli.app import main
from holocine_cli.console import Console, Paint
from holocine_cli.escapes import columns_of, for_terminal
from holocine_cli.live import DownloadBar, Live, TrainingView, page
from holocine_cli.progress import Shooting
from holocine_cli.train_view import Learning
from holocine_core.errors import InputError, Problem
from tests.cli.conftest import SCENE, Holocine, Terminal, write_scene
from tests.cli.test_models_info import taught_model as taught_model

HOSTILE = {
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J",
    "colour": "\x1b[31mred",
    "C1": "\x9b31m",
    "DEL": "a\x7fb",
    "return": "good\rbad",
    "override": "exe\u202egpj",
    "isolate": "\u2066a\u2069",
    "line": "a\u2028b",
    "backspace": "a\x08b",
}
OWN = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_comes_from_elsewhere_is_escaped_and_our_colours_are_not(text: str) -> None:
    assert not RAW.search(for_terminal(text))
    assert re.search(r"\\(x|u|r)", for_terminal(text))
    painted = for_terminal(Paint(True)(text, "red"))
    assert painted == f"\x1b[31m{for_terminal(text)}\x1b[0m"
    assert columns_of(Paint(True)(text, "red")) == len(for_terminal(text))


def test_text_tabs_and_lines_stay() -> None:
    assert for_terminal("na\u00efve\t\U0001f3ac\n\u0645") == "na\u00efve\t\U0001f3ac\n\u0645"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_all_that_a_console_says(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(verbose=True)
    console.product(text)
    console.note(text)
    console.detail(text)
    console.warn(Problem(text, text, text))
    console.fail(InputError(text, where=text, hint=text))
    told = capsys.readouterr()
    assert not RAW.search(told.out + told.err)
    Console(as_json=True).document({"said": text, "lines": [1, 2]})
    written = capsys.readouterr().out
    assert not RAW.search(written)
    assert json.loads(written)["said"] == text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_all_that_is_drawn_over(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with Live() as bars:
        bars.show(Shooting(scene=text, stage=text, takes=1, at=1, of=2))
        console = Console()
        console.above = bars.above
        console.note(text)
    with DownloadBar() as bar:
        bar.show(text, 1, 2)
    with TrainingView() as view:
        view.show(Learning(out=f"[/b]{text}", doing=text))
    with page() as draw:
        draw(text)
    shown = str(sys.stderr.getvalue())
    assert "\\" in shown
    # Rich moves the cursor by return and by sequences; what is left is text.
    left = OWN.sub("", shown)
    assert not RAW.search(left.replace("\r", ""))
    assert "owned\x07" not in shown
    assert "\x1b[2J" not in shown


@pytest.mark.parametrize("colours", ["", "1"])
def test_a_screenplay_from_elsewhere(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch, colours: str
) -> None:
    monkeypatch.setenv("NO_COLOR", colours)
    for name, text in HOSTILE.items():
        write_scene("odd.yaml", title=text)
        for words in (("plan", "odd.yaml"), ("check", "odd.yaml")):
            answer = holocine(*words)
            assert answer.exit_code == 0, name
            assert not RAW.search(answer.stdout + answer.stderr), (name, words)
        assert holocine("plan", "odd.yaml", "--json").json["title"] == text
        write_scene("odd.yaml", SCENE.replace("A lamp is lit.", '"{a} is lit."'), style=f"x {text}")
        Path("odd.yaml").write_text(
            Path("odd.yaml").read_text().replace("{a}", "{a" + json.dumps(text)[1:-1] + "}")
        )
        answer = holocine("check", "odd.yaml")
        assert answer.exit_code == 2, name
        assert not RAW.search(answer.stderr), name
    answer = holocine("check", "\x1b[2J.yaml")
    assert "\\x1b[2J.yaml" in answer.stderr
    assert not RAW.search(answer.stderr)


def test_the_page_of_a_model(holocine: Holocine, taught_model: Path) -> None:
    card = "# Fine\n" + "\n".join(HOSTILE.values())
    (taught_model / "README.md").write_text(card, encoding="utf-8", newline="")
    answer = holocine("models", "info", taught_model)
    assert "\\x1b]0;owned\\x07" in answer.stdout
    assert not RAW.search(answer.stdout)


def test_a_films_screenplay_is_shown_on_a_terminal_and_handed_on_whole(
    in_made: Path, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SCENE.replace("lit", "lit\u202e")
    path = write_scene("turned.yaml", text, model=str(tiny), title="\u009b31m")
    assert main(["render", str(path), "-qq"]) == 0
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main(["inspect", "turned.mp4", "--extract", "-"]) == 0
    assert main(["inspect", "turned.mp4"]) == 0
    shown = str(sys.stdout.getvalue())
    assert "lit\\u202e" in shown
    assert "\\x9b31m" in shown
    assert not RAW.search(OWN.sub("", shown))
    assert main(["inspect", "turned.mp4", "--extract", "back.yaml"]) == 0
    assert Path("back.yaml").read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
