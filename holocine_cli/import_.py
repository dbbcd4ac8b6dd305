"""import: a writer's script becomes a screenplay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from holocine_cli import options as opt
from holocine_cli.groups import Told, grouped
from holocine_cli.pipes import given, to_stdout
from holocine_cli.session import begin
from holocine_cli.settings import here
from holocine_core.api import counted

From = Literal["fountain", "fdx", "csv", "raw"]
DEFAULT_MODEL = "nano"


Script = Annotated[
    Path,
    typer.Argument(
        metavar="SCRIPT",
        help="A script, a shot list or HoloCine's raw prompts; - is one from stdin.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The screenplay to write; SCRIPT.yaml in this folder where left out, - is stdout.",
        show_default=False,
    ),
]
FromOption = Annotated[
    From | None,
    typer.Option(
        "--from",
        help="What the file is; told by its name, or by what it holds.",
        show_default=False,
    ),
]


@grouped
def import_(
    ctx: typer.Context,
    script: Script,
    out: Out = None,
    kind: FromOption = None,
    model: opt.Model = None,
    models_dir: opt.ModelsDir = None,
    force: opt.Force = False,
    told: Told = Told(),
) -> None:
    """Make a screenplay of a script, a shot list or raw prompts.

    holocine import ferry.fountain
    holocine import ferry.fdx --model holocine-14b-sparse -o ferry.yaml

    Headings become scenes, beats of action and lines of speech become shots,
    with lengths guessed from their words. Scenes longer than the model films
    in one piece go on in another. Comments with LOOK: ask you to decide.
    Beside it goes the screenplay's JSON schema, for editors.
    """
    session = begin(ctx, told)
    from holocine_core import api

    configured = here(session)
    source, text = given(session, script, "a script")
    with to_stdout(out, f"{source.stem.strip('<>')}.yaml") as place:
        made = api.import_script(
            source,
            place,
            kind=kind,
            model=model or configured.model or DEFAULT_MODEL,
            models_dir=models_dir or configured.models_dir,
            given=text,
            force=force,
        )
    session.fields = {
        "screenplay": str(made.screenplay),
        "scenes": made.scenes,
        "shots": made.shots,
        "characters": list(made.characters),
        "open_places": made.open_places,
    }
    session.console.product(str(made.screenplay))
    said = f"{counted(made.scenes, 'scene')}, {counted(made.shots, 'shot')}"
    if made.open_places:
        said += f"; {counted(made.open_places, 'place')} to decide: search for LOOK:"
    session.console.note(said)
    if place == out:
        session.fields["schema_file"] = str(made.schema)
        if made.wrote_schema:
            session.console.note(f"{made.schema} lets editors complete and check it as you type")
        session.console.note(f"next: holocine check {made.screenplay}")
