"""evaluate: films -> numbers, a table, and gates."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holocine_cli import options as opt
from holocine_cli.contract import GateMissed
from holocine_cli.groups import Asked, Machine, ModelAsked, ToldAtLength, grouped
from holocine_cli.layout import columns
from holocine_cli.profiles import SettingsAsked
from holocine_cli.progress import Meter, Reporter, reporting
from holocine_cli.session import Session, begin
from holocine_cli.settings import Settings
from holocine_core.errors import InputError, Interrupted, Problem

if TYPE_CHECKING:
    from holocine_core.api import Evaluation, Measuring, Plan, Request

MEASURE = "What to measure"
WORK = Path(".holocine/evaluate")
SCREENPLAYS = (".yaml", ".yml")

Films = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE", help="Films made by holocine, or screenplays.", show_default=False
    ),
]
SuiteOption = Annotated[
    str | None,
    typer.Option(
        "--suite",
        metavar="NAME",
        help="Film scenes of the drawn world that nano never saw, and have its judge read "
        "them: nano, nano-quick, a file of your own, or stage:SEED:COUNT. SEED is 1500000000 or "
        "more.",
        show_default=False,
        rich_help_panel=MEASURE,
    ),
]
Minima = Annotated[
    list[str] | None,
    typer.Option(
        "--min",
        metavar="NAME=VALUE",
        help="Exit with 5 if a measure is below this. Shares are 0 to 1. Repeatable.",
        show_default=False,
        rich_help_panel=MEASURE,
    ),
]
Maxima = Annotated[
    list[str] | None,
    typer.Option(
        "--max",
        metavar="NAME=VALUE",
        help="Exit with 5 if a measure is above this. Repeatable.",
        show_default=False,
        rich_help_panel=MEASURE,
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        min=1,
        max=100,
        metavar="N",
        help="Films per screenplay, each of other noise.",
        rich_help_panel=MEASURE,
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Also write the report as JSON.",
        show_default=False,
        rich_help_panel=MEASURE,
    ),
]
JudgeFolder = Annotated[
    Path | None,
    typer.Option(
        "--judge",
        metavar="DIR",
        help="Another judge of the drawn world than the one that comes with holocine.",
        show_default=False,
        rich_help_panel=opt.COMPARE,
    ),
]
Where = Annotated[
    Path,
    typer.Option(
        "--work",
        metavar="DIR",
        help="Where films are made that have to be rendered first.",
        rich_help_panel=opt.WHERE,
    ),
]


@grouped
def evaluate(
    ctx: typer.Context,
    films: Films = None,
    suite: SuiteOption = None,
    minima: Minima = None,
    maxima: Maxima = None,
    seeds: Seeds = 1,
    out: ReportFile = None,
    clip: opt.Clip = None,
    dino: opt.Dino = None,
    viclip: opt.ViClip = None,
    judge: JudgeFolder = None,
    profile: opt.ProfileOption = None,
    settings: SettingsAsked = SettingsAsked(),
    asked: ModelAsked = ModelAsked(),
    force: opt.Force = False,
    device: opt.Device = None,
    models_dir: opt.ModelsDir = None,
    work: Where = WORK,
    told: ToldAtLength = ToldAtLength(),
) -> None:
    """Measure films: cuts, consistency, motion, and what the drawn world's judge sees.

    holocine evaluate harbour.mp4 --min cut-accuracy=0.9
    holocine evaluate --suite nano --min said=0.8 -o report.json

    Screenplays are rendered first. Exit code 5: all went well, but a gate was
    missed. Cuts are found by TransNetV2, which comes with the extra `eval`.
    """
    session = begin(ctx, told)
    from holocine_core import api

    if out is not None and out.exists() and not force:
        raise InputError(
            f"{out} is there already",
            where=str(out),
            hint="choose another name, or replace it with --force",
        )
    measuring = api.Measuring(
        suite=suite,
        minima=minima or (),
        maxima=maxima or (),
        seeds=seeds,
        clip=clip,
        dino=dino,
        viclip=viclip,
        judge=judge,
        work=work,
    )
    machine = Machine(device=device, models_dir=models_dir)
    typed = machine.request(None, Asked(**asked.of_model(), **asdict(settings)))
    request, requests = _requests(session, films or (), typed, profile)
    found = _measured(session, films or (), measuring, request, requests)
    session.fields = found.record()
    if out is not None:
        api.save_json(out, session.fields, force=force)
    session.console.product(_table(found))
    if missed := found.report.missed:
        raise GateMissed([Problem(str(one), "", "") for one in missed])


def _requests(
    session: Session, films: Sequence[Path], request: Request, profile: str | None
) -> tuple[Request, dict[Path, Request]]:
    """What is asked for of a suite's films, and of each screenplay. Their takes lie in a folder of
    the evaluation's own."""
    settings = Settings(session, profile)
    own = {
        path: settings.asked(path, request)[1]
        for path in films
        if path.suffix.lower() in SCREENPLAYS
    }
    suite = request if films else settings.asked(None, request)[1]
    return suite, {path: replace(one, work=None) for path, one in own.items()}


def _measured(
    session: Session,
    films: Sequence[Path],
    measuring: Measuring,
    request: Request,
    requests: Mapping[Path, Request],
) -> Evaluation:
    from holocine_core import api

    try:
        return api.evaluate(
            films,
            measuring,
            request,
            requests=requests,
            watch=lambda plan, number, of: _watching(session, plan, number, of),
            should_stop=session.stop,
        )
    except Interrupted as stopped:
        raise Interrupted(stopped.message, hint=f"go on with: {session.line}") from stopped


@contextlib.contextmanager
def _watching(session: Session, plan: Plan, number: int, of: int) -> Iterator[Reporter]:
    """A film that is rendered to be measured."""
    session.console.note(f"{number} of {of}: {plan.out}")
    meter = Meter([plan])
    with (
        session.stop.awaited(session.tell_stop),
        reporting(plan, session.console, meter) as reporter,
    ):
        yield reporter


def _table(found: Evaluation) -> str:
    from holocine_core import api

    report = found.report
    rows = [["", *(column.title for column in report.columns)]]
    rows += [[name, *cells] for name, cells in api.shown_measures(found).items()]
    lines = columns(rows, indent="")
    lines += [
        f"gate {one.gate.name}: {'passed' if one.passed else 'missed'}" for one in report.checked
    ]
    return "\n".join(lines)
