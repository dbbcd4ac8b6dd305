"""The layout defends itself: who imports whom, what stays light, what stays small."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("holocine_core/**/*.py"), *ROOT.glob("holocine_cli/**/*.py")])
CORE = "holocine_core."

# Room -> rooms it may import. A file right below holocine_core is a room of its own.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "events": set(),
    "script": {"errors"},
    "adapt": {"errors", "script"},
    "store": {"errors", "events"},
    "edit": {"errors", "events", "script", "store"},
    "model": {"errors", "events", "script", "store"},
    "plan": {"errors", "script", "model", "store", "edit"},
    "sample": {"errors", "events", "script", "model", "plan", "store"},
    "film": {"errors", "events", "script", "model", "plan", "store", "edit"},
    "render": {"errors", "events", "plan", "film", "store", "edit", "sample"},
    "production": {
        "errors", "events", "script", "model", "plan", "film", "render", "store", "edit",
    },
    "train": {
        "errors", "events", "script", "model", "plan", "sample", "edit", "store", "render",
        "production",
    },
    "evaluate": {
        "errors", "events", "script", "model", "plan", "sample", "edit", "store", "film", "render",
        "production",
    },
    "lab": {
        "errors", "events", "script", "adapt", "store", "edit", "model", "plan", "sample", "film",
        "render", "production", "train", "evaluate",
    },
}  # fmt: skip
LIGHT = [
    "holocine_cli.app",
    "holocine_core.production",
    "holocine_core.plan.make",
    "holocine_core.render",
    "holocine_core.edit.stitch",
]
HEAVY = {"torch", "diffusers", "transformers", "peft", "accelerate", "moviepy"}
LONGEST_FILE, LONGEST_FUNCTION, MOST_PARAMETERS = 400, 60, 8


def room(path: Path) -> str:
    inside = path.relative_to(ROOT / "holocine_core")
    return inside.parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_import_only_their_neighbours(path: Path) -> None:
    inside = path.is_relative_to(ROOT / "holocine_core")
    for name in imports(tree(path)):
        assert not (inside and name.startswith("holocine_cli")), "the core knows no command line"
        if inside and name.startswith(CORE):
            here, there = room(path), name.removeprefix(CORE).split(".")[0]
            if here != "__init__":
                assert there == here or there in ROOMS[here], f"{here} may not import {there}"


def test_the_table_has_no_circle() -> None:
    seen: set[str] = set()
    while len(seen) < len(ROOMS):
        ready = {name for name, uses in ROOMS.items() if name not in seen and uses <= seen}
        assert ready, f"rooms import each other in a circle: {ROOMS.keys() - seen}"
        seen |= ready


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_fits_on_the_desk(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, "split it by what it does, not by where the line fell"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"
            # Typer commands say their options as parameters.
            command = path.parent.name == "holocine_cli" and not node.name.startswith("_")
            # diffusers reads a network's config off its arguments.
            listed = any("register_to_config" in ast.dump(one) for one in node.decorator_list)
            count = len(node.args.args) + len(node.args.kwonlyargs)
            assert command or listed or count <= MOST_PARAMETERS + 1, f"{node.name} takes {count}"


@pytest.mark.parametrize("module", LIGHT)
def test_importing_stays_light(module: str) -> None:
    code = (
        f"import sys, {module}; "
        f"found = sorted({HEAVY!r} & set(sys.modules)); print(*found); sys.exit(bool(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_training_on_clips_knows_no_drawn_world() -> None:
    code = """
import sys
from holocine_core.train import trainer
from holocine_core.train.recipe import Recipe
phase = {"data": "clips", "size": "64x64", "steps": 1}
made = Recipe.model_validate(
    {"out": "run", "model": {"folder": "wan"}, "train": "lora", "phases": (phase,),
     "schedule": {"warm_up": 0}}
)
Recipe.model_validate_json(made.model_dump_json())
print(*(name for name in sys.modules if name.startswith("holocine_core.lab")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stdout + done.stderr


def test_rooms_say_what_they_are_and_export_nothing() -> None:
    for path in ROOT.glob("holocine_*/**/__init__.py"):
        body = tree(path).body
        assert ast.get_docstring(tree(path)), f"{path} has no docstring"
        assert len(body) == 1, f"{path} holds more than its docstring"


def test_nothing_is_caught_blindly() -> None:
    blind = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") == "Exception")
    ]
    assert blind in ([], ["holocine_cli/app.py"]), "only the door may catch everything"


def test_console_scripts_resolve() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for target in project["scripts"].values():
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_project_stands_alone() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    outside = ("../" + "shared", "/wo" + "rk/", "/ro" + "ot/")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".json", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not any(word in text for word in outside), name
