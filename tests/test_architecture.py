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

from tests.house import PAGE, ROOMS, may_import, page
from tests.mutants import mutants

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("holocine_core/**/*.py"), *ROOT.glob("holocine_cli/**/*.py")])
CORE = "holocine_core."

LIGHT = [
    "holocine_cli.app",
    "holocine_cli.commands",
    "holocine_core.api",
    "holocine_core.film.planning",
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


def modules(tree: ast.AST) -> Iterator[str]:
    """What of holocine_core a file imports, each as far as it names a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("holocine_core"):
            for alias in node.names:
                inside = f"{node.module}.{alias.name}".removeprefix(CORE)
                path = ROOT / "holocine_core" / inside.replace(".", "/")
                is_module = path.is_dir() or path.with_suffix(".py").is_file()
                yield inside if is_module else inside.rpartition(".")[0]


def test_rooms_import_only_their_neighbours() -> None:
    wrong = []
    for path in SOURCES:
        parsed = tree(path)
        if path.is_relative_to(ROOT / "holocine_core") and path.stem != "__init__":
            wrong += [
                f"{path.relative_to(ROOT)} imports {name}"
                for name in modules(parsed)
                if not may_import(room(path), name)
            ]
        if path.is_relative_to(ROOT / "holocine_core"):
            wrong += [
                f"{path.relative_to(ROOT)} knows a command line"
                for name in imports(parsed)
                if name.startswith("holocine_cli")
            ]
    assert not wrong, "\n".join([*wrong, "change the code, or the table in tests/house.py"])


def test_the_command_line_knows_the_face_alone() -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in SOURCES
        if path.parent.name == "holocine_cli"
        for name in modules(tree(path))
        if name not in ("", "api", "api.fleet", "errors", "events")
    ]
    assert not wrong, "what the command line does, holocine_core.api does"


def test_every_room_is_in_the_table() -> None:
    there = {
        path.stem
        for path in (ROOT / "holocine_core").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert there - {"__init__"} == set(ROOMS)


def test_the_pages_tables_are_fresh() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run python -m tests.house"


def test_the_table_has_no_circle() -> None:
    seen: set[str] = set()
    while len(seen) < len(ROOMS):
        ready = {
            name
            for name, one in ROOMS.items()
            if name not in seen and {each.split(".")[0] for each in one.may} <= seen
        }
        assert ready, f"rooms import each other in a circle: {ROOMS.keys() - seen}"
        seen |= ready


def test_everything_fits_on_the_desk() -> None:
    """Split what does not by what it does, not by where the line fell."""
    wrong = []
    for path in SOURCES:
        name = path.relative_to(ROOT)
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            wrong.append(f"{name} has {lines} lines, {LONGEST_FILE} at most")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                wrong += [f"{name}: {node.name} {words}" for words in _too_large(node, path)]
    assert not wrong, "\n".join(wrong)


def _too_large(node: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> Iterator[str]:
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if length > LONGEST_FUNCTION:
        yield f"has {length} lines, {LONGEST_FUNCTION} at most"
    # Typer commands say their options as parameters; diffusers reads a network's config off its.
    command = path.parent.name == "holocine_cli" and not node.name.startswith("_")
    listed = any("register_to_config" in ast.dump(one) for one in node.decorator_list)
    count = len(node.args.args) + len(node.args.kwonlyargs)
    if not (command or listed) and count > MOST_PARAMETERS + 1:
        yield f"takes {count} parameters, {MOST_PARAMETERS} at most"


def test_importing_stays_light() -> None:
    code = f"""
import importlib, sys
for module in {LIGHT!r}:
    importlib.import_module(module)
    if found := sorted({HEAVY!r} & set(sys.modules)):
        sys.exit(f"{{module}} imports {{', '.join(found)}}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
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
        if path.parent.name != "api":  # The face opens its verbs when they are used.
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


def test_every_planted_fault_still_has_its_place() -> None:
    for mutant in mutants():
        assert mutant.text(ROOT) != (ROOT / mutant.file).read_text(encoding="utf-8")
        for name in mutant.tests.split():
            assert (ROOT / name).exists(), f"{name} is to catch a fault in {mutant.file}"
