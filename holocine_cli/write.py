"""new, check, schema: what a person does before a film is made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.contract import problem_record
from holocine_cli.layout import clock, counted
from holocine_cli.session import begin
from holocine_core.errors import InputError, Problem
from holocine_core.store.vault import read_json

SCHEMA_FILE = "holocine.schema.json"
STARTER = Path(__file__).parent / "starter.yaml"
TITLE_LINE = "title: The Last Ferry"
"""The starter's title, which gives way to the new film's."""

OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The file to write; NAME.yaml where left out.",
        show_default=False,
    ),
]


def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The film's name.")],
    out: OutFile = None,
    force: opt.Force = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Write a starter screenplay that explains every key.

    holocine new harbour
    holocine new "The Last Ferry" -o ferry.yaml

    Beside it goes the screenplay's JSON schema, with which editors complete and
    check as you type.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    title = name.removesuffix(".yaml").removesuffix(".yml").strip()
    stem = re.sub(r"[^\w.-]+", "-", Path(title).name).strip("-.")
    if not stem:
        raise InputError(f"'{name}' is no name for a film", hint="such as: holocine new harbour")
    path = out if out is not None else Path(title).parent / f"{stem}.yaml"
    from holocine_cli.files import save

    shown = json.dumps(Path(title).name, ensure_ascii=False)
    text = STARTER.read_text(encoding="utf-8").replace(TITLE_LINE, f"title: {shown}", 1)
    save(path, text.encode(), replace=force)
    schema_path = path.parent / SCHEMA_FILE
    made_schema = not schema_path.exists()
    if made_schema:
        save(schema_path, _schema_text().encode(), replace=False)
    session.fields = {"screenplay": str(path), "schema_file": str(schema_path)}
    session.console.product(str(path))
    if made_schema:
        session.console.note(f"{schema_path} lets editors complete and check it as you type")
    session.console.note(f"next: holocine preview {path}")


def check(
    ctx: typer.Context,
    screenplays: opt.Screenplays,
    model: opt.Model = None,
    models_dir: opt.ModelsDir = None,
    allow_outside: opt.AllowOutside = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Say what is wrong with screenplays.

    holocine check harbour.yaml
    holocine check screenplays/*.yaml

    Shape, names, timing and length of texts: every problem of every file is
    told at once, each with its line and column.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    from holocine_core.film.planning import plan_film
    from holocine_core.request import Request

    settings = Request(
        model=model, models_dir=models_dir, device="cpu", outside=allow_outside, anew=True
    )
    problems: list[Problem] = []
    files: list[dict[str, Any]] = []
    session.fields = {"files": files}
    for path in screenplays:
        record: dict[str, Any] = {"screenplay": str(path), "ok": False}
        files.append(record)
        try:
            plan = plan_film(path, settings)
        except InputError as error:
            new = [problem for problem in error.problems if problem not in problems]
            problems += new  # Of the call itself, such as an unknown --model: told once.
            record["problems"] = [problem_record(problem) for problem in error.problems]
            continue
        frames = sum(take.timeline.frames for take in plan.takes)
        shots = sum(take.timeline.shots for take in plan.takes)
        record |= {"ok": True, "scenes": len(plan.takes), "shots": shots, "frames": frames}
        record["warnings"] = [problem_record(warning) for warning in plan.warnings]
        told = (
            f"{counted(len(plan.takes), 'scene')}, {counted(shots, 'shot')}, "
            f"{clock(float(frames / plan.fps))}"
        )
        session.console.product(f"{path}: {session.console.out('ok', 'green', bold=True)} ({told})")
        for warning in plan.warnings:
            session.console.warn(warning)
    if problems:
        raise InputError.of(problems)


def schema(
    ctx: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The file to write; stdout where left out.",
            show_default=False,
        ),
    ] = None,
    force: opt.Force = False,
) -> None:
    """Print the JSON schema of screenplays, for editors.

    holocine schema
    holocine schema -o holocine.schema.json

    An editor finds it by the first line of a screenplay:
    # yaml-language-server: $schema=holocine.schema.json
    """
    console = begin(ctx).console
    if out is None:
        console.product(_schema_text().rstrip())
        return
    from holocine_cli.files import save

    save(out, _schema_text().encode(), replace=force or _is_schema(out))
    console.product(str(out))


def _schema_text() -> str:
    from holocine_core.script.schema import schema as screenplay_schema

    return json.dumps(screenplay_schema(), indent=1, ensure_ascii=False) + "\n"


def _is_schema(path: Path) -> bool:
    found = read_json(path)
    return found is not None and found.get("title") == "holocine screenplay"
