"""import: a writer's script becomes a screenplay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from holocine_cli import options as opt
from holocine_cli.layout import counted
from holocine_cli.session import begin

From = Literal["fountain", "fdx", "csv", "raw"]
DEFAULT_MODEL = "nano"


Script = Annotated[
    Path, typer.Argument(metavar="SCRIPT", help="A script, a shot list or HoloCine's raw prompts.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The screenplay to write; SCRIPT.yaml in this folder where left out.",
        show_default=False,
    ),
]
FromOption = Annotated[
    From | None,
    typer.Option("--from", help="What the file is; told by its name.", show_default=False),
]


def import_(
    ctx: typer.Context,
    script: Script,
    out: Out = None,
    kind: FromOption = None,
    model: opt.Model = None,
    models_dir: opt.ModelsDir = None,
    force: opt.Force = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Make a screenplay of a script, a shot list or raw prompts.

    holocine import ferry.fountain
    holocine import ferry.fdx --model holocine-14b-sparse -o ferry.yaml

    Headings become scenes, beats of action and lines of speech become shots,
    with lengths guessed from their words. Scenes longer than the model films
    in one piece go on in another. Comments with LOOK: ask you to decide.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    from holocine_cli.files import refuse_to_be, save
    from holocine_core.adapt.draft import to_yaml
    from holocine_core.adapt.read import read_script
    from holocine_core.model.locate import find_model

    name = model or DEFAULT_MODEL
    spec = find_model(name, models_dir).spec
    path = out if out is not None else Path(f"{script.stem}.yaml")
    refuse_to_be(path, script, "script")
    draft = read_script(script, longest=spec.max_frames / spec.fps, fps=spec.fps, kind=kind)
    save(path, to_yaml(draft, name).encode(), replace=force)
    shots = sum(len(scene.shots) for scene in draft.scenes)
    session.fields = {
        "screenplay": str(path),
        "scenes": len(draft.scenes),
        "shots": shots,
        "characters": list(draft.looks),
        "open_places": draft.open_places,
    }
    session.console.product(str(path))
    told = f"{counted(len(draft.scenes), 'scene')}, {counted(shots, 'shot')}"
    if draft.open_places:
        told += f"; {counted(draft.open_places, 'place')} to decide: search for LOOK:"
    session.console.note(told)
    session.console.note(f"next: holocine check {path}")
