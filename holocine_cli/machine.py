"""models and doctor: what this machine has, and what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.console import Paint
from holocine_cli.layout import columns, file_size
from holocine_cli.session import Session, begin
from holocine_core.errors import InputError, Problem
from holocine_core.events import Emit, Event, Warned
from holocine_core.model.spec import MODELS, ModelSpec

if TYPE_CHECKING:
    from holocine_core.model.parts import LocatedModel

models = typer.Typer()

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A model of `holocine models list`.",
        autocompletion=opt.model_names,
        show_default=False,
    ),
]


@models.callback(invoke_without_command=True)
def models_root(ctx: typer.Context) -> None:
    """List, download and verify models.

    holocine models list
    holocine models pull holocine-14b-sparse --accept-licence
    """
    if ctx.invoked_subcommand is None:
        ctx.get_help()


@models.command("list")
def list_models(
    ctx: typer.Context,
    models_dir: opt.ModelsDir = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Show every model with its size and licence, and whether it is here.

    holocine models list
    holocine models list --models-dir /data/models
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    from holocine_core.model.locate import find_model

    found = [find_model(name, models_dir) for name in MODELS]
    session.fields["models"] = [model_record(located) for located in found]
    paint = session.console.out
    session.console.product("\n\n".join(_model_block(located, paint) for located in found))


@models.command()
def pull(
    ctx: typer.Context,
    name: Name,
    accept_licence: Annotated[
        bool,
        typer.Option(
            "--accept-licence",
            metavar="",
            help="You have read the model's licences and accept them.",
            show_default=False,
        ),
    ] = False,
    models_dir: opt.ModelsDir = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
    verbose: opt.Verbose = False,
) -> None:
    """Download a model; running it again goes on where it stopped.

    holocine models pull holocine-14b-sparse --accept-licence
    holocine models pull holocine-14b-full --accept-licence --models-dir /data

    The licences are shown first. HoloCine's weights are for non-commercial use.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet, verbose=verbose)
    spec = _downloadable(session, name)
    if spec is None:
        return
    for source in spec.sources:
        session.console.note(f"{source.repo}: {file_size(source.bytes)}, {source.licence}")
    from holocine_core.model import fetch

    fetch.pull(spec, models_dir, _emit(session), accept_licence=accept_licence)
    _tell_located(session, name, models_dir)


@models.command()
def verify(
    ctx: typer.Context,
    name: Name,
    models_dir: opt.ModelsDir = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
    verbose: opt.Verbose = False,
) -> None:
    """Read every file of a model and compare it with what was published.

    holocine models verify nano
    holocine models verify holocine-14b-sparse
    """
    session = begin(ctx, as_json=as_json, quiet=quiet, verbose=verbose)
    spec = _downloadable(session, name)
    if spec is None:
        return
    from holocine_core.model import fetch

    fetch.verify(spec, models_dir, _emit(session))
    _tell_located(session, name, models_dir)


def _downloadable(session: Session, name: str) -> ModelSpec | None:
    """The model of that name; None, with a word about it, where it ships with holocine."""
    from holocine_core.model.locate import find_model

    if name not in MODELS:
        raise InputError(
            f"there is no model '{name}' to download", hint=f"known are {', '.join(MODELS)}"
        )
    spec = MODELS[name]
    if not spec.embedded:
        return spec
    located = find_model(name)
    located.require()
    session.fields["models"] = [model_record(located)]
    session.console.product(f"{name}: complete, ships with holocine")
    return None


def _emit(session: Session) -> Emit:
    """Tells of a download what the console lets through."""

    def emit(event: Event) -> None:
        if isinstance(event, Warned):
            session.console.warn(Problem(event.message, event.where, event.hint))

    return emit


def _tell_located(session: Session, name: str, models_dir: Path | None) -> None:
    from holocine_core.model.locate import find_model

    located = find_model(name, models_dir)
    located.require()
    session.fields["models"] = [model_record(located)]
    session.console.product(f"{name}: complete in {located.folder}")


def model_record(located: LocatedModel) -> dict[str, Any]:
    """A model inside the JSON document."""
    spec = located.spec
    return {
        "name": spec.name,
        "summary": spec.summary,
        "licence": spec.licence,
        "bytes": model_bytes(spec),
        "embedded": bool(spec.embedded),
        "present": not located.missing,
        "folder": str(located.folder),
        "missing": [str(file.path) for file in located.missing],
        "sources": [
            {"repo": source.repo, "licence": source.licence, "bytes": source.bytes}
            for source in spec.sources
        ],
        "note": spec.note,
    }


def model_bytes(spec: ModelSpec) -> int:
    """Bytes to download, or to load where nothing is downloaded."""
    if spec.sources:
        return sum(source.bytes for source in spec.sources)
    weights = spec.weight_bytes
    return sum(weights.values()) + (spec.experts - 1) * weights.get("transformer", 0)


def presence(located: LocatedModel, paint: Paint) -> str:
    """Whether a model is here, in words."""
    if located.spec.embedded and not located.missing:
        return paint("here", "green", bold=True) + ", ships with holocine"
    if not located.missing:
        return paint("here", "green", bold=True) + f", in {located.folder}"
    if not located.parts:
        return paint("not here", "yellow", bold=True) + f", would lie in {located.folder}"
    lacks = sorted({file.part for file in located.missing})
    return paint("incomplete", "red", bold=True) + f", lacks {', '.join(lacks)}"


def _model_block(located: LocatedModel, paint: Paint) -> str:
    spec = located.spec
    facts = [
        ("state", presence(located, paint)),
        ("size", file_size(model_bytes(spec))),
        ("licence", spec.licence),
    ]
    if located.missing and spec.sources:
        facts.append(("get it", f"holocine models pull {spec.name}"))
    lines = [paint(spec.name, bold=True), f"  {spec.summary}"]
    return "\n".join(lines + columns([(paint(name, dim=True), text) for name, text in facts]))
