"""models and doctor: what this machine has, and what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.console import Console, Paint
from holocine_cli.groups import Told, ToldAtLength, grouped
from holocine_cli.layout import columns
from holocine_cli.loras import loras_of
from holocine_cli.once import Commands
from holocine_cli.session import begin
from holocine_cli.settings import models_home
from holocine_core.api import file_size
from holocine_core.errors import HolocineError, MachineError
from holocine_core.events import Event, FileCheck

if TYPE_CHECKING:
    from holocine_core.api import Check, ModelState

models = Commands()

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A model of `holocine models list`.",
        autocompletion=opt.model_names,
        show_default=False,
    ),
]
AnyModel = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A model of `holocine models list`, or a folder.",
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
@grouped
def list_models(
    ctx: typer.Context,
    models_dir: opt.ModelsDir = None,
    told: Told = Told(),
) -> None:
    """Show every model with its size and licence, and whether it is here.

    holocine models list
    holocine models list --models-dir /data/models
    """
    session = begin(ctx, told)
    from holocine_core import api

    found = api.models(models_home(session, models_dir))
    session.fields["models"] = [model_record(state) for state in found]
    paint = session.console.out
    session.console.product("\n\n".join(_model_block(state, paint) for state in found))


@models.command()
@grouped
def info(
    ctx: typer.Context,
    name: AnyModel,
    models_dir: opt.ModelsDir = None,
    told: Told = Told(),
) -> None:
    """Show all about a model: sizes, licence, profiles, its files and the words it knows.

    holocine models info nano
    holocine models info ~/ComfyUI --json

    Of a folder, every file is listed with what it is and what it is taken for, or
    why it was left aside; also where no model can be made of them.
    """
    session = begin(ctx, told)
    from holocine_cli.model_info import files_page, files_record, info_page, info_record
    from holocine_core import api

    models_dir = models_home(session, models_dir)
    files, paint = api.model_files(name, models_dir), session.console.out
    listed = files_page(files, paint)
    try:
        state = api.model(name, models_dir)
        page = api.model_page(state)
    except HolocineError:
        session.fields["files"] = files_record(files)
        if listed:
            session.console.product(listed)
        raise
    session.fields["models"] = [{**info_record(state, page), "files": files_record(files)}]
    session.console.product("\n\n".join(filter(None, (info_page(state, page, paint), listed))))


@models.command()
@grouped
def pull(
    ctx: typer.Context,
    name: Name,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PART",
            help="Bring this part alone, such as tokenizer; give it again for more.",
            show_default=False,
        ),
    ] = None,
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
    told: ToldAtLength = ToldAtLength(),
) -> None:
    """Download what lacks of a model; running it again goes on where it stopped.

    holocine models pull holocine-14b-sparse --accept-licence
    holocine models pull holocine-14b-full --only tokenizer --accept-licence --models-dir /data

    The licences are shown first. HoloCine's weights are for non-commercial use.
    """
    session = begin(ctx, told)
    from holocine_cli.downloads import downloading
    from holocine_core import api

    models_dir = models_home(session, models_dir)
    if accept_licence and not only and name in api.model_summaries():
        for source in api.model(name, models_dir).spec.sources:
            size = file_size(source.bytes)
            session.console.note(f"{source.repo}: {size}, licence {source.licence}")
    with downloading(session) as emit:
        state = api.pull(
            name, models_dir, only=only or (), accept_licence=accept_licence, emit=emit
        )
    session.fields["models"] = [model_record(state)]
    session.console.product(f"{name}: {presence(state, session.console.out)}")


@models.command()
@grouped
def merge(
    ctx: typer.Context,
    name: AnyModel,
    lora: Annotated[
        list[str],
        typer.Option(
            "--lora",
            metavar="FILE[:WEIGHT][:EXPERT]",
            help="A LoRA to fold in; give it again for more.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", help="The new folder.", show_default=False),
    ],
    models_dir: opt.ModelsDir = None,
    told: Told = Told(),
) -> None:
    """Fold LoRAs into a model's weights: a folder that films as any other.

    holocine models merge nano --lora lora.safetensors -o my-nano
    holocine models merge DIR --lora h.safetensors:1:high --lora l.safetensors:1:low -o both
    """
    session = begin(ctx, told)
    from holocine_core import api

    made = api.merge(name, loras_of(lora), out, models_home(session, models_dir))
    session.fields["model"] = str(made)
    session.console.product(str(made))


@models.command()
@grouped
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="How it is to be called.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where its files lie.")],
    expert_high: opt.ExpertHigh = None,
    expert_low: opt.ExpertLow = None,
    models_dir: opt.ModelsDir = None,
    force: opt.Force = False,
    told: Told = Told(),
) -> None:
    """Give a folder of model files a name for --model.

    holocine models add mine ~/ComfyUI/models
    holocine models add quick /data/wan --expert-high /data/h.gguf --expert-low /data/l.gguf
    """
    session = begin(ctx, told)
    from holocine_core import api

    named = {"transformer": expert_high, "transformer_2": expert_low}
    files = {part: path for part, path in named.items() if path is not None}
    home = models_home(session, models_dir)
    state = api.add_model(name, folder, home, files=files, force=force)
    session.fields["models"] = [model_record(state)]
    session.console.product(f"{name}: {presence(state, session.console.out)}")
    session.console.note(f"next: holocine render FILE --model {name}")


@models.command()
@grouped
def forget(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="One that `models add` gave.")],
    models_dir: opt.ModelsDir = None,
    told: Told = Told(),
) -> None:
    """Take back a name that `models add` gave; the folder stays.

    holocine models forget mine
    holocine models forget mine --models-dir /data/models
    """
    session = begin(ctx, told)
    from holocine_core import api

    folder = api.forget_model(name, models_home(session, models_dir))
    session.fields["folder"] = str(folder)
    session.console.product(f"{folder} is {name} no longer")


@models.command()
@grouped
def verify(
    ctx: typer.Context,
    name: Name,
    models_dir: opt.ModelsDir = None,
    told: Told = Told(),
) -> None:
    """Read every file of a model and compare it with what was pulled.

    holocine models verify nano
    holocine models verify holocine-14b-sparse
    """
    session = begin(ctx, told)
    from holocine_core import api

    model = api.model(name, models_home(session, models_dir))
    session.fields |= {"models": [model_record(model)], "files": []}
    paint, home = session.console.out, model.located.folder

    def tell(check: Event) -> None:
        assert isinstance(check, FileCheck)
        good = check.state == "ok"
        state = paint(f"{check.state:10}", "green" if good else "red", bold=True)
        path = check.path.relative_to(home) if check.path.is_relative_to(home) else check.path
        session.console.product("  ".join(filter(None, (state, str(path), check.note))))
        session.fields["files"].append(
            {"path": str(check.path), "state": check.state, "note": check.note}
        )

    session.console.note(f"{name} in {home}")
    api.verify(model, tell)


def model_record(state: ModelState) -> dict[str, Any]:
    """A model inside the JSON document."""
    spec, located = state.spec, state.located
    return {
        "name": state.name,
        "summary": spec.summary,
        "licence": spec.licence,
        "bytes": state.bytes,
        "embedded": bool(spec.embedded),
        "present": state.presence == "here",
        "folder": str(located.folder),
        "missing": [str(file.path) for file in located.missing],
        "sources": [
            {"repo": source.repo, "licence": source.licence, "bytes": source.bytes}
            for source in spec.sources
        ],
        "note": spec.note,
    }


PRESENCE_COLORS = {"here": "green", "not here": "yellow", "incomplete": "red"}


def presence(state: ModelState, paint: Paint) -> str:
    """Whether a model is here, in words."""
    color = PRESENCE_COLORS[state.presence]
    return f"{paint(state.presence, color, bold=True)}, {state.where}"


def _model_block(state: ModelState, paint: Paint) -> str:
    spec = state.spec
    facts = [
        ("state", presence(state, paint)),
        ("size", file_size(state.bytes)),
        ("licence", spec.licence),
    ]
    if state.presence != "here" and spec.sources:
        facts.append(("get it", f"holocine models pull {spec.name}"))
    lines = [paint(state.name, bold=True), f"  {spec.summary}"]
    return "\n".join(lines + columns([(paint(name, dim=True), text) for name, text in facts]))


# --- doctor --------------------------------------------------------------------------------------

VERDICT_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


@grouped
def doctor(
    ctx: typer.Context,
    models_dir: opt.ModelsDir = None,
    told: Told = Told(),
) -> None:
    """Try out everything a render needs on this machine.

    holocine doctor
    holocine doctor --json

    Ends with a tiny film made from start to finish. Exit code 3 where something
    that is needed fails; each finding comes with its remedy.
    """
    session = begin(ctx, told)
    from holocine_core import api

    width = max(map(len, (*api.model_summaries(), "transformers")))
    records: list[dict[str, Any]] = session.fields.setdefault("checks", [])
    failed: list[Check] = []
    for check in api.doctor(models_home(session, models_dir)):
        _tell_check(session.console, check, width)
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


def _tell_check(console: Console, check: Check, width: int) -> None:
    verdict = console.out(f"{check.verdict:4}", VERDICT_COLORS[check.verdict], bold=True)
    said = "\n".join(text for text in (check.found, check.remedy) if text)
    for line in columns([(verdict, f"{check.name:{width}}", said)]):
        console.product(line)
