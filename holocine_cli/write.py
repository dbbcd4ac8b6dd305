"""new, check, schema: what a person does before a film is made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.contract import problem_record
from holocine_cli.groups import Listed, ModelAsked, Told, grouped
from holocine_cli.pipes import DASH, STDIN, text_to_stdout, to_stdout
from holocine_cli.session import begin
from holocine_cli.settings import Settings
from holocine_cli.warnings_told import Warnings
from holocine_core.api import clock, counted
from holocine_core.errors import InputError, Problem

OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The file to write; NAME.yaml where left out, - is stdout.",
        show_default=False,
    ),
]


Template = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="NAME",
        help="A short film in this form: a-b-a, chase, dialogue or product.",
        show_default=False,
        autocompletion=opt.one_of("a-b-a", "chase", "dialogue", "product"),
    ),
]


@grouped
def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The film's name.")],
    out: OutFile = None,
    template: Template = None,
    model: opt.Model = None,
    models_dir: opt.ModelsDir = None,
    force: opt.Force = False,
    told: Told = Told(),
) -> None:
    """Write a screenplay to begin with: a starter that explains every key, or a template.

    holocine new harbour
    holocine new "The Last Ferry" --template chase -o ferry.yaml

    A template is a whole short film whose comments explain its form, in words
    that the model knows: nano, which films on any CPU, where --model names none.

    Beside it goes the screenplay's JSON schema, with which editors complete and
    check as you type.
    """
    session = begin(ctx, told)
    from holocine_core import api

    # A screenplay's own model goes before a project's: it names the one that holds where it lies.
    there = name if out is None or out == DASH else out
    here = Settings(session).of(Path(there))
    with to_stdout(out, "starter.yaml") as place:
        made = api.new(
            name,
            place,
            template=template,
            model=model or here.model,
            models_dir=models_dir or here.models_dir,
            force=force,
        )
    if place != out:
        return
    session.fields = {"screenplay": str(made.screenplay), "schema_file": str(made.schema)}
    session.console.product(str(made.screenplay))
    if made.wrote_schema:
        session.console.note(f"{made.schema} lets editors complete and check it as you type")
    session.console.note(f"next: holocine preview {made.screenplay}")


@grouped
def check(
    ctx: typer.Context,
    screenplays: opt.Sources = None,
    listed: Listed = Listed(),
    asked: ModelAsked = ModelAsked(),
    models_dir: opt.ModelsDir = None,
    allow_outside: opt.AllowOutside = False,
    told: Told = Told(),
) -> None:
    """Say what is wrong with screenplays.

    holocine check harbour.yaml
    holocine check screenplays --model holocine-14b-sparse

    Shape, names, timing and length of texts: every problem of every file is
    told at once, each with its line and column.
    """
    session = begin(ctx, told)
    from holocine_core import api

    request = api.Request(models_dir=models_dir, outside=allow_outside, **asked.of_model())
    settings = Settings(session)
    problems: dict[Problem, None] = {}
    files: list[dict[str, Any]] = []
    session.fields = {"files": files}
    sources = listed.sources(screenplays, session)
    warnings = Warnings(session.console, sources)
    for path in sources:
        record: dict[str, Any] = {"screenplay": str(path), "ok": False}
        files.append(record)
        given = session.stdin if path == STDIN else None
        try:
            found = api.check(path, settings.asked(path, replace(request, given=given))[1])
        except InputError as error:  # Of a file that sets something.
            found = api.Checked(screenplay=path, problems=error.problems)
        if found.problems:
            # Of the call itself, such as an unknown --model: told once.
            problems |= dict.fromkeys(found.problems)
            record["problems"] = [problem_record(problem) for problem in found.problems]
            continue
        record |= {"ok": True, "scenes": found.scenes, "shots": found.shots}
        record |= {"frames": found.frames}
        record["warnings"] = [problem_record(warning) for warning in found.warnings]
        said = (
            f"{counted(found.scenes, 'scene')}, {counted(found.shots, 'shot')}, "
            f"{clock(found.seconds)}"
        )
        session.console.product(f"{path}: {session.console.out('ok', 'green', bold=True)} ({said})")
        warnings.tell(path, found.warnings)
    warnings.tell_shared()
    if problems:
        first = next(iter(problems))  # Of each file at most a hundred are told.
        raise InputError(
            first.message, where=first.where, hint=first.hint, problems=tuple(problems)
        )


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
    console = begin(ctx, Told()).console
    from holocine_core import api

    if out is None or out == DASH:
        text_to_stdout(json.dumps(api.schema(), indent=1, ensure_ascii=False) + "\n")
    else:
        console.product(str(api.write_schema(out, force=force)))
