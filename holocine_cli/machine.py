"""models and doctor: what this machine has, and what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.console import Console, Paint
from holocine_cli.layout import columns, file_size
from holocine_cli.session import begin
from holocine_core.errors import InputError, MachineError
from holocine_core.events import Event
from holocine_core.model.spec import MODELS, ModelSpec

if TYPE_CHECKING:
    from holocine_cli.doctor import Check
    from holocine_core.model.components import LocatedModel

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
    """List, explain, download and verify models.

    holocine models list
    holocine models pull holocine-14b-sparse --accept-licence
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


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
def info(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A model of `holocine models list`, or a folder.",
            autocompletion=opt.model_names,
            show_default=False,
        ),
    ],
    models_dir: opt.ModelsDir = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Show all about a model: sizes, licence, profiles and the words it knows.

    holocine models info nano
    holocine models info holocine-14b-sparse --json
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    from holocine_cli.model_info import info_page, info_record, read_page
    from holocine_core.model.locate import find_model
    from holocine_core.model.vocabulary import read_vocabulary

    located = find_model(name, models_dir)
    vocabulary, page = read_vocabulary(located), read_page(located)
    session.fields["models"] = [info_record(located, vocabulary, page)]
    session.console.product(info_page(located, vocabulary, page, session.console.out))


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
    from holocine_cli.downloads import downloading
    from holocine_core.model.fetch import pull as fetch
    from holocine_core.model.locate import find_model, models_folder

    if name not in MODELS:
        known = ", ".join(MODELS)
        raise InputError(f"there is no model '{name}' to download", hint=f"known are {known}")
    spec = MODELS[name]
    if spec.sources and not accept_licence:
        licences = "; ".join(f"{source.repo}: {source.licence}" for source in spec.sources)
        raise InputError(
            f"{name} comes under licences that you have to accept: {licences}",
            where=" ".join(f"https://huggingface.co/{source.repo}" for source in spec.sources),
            hint=f"read them, then run: holocine models pull {name} --accept-licence",
        )
    if accept_licence:
        for source in spec.sources:
            size = file_size(source.bytes)
            session.console.note(f"{source.repo}: {size}, licence {source.licence}")
    with downloading(session.console) as emit:
        fetch(spec, models_folder(models_dir), emit, accept_licence=accept_licence)
    located = find_model(name, models_dir)
    located.require()
    session.fields["models"] = [model_record(located)]
    session.console.product(f"{name}: {presence(located, session.console.out)}")


@models.command()
def verify(
    ctx: typer.Context,
    name: Name,
    models_dir: opt.ModelsDir = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Read every file of a model and compare it with what was pulled.

    holocine models verify nano
    holocine models verify holocine-14b-sparse
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    from holocine_core.model.locate import find_model
    from holocine_core.model.verify import FileCheck
    from holocine_core.model.verify import verify as check_files

    located = find_model(name, models_dir)
    session.fields |= {"models": [model_record(located)], "files": []}
    paint = session.console.out

    def tell(check: Event) -> None:
        assert isinstance(check, FileCheck)
        good = check.state == "ok"
        state = paint(f"{check.state:10}", "green" if good else "red", bold=True)
        home = located.folder
        path = check.path.relative_to(home) if check.path.is_relative_to(home) else check.path
        session.console.product("  ".join(filter(None, (state, str(path), check.note))))
        session.fields["files"].append(
            {"path": str(check.path), "state": check.state, "note": check.note}
        )

    session.console.note(f"{name} in {located.folder}")
    wrong = [check for check in check_files(located, tell) if check.state in ("missing", "changed")]
    if wrong:
        raise MachineError(
            f"{len(wrong)} files of {name} are not as they should be",
            where=str(wrong[0].path),
            hint=wrong[0].note,
        )


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


# --- doctor --------------------------------------------------------------------------------------

VERDICT_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}
NAME_WIDTH = max(map(len, (*MODELS, "transformers")))


def doctor(
    ctx: typer.Context,
    models_dir: opt.ModelsDir = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Try out everything a render needs on this machine.

    holocine doctor
    holocine doctor --json

    Ends with a tiny film made from start to finish. Exit code 3 where something
    that is needed fails; each finding comes with its remedy.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    from holocine_cli.doctor import examine

    records: list[dict[str, Any]] = session.fields.setdefault("checks", [])
    failed: list[Check] = []
    for check in examine(models_dir):
        _tell_check(session.console, check)
        records.append(
            {
                "name": check.name,
                "verdict": check.verdict,
                "found": check.found,
                "remedy": check.remedy,
            }
        )
        failed += [check] if check.verdict == "fail" else []
    if failed:
        raise MachineError(
            f"{len(failed)} of {len(records)} checks failed, the first: "
            f"{failed[0].name}: {failed[0].found}",
            hint=failed[0].remedy,
        )


def _tell_check(console: Console, check: Check) -> None:
    verdict = console.out(f"{check.verdict:4}", VERDICT_COLORS[check.verdict], bold=True)
    said = "\n".join(text for text in (check.found, check.remedy) if text)
    for line in columns([(verdict, f"{check.name:{NAME_WIDTH}}", said)]):
        console.product(line)
