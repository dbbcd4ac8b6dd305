"""The Python face: every verb works, twice, whatever else was imported before."""

from __future__ import annotations

import ast
import contextlib
import importlib
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

import holocine_core
from holocine_core import api as holocine
from holocine_core.api import Extras, Request, homes
from holocine_core.errors import InputError
from holocine_core.evaluate import cuts
from holocine_core.events import Event, FilmDone
from tests.conftest import SMALL

VERBS = (
    "new", "check", "plan", "schema", "import_script", "preview", "render", "reshoot", "extend",
    "versions", "inspect", "report", "export", "evaluate", "stage", "train", "models", "doctor",
)  # fmt: skip
FOUNTAIN = "INT. KITCHEN - DAY\n\nMARA fills a kettle.\n\nThe window steams up.\n"
RECIPE = """
out: {out}
model: {{folder: {model}}}
train: lora
expert: low
lora: {{rank: 2}}
schedule: {{warm_up: 0}}
held_out: {{every: 100}}
phases: [{{size: 32x32, steps: 1, batch: 1, data: {data}}}]
"""


@pytest.fixture(autouse=True)
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for TransNetV2, which tests/evaluate and tests/report try."""
    monkeypatch.setattr(cuts, "require_detector", lambda: None)
    found = lambda scenes: [(9,) for _ in scenes]  # noqa: E731
    monkeypatch.setattr(cuts, "find_cuts", found)
    monkeypatch.setattr("holocine_core.evaluate.observe.measure_observed.__defaults__", (found,))


@pytest.fixture(scope="module")
def everything_imported() -> None:
    for module in pkgutil.walk_packages(holocine_core.__path__, "holocine_core."):
        importlib.import_module(module.name)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a screenplay and its film. Not to be changed."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "film.yaml").write_text(SMALL.lstrip("\n"))
    (folder / "more.yaml").write_text('shots: [{prompt: "{mara} waves.", frames: 4}]\n')
    (folder / "kitchen.fountain").write_text(FOUNTAIN)
    with contextlib.chdir(folder):
        holocine.render("film.yaml")
    return folder


@pytest.fixture
def at_home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a copy of it."""
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def calls(home: Path, model: Path) -> Iterable[tuple[str, Any]]:
    """Every verb with what it needs."""
    recipe = home / "lora.yaml"
    list(holocine.stage(home / "samples", range(1), size=(32, 32), force=True))
    recipe.write_text(RECIPE.format(out=home / "run", model=model, data=home / "samples"))
    yield "new", lambda: holocine.new("harbour", force=True)
    yield "check", lambda: holocine.check("film.yaml")
    yield "plan", lambda: holocine.plan("film.yaml")
    yield "schema", holocine.schema
    yield "import_script", lambda: holocine.import_script("kitchen.fountain", force=True)
    yield "preview", lambda: holocine.preview("film.yaml")
    yield "render", lambda: holocine.render("film.yaml")
    yield "reshoot", lambda: holocine.reshoot("film.mp4", "storm:2")
    yield "extend", lambda: holocine.extend("film.mp4", "more.yaml")
    yield "versions", lambda: holocine.versions("film.mp4")
    yield "inspect", lambda: holocine.inspect("film.mp4")
    yield "report", lambda: holocine.report("film.mp4", force=True)
    yield "export", lambda: holocine.export("film.mp4", "vtt", force=True)
    yield "evaluate", lambda: holocine.evaluate(["film.preview.mp4"])
    yield "stage", lambda: list(holocine.stage("more", range(1), size=(32, 32), force=True))
    yield "train", lambda: holocine.train(recipe)
    yield "models", holocine.models
    yield "doctor", lambda: list(holocine.doctor())


@pytest.mark.slow
@pytest.mark.usefixtures("everything_imported")
def test_every_verb_works_twice(at_home: Path, tiny: Path) -> None:
    called = []
    for name, call in calls(at_home, tiny):
        for _ in range(2):
            answer = call()
            values = answer if isinstance(answer, list | tuple) else [answer]
            frozen = all(is_dataclass(one) and one.__dataclass_params__.frozen for one in values)
            assert values, name
            assert frozen or name == "schema", name
        called.append(name)
    assert sorted(called) == sorted(VERBS)
    assert holocine.versions("film.mp4")[0].told == "as rendered"
    assert len(holocine.versions("film.mp4")) == 5


def test_every_name_of_the_face_opens_and_is_declared_once() -> None:
    tree = ast.parse(Path(holocine.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and not node.orelse][:1]
    typed = {
        alias.name: node.module.removeprefix("holocine_core.")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert typed == homes.HOMES, "what a type checker reads is what is opened"
    assert sorted(typed) == sorted(holocine.__all__)
    assert set(VERBS) <= set(typed)
    for name in holocine.__all__:
        assert getattr(holocine, name) is getattr(holocine, name)
    with pytest.raises(AttributeError, match="no attribute 'shoot'"):
        holocine.shoot  # noqa: B018


@pytest.mark.parametrize("verb", ["plan", "check", "render", "Request"])
def test_the_face_is_light(verb: str) -> None:
    code = (
        f"import sys; from holocine_core import api; api.{verb}; "
        "print(*sorted({'torch', 'numpy', 'diffusers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_film_gets_what_is_asked_for_beside_it(at_home: Path) -> None:
    told: list[Event] = []
    request = Request(out="other.mp4", seed=9)  # type: ignore[arg-type]
    film = holocine.render(
        "film.yaml",
        request,
        extras=Extras(shots=Path("cuts"), storyboard=True),
        emit=told.append,
    )
    assert (film.path, film.frames, film.up_to_date) == (Path("other.mp4"), 23, False)
    assert [path.name for path in film.beside.shots] == [
        "storm-01.mp4", "storm-02.mp4", "dawn-01.mp4"
    ]  # fmt: skip
    assert film.beside.storyboard == Path("other.storyboard.png")
    assert isinstance(told[-1], FilmDone)


def test_what_others_made_is_not_replaced(at_home: Path) -> None:
    Path("other.storyboard.png").write_text("a wedding")
    request = Request(out=Path("other.mp4"))
    with pytest.raises(InputError, match="is not of this film's making"):
        holocine.render("film.yaml", request, extras=Extras(storyboard=True))
    assert not Path("other.mp4").exists()


def test_a_plans_extras_replace_nothing_unasked_either(at_home: Path) -> None:
    Path("film.storyboard.png").write_text("a wedding")
    plan = holocine.plan("film.yaml")
    with pytest.raises(InputError, match="is not of this film's making"):
        holocine.render(plan, extras=Extras(storyboard=True))
    assert Path("film.storyboard.png").read_text() == "a wedding"


@pytest.mark.parametrize(
    "said", [{"profile": "best"}, {"seed": -1}, {"seed": 2**63}, {"draft": 0}, {"from_draft": 0}]
)
def test_what_can_not_be_asked_for_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"there is no|is no seed"):
        Request(**said)


def test_versions_are_dropped_by_name_and_never_by_default(at_home: Path) -> None:
    for said in ({}, {"numbers": [2], "keep": 1}, {"keep": 0}):
        with pytest.raises(InputError, match="which versions"):
            holocine.drop_versions("film.mp4", **said)  # type: ignore[arg-type]


def test_an_extra_of_a_film_whose_takes_are_gone_is_refused(at_home: Path) -> None:
    plan = holocine.plan("film.yaml")
    for file in [*plan.work.glob("clips/*.mp4"), *plan.work.glob("negatives/*.safetensors")]:
        file.unlink()
    with pytest.raises(InputError, match="no longer there to cut from"):
        holocine.beside(plan, Extras(storyboard=True))


@pytest.mark.slow
def test_an_edit_says_what_it_changed(at_home: Path) -> None:
    edited = holocine.reshoot("film.mp4", "storm:2", prompt="{mara} waves.", seed=4)
    assert edited.version == 2
    assert edited.changed is not None
    assert all(span.start >= 9 and span.stop <= 17 for span in edited.changed)
    assert holocine.versions("film.mp4")[1].told == 'shot storm:2 anew: "{mara} waves.", seed 4'
    plan = holocine.plan_version("film.mp4", 1)
    assert holocine.render(plan, force=True).path == Path("film.mp4")
    assert [one.current for one in holocine.versions("film.mp4")] == [True, False]
    assert holocine.drop_versions("film.mp4", [2]) > 0
    assert len(holocine.versions("film.mp4")) == 1
