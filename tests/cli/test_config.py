"""Settings said once and for all, as commands take them; `holocine config` shows them."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.api import fleet
from holocine_core.config.keys import KEYS, OTHERS, USER_FILE
from holocine_core.errors import Interrupted
from holocine_core.film.reopen import open_film
from holocine_core.request import Fallback, Request
from tests.cli.conftest import SCENE, Holocine, write_scene

ROOT = Path(__file__).parents[2]
FAST = ("[profiles.fast]", 'base = "draft"', "steps = 1")


def say(*lines: str, folder: str = ".") -> Path:
    path = Path(folder, "holocine.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def test_a_plan_takes_them_and_tells_who_said_them(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say('profile = "fast"', 'out = "films"', 'work = "takes"', 'memory = "swap"', *FAST)
    monkeypatch.setenv("HOLOCINE_DEVICE", "cuda:24gb")
    monkeypatch.setenv("COLUMNS", "80")
    found = holocine("plan", scene, "--json").json
    assert (found["film"], found["work"]) == ("films/room.mp4", "takes/room")
    assert (found["profile"], found["base"], found["device"]) == ("fast", "draft", "cuda:24gb")
    assert found["takes"][0]["sampling"]["steps"] == 1
    assert found["told_by"] == {
        "device": "HOLOCINE_DEVICE",
        "memory": "holocine.toml:4",
        "out": "holocine.toml:2",
        "profile": "holocine.toml:1",
        "work": "holocine.toml:3",
    }
    page = holocine("plan", scene).stdout
    for line in (
        "films/room.mp4 (holocine.toml:2)",
        "fast (draft) (holocine.toml:1): 1 step by fast",
        "cuda:24gb (HOLOCINE_DEVICE), swap (holocine.toml:4): as asked for",
        "takes/room (holocine.toml:3)",
    ):
        assert line in page
    over = ("--profile", "final", "--out-dir", "here", "--device", "auto", "--memory", "auto")
    found = holocine("plan", scene, "--json", *over, "--work", "w").json
    assert (found["film"], found["work"], found["told_by"]) == ("here/room.mp4", "w", {})
    assert (found["profile"], found["device"]) == ("final", "cpu")
    write_scene("room.yaml", profile="standard", model="nano")
    assert "profile" not in holocine("render", scene, "--dry-run", "--json").json["told_by"]


def test_every_screenplay_has_its_own_projects(holocine: Holocine) -> None:
    for folder in ("a", "b", "c"):
        Path(folder).mkdir()
        write_scene(f"{folder}/{folder}.yaml")
    say('profile = "draft"', 'out = "{stem}/film.mp4"', folder="a")
    say('profile = "fast"', *FAST, folder="b")
    say('profile = "final"')  # Of the current folder, where none of them lies.
    answer = holocine("plan", "a/a.yaml", "b/b.yaml", "c/c.yaml", "--json")
    found = {one["film"]: one["profile"] for one in answer.json["films"]}
    assert found == {"a/a/film.mp4": "draft", "b.mp4": "fast", "c.mp4": "standard"}
    answer = holocine("plan", "a/a.yaml", "b/b.yaml", "--profile", "fast", "--json")
    assert answer.exit_code == 2
    assert answer.json["error"]["message"] == "there is no profile 'fast'"
    assert holocine("plan", "b/b.yaml", "--profile", "fast").exit_code == 0


def test_what_is_wrong_ends_every_command_with_its_line(holocine: Holocine, scene: Path) -> None:
    say('proflie = "draft"', 'out = "../films"')
    for words in (
        ("plan", scene), ("render", scene), ("preview", scene), ("check", scene), ("config",),
        ("evaluate", scene), ("models", "list"), ("doctor",), ("reshoot", "x.mp4", "--shot", "1"),
        ("versions", "x.mp4"), ("extend", "x.mp4", "--add", "y.yaml"),
    ):  # fmt: skip
        answer = holocine(*words, "--json")
        problems = answer.json["error"]["problems"]
        assert (words, answer.exit_code) == (words, 2)
        assert [one["where"] for one in problems] == ["holocine.toml:1", "holocine.toml:2"]
        assert problems[0]["hint"] == "did you mean `profile`?"


def test_a_check_knows_own_profiles_and_tells_of_every_file(
    holocine: Holocine, scene: Path
) -> None:
    write_scene("room.yaml", profile="fast")
    assert holocine("check", scene).exit_code == 2
    say(*FAST)
    assert holocine("check", scene).exit_code == 0
    Path("other").mkdir()
    shutil.copy(scene, "other/b.yaml")
    say("profile = 3", folder="other")
    answer = holocine("check", "other/b.yaml", scene, "--json")
    assert [file["ok"] for file in answer.json["files"]] == [False, True]


@pytest.mark.slow
def test_a_preview_goes_where_films_go(holocine: Holocine, scene: Path) -> None:
    say('out = "films/{stem}/final.mp4"', 'profile = "final"')
    answer = holocine("preview", scene)
    assert answer.stdout == "films/room/room.preview.mp4\n"
    assert Path("films/room/room.preview.png").is_file()
    assert Path("films/room/.holocine/room").is_dir()
    assert holocine("plan", scene, "--json").json["work"] == "films/room/.holocine/room"


def test_where_models_lie(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def folder(*words: str) -> str:
        listed = holocine("models", "list", "--json", *words).json["models"]
        return next(str(one["folder"]) for one in listed if one["name"] == "holocine-14b-sparse")

    say('models_dir = "models"')
    assert folder() == "models"
    monkeypatch.setenv("HOLOCINE_MODELS", "elsewhere")
    assert folder() == "elsewhere"
    assert folder("--models-dir", "named") == "named"
    write_scene("room.yaml")
    Path("holocine.toml").unlink()
    assert "models_dir" in holocine("plan", "room.yaml", "--json").json["told_by"]


@pytest.mark.slow
def test_a_film_is_edited_as_it_was_made_whatever_is_set_elsewhere(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("made").mkdir()
    write_scene("made/room.yaml")
    say('profile = "fast"', 'model = "nano"', 'out = "."', *FAST, folder="made")
    assert holocine("render", "made/room.yaml", "-qq").stdout == "made/room.mp4\n"
    made = api.inspect("made/room.mp4").provenance
    assert made["options"] == {"profile": "fast", "model": "nano"}
    Path("moved").mkdir()
    for name in ("room.mp4", "room.mp4.json", ".holocine"):
        Path("made", name).rename(Path("moved", name))
    monkeypatch.setenv("HOLOCINE_PROFILE", "final")
    monkeypatch.setenv("HOLOCINE_MODEL", "none of these")
    monkeypatch.setenv("HOLOCINE_WORK", "nowhere")
    answer = holocine("reshoot", "moved/room.mp4", "--shot", "2", "--json")
    assert answer.exit_code == 0, answer.stdout
    edited = api.inspect("moved/room.mp4").provenance
    assert (edited["options"], edited["profile"]) == (made["options"], "fast")
    assert edited["takes"][0]["sampling"]["steps"] == 1
    # The machine's settings are the call's, and lie beside the film or here.
    monkeypatch.setenv("HOLOCINE_DEVICE", "")
    for folder in (".", "moved"):
        place = say('device = "gpu"', folder=folder)
        answer = holocine("reshoot", "moved/room.mp4", "--shot", "2", "--json")
        assert answer.json["error"]["where"] == f"{place}:1"


def test_what_a_film_leaves_open_its_screenplay_says(film: Path) -> None:
    """And no fallback of a request, which Python's callers may have from a configuration."""
    _, plan = open_film(film, Request(fallback=Fallback(profile="draft", model="none of these")))
    assert (plan.profile, plan.options) == ("standard", {})


def test_a_template_is_filled_with_what_holds(holocine: Holocine, scene: Path) -> None:
    say('profile = "final"', 'out = "{profile}/{title}.{seed}.mp4"', 'work = "w/{profile}"')
    write_scene("room.yaml", title="../A: b", seed=7)
    found = holocine("plan", scene, "--json").json
    assert (found["film"], found["work"]) == ("final/-A- b.7.mp4", "w/final")
    answer = holocine("plan", scene, "--json", "-o", "{profile}.mp4")
    assert (answer.json["film"], answer.json["told_by"]["work"]) == ("final.mp4", "holocine.toml:3")
    write_scene("room.yaml", profile="draft")
    assert holocine("plan", scene, "--json").json["film"] == "draft/room.0.mp4"
    say('out = "{scene}.mp4"')
    problem = holocine("plan", scene, "--json").json["error"]
    assert (problem["where"], "no field {scene}" in problem["message"]) == ("holocine.toml:1", True)


def test_a_screenplay_from_stdin_is_of_the_current_folders_project(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch
) -> None:
    say('profile = "draft"', 'out = "films"', 'work = "w"')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SCENE.encode())))
    found = holocine("plan", "-", "--json").json
    assert (found["film"], found["work"]) == ("films/stdin.mp4", "w/stdin")
    assert found["profile"] == "draft"


@pytest.mark.parametrize(
    ("lines", "out", "film", "work"),
    [
        (['work = "w"'], "{title}.mp4", "Night.mp4", "w/Night"),
        (['work = "w"', 'out = "films"'], "-", "w/stdin/stdin.mp4", "w/stdin"),
        (['out = "films/{title}.mp4"'], "-", "films/.holocine/Night/stdin.mp4", None),
    ],
)
def test_takes_of_a_screenplay_from_stdin_lie_where_its_films_would(
    holocine: Holocine,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[str],
    out: str,
    film: str,
    work: str | None,
) -> None:
    say(*lines)
    text = f"title: Night\n{SCENE}".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    found = holocine("plan", "-", "-o", out, "--json").json
    assert (found["film"], found["work"]) == (film, work or str(Path(film).parent))
    assert "out" not in found["told_by"]


def test_a_film_for_stdout_has_the_takes_of_the_film_that_lies_there(
    holocine: Holocine, scene: Path
) -> None:
    say('out = "films"')
    named, sent = (holocine("plan", scene, *words, "--json").json for words in ([], ["-o", "-"]))
    assert named["work"] == sent["work"] == "films/.holocine/room"


@pytest.mark.slow
def test_a_worker_films_by_the_settings_of_who_started_it(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Wherever it works, and whatever its own machine's files and variables say."""
    for folder, profile in (("a", "fast"), ("b", "draft")):
        Path(folder).mkdir()
        write_scene(f"{folder}/{folder}.yaml")
        say(f'profile = "{profile}"', 'out = "films"', 'work = "w"', *FAST, folder=folder)
    started: list[Sequence[str]] = []

    def drive(engine: object, words: Sequence[str], *rest: object) -> None:
        started.append(words)
        raise Interrupted("it was started")

    monkeypatch.setattr(fleet, "drive", drive)
    monkeypatch.setenv("HOLOCINE_DEVICE", "cpu")
    assert holocine("render", "a", "b", "--on", "local").exit_code == 130
    (words,) = started
    assert words[words.index("--device") + 1] == "cpu"
    for folder in ("a", "b"):
        say("profile = 3", folder=folder)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    monkeypatch.setenv("HOLOCINE_PROFILE", "final")
    monkeypatch.setenv("HOLOCINE_OUT", "nowhere")
    monkeypatch.setenv(USER_FILE, "none.toml")
    answer = holocine(*words)
    assert answer.exit_code == 0, answer.stderr
    for folder, steps in (("a", 1), ("b", 2)):
        film = tmp_path / folder / "films" / f"{folder}.mp4"
        assert api.inspect(film).provenance["takes"][0]["sampling"]["steps"] == steps
        assert (tmp_path / folder / "w" / folder / "clips").is_dir()
    Path("c.yaml").write_text(SCENE)
    settings = words[words.index("--settings") + 1]
    answer = holocine("render", "c.yaml", "--worker", "--settings", settings)
    assert "was given no settings" in answer.stderr
    answer = holocine("render", "c.yaml", "--worker", "--settings", "c.yaml")
    assert (answer.exit_code, "no settings for a worker" in answer.stderr) == (2, True)


def test_a_variable_that_is_misspelled_is_told_of_once(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PROFIL", "MODELS_DIR", "DEVISE", "SOMETHING_ELSE"):
        monkeypatch.setenv(f"HOLOCINE_{name}", "final")
    told = holocine("plan", scene, scene, "--profile", "draft").stderr
    found = re.findall(r"by the variable (\w+)\n.*did you mean (\w+)\?", told)
    assert found == [
        ("HOLOCINE_DEVISE", "HOLOCINE_DEVICE"),
        ("HOLOCINE_MODELS_DIR", "HOLOCINE_MODELS"),
        ("HOLOCINE_PROFIL", "HOLOCINE_PROFILE"),
    ]
    monkeypatch.setenv("HOLOCINE_PROFILE", "finall")
    answer = holocine("plan", scene)
    assert (answer.exit_code, "at HOLOCINE_PROFILE" in answer.stderr) == (2, True)


def test_our_own_variables_are_no_misspellings() -> None:
    named = set()
    for path in (*ROOT.glob("holocine_*/**/*.py"), *ROOT.glob("benchmarks/*.py")):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'["\'](HOLOCINE_[A-Z_]+)["\']', text))
    ours = OTHERS | {key.variable for key in KEYS.values()}
    assert named - ours == set()
    assert api.misspelled_variables() == []


def test_the_page_shows_what_holds_and_who_said_it(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(USER_FILE, "~/own.toml")
    Path("own.toml").write_text("\n".join(['out = "films"', 'profile = "draft"', *FAST]))
    say('model = "nano"')
    monkeypatch.setenv("HOLOCINE_MEMORY", "swap")
    page = [line.split() for line in holocine("config").stdout.splitlines()]
    assert ["profile", "draft", "~/own.toml:2"] in page
    assert ["model", "nano", "holocine.toml:1"] in page
    assert ["memory", "swap", "HOLOCINE_MEMORY"] in page
    assert ["device", "auto", "default"] in page
    assert ["profiles.fast", "draft,", "steps", "1", "~/own.toml:3"] in page
    write_scene("room.yaml", profile="final")
    found = holocine("config", scene, "--json").json
    assert found["settings"]["profile"] == {"value": "final", "told_by": "room.yaml:1"}
    assert found["settings"]["out"] == {"value": "films/room.mp4", "told_by": "~/own.toml:1"}
    assert found["settings"]["work"] == {"value": "films/.holocine/room", "told_by": "default"}
    assert found["profiles"]["fast"] == {"base": "draft", "steps": 1, "told_by": "~/own.toml:3"}
    assert found["files"] == [
        {"path": "holocine.toml", "is_there": True},
        {"path": str(tmp_path / "own.toml"), "is_there": True},
    ]
    assert holocine("config", "--path").stdout == f"{tmp_path / 'own.toml'}\n"
    monkeypatch.setenv(USER_FILE, "")
    assert holocine("config", "--path").exit_code == 2
    assert json.loads(holocine("config", "none.yaml", "--json").stdout)["exit_code"] == 2
