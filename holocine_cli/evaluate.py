"""evaluate: films -> numbers, a table, and gates."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli import options as opt
from holocine_cli.batch import jobs_for
from holocine_cli.contract import GateMissed
from holocine_cli.layout import columns, counted
from holocine_cli.session import Session, begin
from holocine_core.errors import InputError, Interrupted, Problem

if TYPE_CHECKING:
    from holocine_core.edit.ffmpeg import Frames
    from holocine_core.evaluate.features import Eyes
    from holocine_core.evaluate.observe import Observed
    from holocine_core.evaluate.table import Column, Gate, Report
    from holocine_core.lab.judge.network import TrainedJudge
    from holocine_core.lab.stage.world import Repertoire
    from holocine_core.lab.suites.suite import Case, Filmed, Suite
    from holocine_core.lab.suites.watched import Watched
    from holocine_core.plan.values import Plan
    from holocine_core.request import Request

MEASURE = "What to measure"
WORK = Path(".holocine/evaluate")
_SCREENPLAYS = (".yaml", ".yml")


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
        metavar="stage:SEED:COUNT",
        help="Film scenes of the drawn world that nano never saw, and have its judge read "
        "them. SEED is 1500000000 or more.",
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
    model: opt.Model = None,
    force: opt.Force = False,
    device: opt.Device = "auto",
    models_dir: opt.ModelsDir = None,
    work: Where = WORK,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
    verbose: opt.Verbose = False,
) -> None:
    """Measure films: cuts, consistency, motion, and what the drawn world's judge sees.

    holocine evaluate harbour.mp4 --min cut-accuracy=0.9
    holocine evaluate --suite stage:1500000000:20 --min said=0.8 -o report.json

    Screenplays are rendered first. Exit code 5: all went well, but a gate was
    missed. Cuts are found by TransNetV2, which comes with the extra `eval`.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet, verbose=verbose)
    _check(films, suite, out, force=force)
    from holocine_core.evaluate.cuts import require_detector
    from holocine_core.evaluate.features import eyes
    from holocine_core.evaluate.table import parse_gates
    from holocine_core.request import Request

    gates = parse_gates(minima or (), maxima or (), judged=suite is not None)
    require_detector()
    # The folder is evaluate's own: what it measures is the model as it is today.
    settings = Request(
        profile=profile, model=model, device=device, models_dir=models_dir, anew=True
    )
    house = _House(session, settings, work, seeds, eyes(clip, dino, viclip))
    if suite is not None:
        report, record = house.screen_suite(suite, judge, gates)
    else:
        report, record = house.screen_films(films or (), gates)
    record |= report.record()
    session.fields = record
    if out is not None:
        _save(out, record, force=force)
    session.console.product(_table(report))
    if report.missed:
        raise GateMissed([Problem(str(one), "", "") for one in report.missed])


def _check(
    films: Sequence[Path] | None, suite: str | None, out: Path | None, *, force: bool
) -> None:
    if bool(films) == (suite is not None):
        raise InputError(
            "there is nothing to evaluate" if suite is None else "give films or a suite, not both",
            hint="holocine evaluate FILM.mp4, or --suite stage:1500000000:20",
        )
    if out is not None and out.exists() and not force:
        raise InputError(
            f"{out} is there already",
            where=str(out),
            hint="choose another name, or replace it with --force",
        )


def _save(path: Path, record: dict[str, Any], *, force: bool) -> None:
    from holocine_cli.files import save

    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    save(path, text.encode(), replace=force)


class _Seen:
    """What is kept of a suite's films once they were looked at: their frames are not."""

    def __init__(
        self, reader: TrainedJudge, eyes: Eyes, through_codec: Callable[[Frames], Frames]
    ) -> None:
        self.observed: list[Observed] = []
        self.watched: list[Watched] = []
        self._reader = reader
        self._eyes = eyes
        self._through_codec = through_codec

    def add(self, film: Filmed) -> None:
        """Look at a film; one that is told a second time is only judged by its words."""
        from holocine_core.evaluate.observe import observe
        from holocine_core.lab.suites.filming import screened
        from holocine_core.lab.suites.watched import watch

        if film.case.words == "trained":
            self.observed.append(observe(screened(film), self._eyes, self._through_codec))
        self.watched += watch([film], self._reader, self._reader.trust.reads)


@dataclass(frozen=True, slots=True)
class _House:
    """Where films are rendered for one evaluation, and looked at."""

    session: Session
    settings: Request
    work: Path
    seeds: int
    eyes: Eyes

    def screen_films(
        self, paths: Sequence[Path], gates: Sequence[Gate]
    ) -> tuple[Report, dict[str, Any]]:
        """Films on disk and screenplays."""
        from holocine_core.evaluate.observe import observe
        from holocine_core.evaluate.screening import screen
        from holocine_core.evaluate.table import Report

        observed: list[Observed] = []
        for film in self._films(paths):
            observed += [observe(scene, self.eyes) for scene in screen(film)]
        column, record = self._column(counted(len(observed), "scene"), observed)
        return Report(columns=(column,), gates=tuple(gates)), record

    def screen_suite(
        self, text: str, judge: Path | None, gates: Sequence[Gate]
    ) -> tuple[Report, dict[str, Any]]:
        """A suite as the model films it, as its codec gives the drawn films back, as they are
        drawn, and with each screenplay's film exchanged for another's."""
        from holocine_core.evaluate.table import Column, Report
        from holocine_core.lab.judge.network import SHIPPED, load_judge
        from holocine_core.lab.suites.filming import drawn_film, size_of, through_codec
        from holocine_core.lab.suites.scores import by_chance
        from holocine_core.lab.suites.suite import Filmed, parse_suite

        suite = parse_suite(text, self._world())
        reader = load_judge(judge or SHIPPED, asked=suite.within)
        planned = self._plan_suite(suite)
        plan = planned[0][1]
        again = through_codec(plan)
        own, through, truth = (_Seen(reader, self.eyes, again) for _ in range(3))
        self._film_suite(planned, own)
        for case in suite.cases:
            drawn = drawn_film(case, size_of(plan))
            truth.add(drawn)
            through.add(Filmed(case, again(drawn.frames)))
        first, record = self._judged(plan.model.spec.name, own)
        columns = [first, self._judged("codec", through)[0], self._judged("drawn", truth)[0]]
        if len({case.scene.seed for case in suite.cases}) > 1:
            columns.append(Column(title="another", measures=by_chance(truth.watched)))
        record |= {"suite": suite.name, "judge": reader.identity, "model": dict(plan.identity)}
        record["world"] = {name: list(values) for name, values in asdict(suite.within).items()}
        return Report(columns=tuple(columns), gates=tuple(gates)), record

    def _world(self) -> Repertoire:
        """What of the stage the model knows: a suite asks for nothing else."""
        from holocine_core.lab.learned import world_of
        from holocine_core.model.locate import find_model

        return world_of(find_model(self.settings.model or "nano", self.settings.models_dir))

    def _films(self, paths: Sequence[Path]) -> Iterator[Path]:
        """Every film; screenplays are planned at once and rendered first."""
        from dataclasses import replace

        from holocine_core.film.planning import plan_film
        from holocine_core.film.provenance import inspect

        plans: dict[Path, list[Plan]] = {}
        screenplays = [path for path in paths if path.suffix.lower() in _SCREENPLAYS]
        for job in jobs_for(screenplays, None, self.work, None):
            path = job.screenplay
            first = plan_film(path, replace(self.settings, out=job.film)).screenplay.seed
            plans[path] = [
                plan_film(path, replace(self.settings, seed=seed, out=self._film_of(path, seed)))
                for seed in range(first, first + self.seeds)
            ]
        # A file that is no film is told of before hours of rendering.
        for path in paths:
            if path not in plans:
                inspect(path)
        for path in paths:
            for plan in plans.get(path, ()):
                self._render(plan)
                yield plan.out
            if path not in plans:
                yield path

    def _film_of(self, screenplay: Path, seed: int) -> Path:
        return self.work / f"{screenplay.stem}.seed-{seed}.mp4"

    def _plan_suite(self, suite: Suite) -> list[tuple[Case, Plan]]:
        from holocine_core.lab.suites.filming import plan_case

        folder = self.work / suite.name.replace(":", "-")
        return [
            (case, plan_case(case, folder, self.settings, take))
            for case in suite.cases
            for take in range(self.seeds)
        ]

    def _film_suite(self, planned: Sequence[tuple[Case, Plan]], seen: _Seen) -> None:
        """Film a suite and look at every film."""
        from holocine_core.lab.suites.filming import frames_of
        from holocine_core.lab.suites.suite import Filmed

        for number, (case, plan) in enumerate(planned, 1):
            self.session.console.note(f"{number} of {len(planned)}: {plan.out}")
            self._render(plan)
            seen.add(Filmed(case, frames_of(plan)))

    def _render(self, plan: Plan) -> None:
        from holocine_cli.progress import reporting
        from holocine_core.render import render

        session = self.session
        again = f"go on with: {session.line}"
        with session.stop.awaited(session.tell_stop), reporting(plan, session.console) as reporter:
            # The folder is evaluate's own: an older film in it gives way.
            render(plan, reporter, force=True, should_stop=session.stop)
        if session.stop():
            raise Interrupted("everything finished so far is kept", hint=again)

    def _judged(self, title: str, seen: _Seen) -> tuple[Column, dict[str, Any]]:
        from dataclasses import replace

        from holocine_core.lab.suites.scores import score_watched

        column, record = self._column(title, seen.observed)
        scores = score_watched(seen.watched)
        return replace(column, measures={**column.measures, **scores}), record

    def _column(self, title: str, observed: Sequence[Observed]) -> tuple[Column, dict[str, Any]]:
        from holocine_core.evaluate.observe import measure_observed
        from holocine_core.evaluate.table import Column

        measures, found = measure_observed(observed)
        scenes = [
            {
                "name": one.name,
                "frames": len(one.small),
                "cuts": list(one.cuts),
                "found": list(cuts),
            }
            for one, cuts in zip(observed, found, strict=True)
        ]
        return Column(title=title, measures=measures), {"scenes": scenes}


def _table(report: Report) -> str:
    from holocine_core.evaluate.table import METRICS, shown_value

    rows = [["", *(column.title for column in report.columns)]]
    for name in report.names:
        cells = [
            shown_value(METRICS[name], column.measures[name]) if name in column.measures else "-"
            for column in report.columns
        ]
        rows.append([name, *cells])
    lines = columns(rows, indent="")
    lines += [
        f"gate {one.gate.name}: {'passed' if one.passed else 'missed'}" for one in report.checked
    ]
    return "\n".join(lines)
