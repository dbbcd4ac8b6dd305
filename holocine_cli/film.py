"""plan, preview, render: from screenplays to films."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holocine_cli import options as opt
from holocine_cli.batch import Batch, Job, jobs_for
from holocine_cli.extras import Extras, check_extras
from holocine_cli.session import Session, begin
from holocine_core.errors import InputError, Interrupted, Problem

if TYPE_CHECKING:
    from holocine_core.model.lora.file import LoraFile
    from holocine_core.plan.values import Plan
    from holocine_core.request import Request

LORA_LIMIT = 4
"""A screenplay takes no heavier LoRA either, up or down."""


def plan(
    ctx: typer.Context,
    screenplays: opt.Screenplays,
    out: opt.Out = None,
    out_dir: opt.OutDir = None,
    profile: opt.ProfileOption = None,
    seed: opt.Seed = None,
    model: opt.Model = None,
    lora: opt.Lora = None,
    allow_outside: opt.AllowOutside = False,
    force: opt.Force = False,
    device: opt.Device = "auto",
    memory: opt.Memory = "auto",
    models_dir: opt.ModelsDir = None,
    work: opt.Work = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
) -> None:
    """Show every take, cut and cost of a film before anything is shot.

    holocine plan harbour.yaml
    holocine plan harbour.yaml --profile final --json

    A cut that had to move to the frame grid reads asked->got. Each take says
    whether it is new, changed or reused, and why. Needs no GPU and no weights.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet)
    settings = _settings(
        profile=profile,
        model=model,
        seed=seed,
        device=device,
        memory=memory,
        models_dir=models_dir,
        work=work,
        loras=loras_of(lora or ()),
        outside=allow_outside,
        anew=force,
    )
    jobs = jobs_for(screenplays, out, out_dir, work)
    _show_plans(session, jobs, settings, Extras(force=force))


def render(
    ctx: typer.Context,
    screenplays: opt.Screenplays,
    out: opt.Out = None,
    out_dir: opt.OutDir = None,
    profile: opt.ProfileOption = None,
    seed: opt.Seed = None,
    model: opt.Model = None,
    lora: opt.Lora = None,
    from_draft: opt.FromDraft = None,
    allow_outside: opt.AllowOutside = False,
    shots: opt.Shots = None,
    storyboard: opt.Storyboard = False,
    otio: opt.Otio = False,
    force: opt.Force = False,
    dry_run: opt.DryRun = False,
    device: opt.Device = "auto",
    memory: opt.Memory = "auto",
    models_dir: opt.ModelsDir = None,
    work: opt.Work = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
    verbose: opt.Verbose = False,
) -> None:
    """Make the film; running it again goes on where it stopped.

    holocine render harbour.yaml -o harbour.mp4
    holocine render *.yaml --out-dir films --profile final

    Only what is missing or changed is shot. Ctrl-C ends after the current step
    and keeps everything. The film's path is printed on stdout.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet, verbose=verbose)
    settings = _settings(
        profile=profile,
        model=model,
        seed=seed,
        device=device,
        memory=memory,
        models_dir=models_dir,
        work=work,
        loras=loras_of(lora or ()),
        outside=allow_outside,
        anew=force,
        from_draft=from_draft,
    )
    jobs = jobs_for(screenplays, out, out_dir, work)
    extras = Extras(force=force, shots=shots, storyboard=storyboard, otio=otio)
    if dry_run:
        session.command = "plan"
        _show_plans(session, jobs, settings, extras)
    else:
        _render(session, jobs, settings, extras)


def preview(
    ctx: typer.Context,
    screenplay: opt.OneScreenplay,
    out_dir: opt.OutDir = None,
    seed: opt.Seed = None,
    seeds: opt.Seeds = 1,
    watch: opt.Watch = False,
    model: opt.Model = None,
    lora: opt.Lora = None,
    allow_outside: opt.AllowOutside = False,
    force: opt.Force = False,
    device: opt.Device = "auto",
    memory: opt.Memory = "auto",
    models_dir: opt.ModelsDir = None,
    work: opt.Work = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = 0,
    verbose: opt.Verbose = False,
) -> None:
    """Make a quick draft and its storyboard.

    holocine preview harbour.yaml
    holocine preview harbour.yaml --seeds 4 --out-dir drafts

    Writes harbour.preview.mp4 and harbour.preview.png.
    The same cuts with the draft profile's smaller frame and fewer steps. An
    earlier preview is replaced; the work folder is the render's. Several drafts
    (--seeds) stand side by side in one storyboard. --watch does it again whenever
    the file is saved, and shoots only what changed.
    """
    session = begin(ctx, as_json=as_json, quiet=quiet, verbose=verbose)
    settings = _settings(
        profile="draft",
        model=model,
        seed=seed,
        device=device,
        memory=memory,
        models_dir=models_dir,
        work=work,
        loras=loras_of(lora or ()),
        outside=allow_outside,
        anew=force,
    )
    if not watch:
        _preview(session, screenplay, out_dir or Path(), seeds, settings, force)
        return
    if as_json:
        raise InputError("--watch never ends, --json is one document", hint="leave one out")
    from holocine_cli.watch import watch as keep_watching

    def again() -> None:
        _preview(session, screenplay, out_dir or Path(), seeds, settings, force)

    keep_watching(session, screenplay, again)


def _preview(
    session: Session, screenplay: Path, folder: Path, seeds: int, settings: Request, force: bool
) -> None:
    """One draft and its storyboard, or several and one of all."""
    if seeds == 1:
        jobs = [Job(screenplay, folder / f"{screenplay.stem}.preview.mp4")]
        _render(session, jobs, settings, Extras(force=force, storyboard=True, preview=True))
        return
    jobs = [
        Job(screenplay, folder / f"{screenplay.stem}.preview-{draft}.mp4", draft)
        for draft in range(1, seeds + 1)
    ]
    extras = Extras(force=force, preview=True)
    board = folder / f"{screenplay.stem}.preview.png"
    _lay_out_drafts(session, jobs, settings, extras, board)


def _lay_out_drafts(
    session: Session, jobs: Sequence[Job], settings: Request, extras: Extras, board: Path
) -> None:
    """Make several drafts and one storyboard of all."""
    from holocine_cli.extras import is_ours, remember
    from holocine_core.film.boards import draw_drafts
    from holocine_core.film.planning import plan_film

    first = plan_film(jobs[0].screenplay, replace(settings, out=jobs[0].film))
    if os.path.lexists(board) and not extras.force and not is_ours(first, board):
        raise InputError(
            f"{board} is there already and is not of this film's making",
            where=str(board),
            hint="move it away, or replace it with --force",
        )
    plans = _render(session, jobs, settings, extras)
    draw_drafts(plans, board)
    remember(first, board)
    session.fields["storyboard"] = str(board)
    session.console.note(f"storyboard of {len(plans)} drafts: {board}")


def _settings(**given: Any) -> Request:
    from holocine_core.request import Request

    return Request(**given)


def loras_of(texts: Sequence[str]) -> tuple[LoraFile, ...]:
    """``FILE[:WEIGHT[:EXPERT]]``; what the file holds is checked with the plan."""
    from holocine_core.model.lora.file import EXPERTS, LoraFile

    loras, problems = [], []
    for text in texts:
        path, *more = text.split(":")
        try:
            weight = float(more[0]) if more else 1.0
        except ValueError:
            weight, more = 1.0, [text] * 3
        if not -LORA_LIMIT <= weight <= LORA_LIMIT:
            words = f"--lora {text}: a weight is a number from -{LORA_LIMIT} to {LORA_LIMIT}"
            problems.append(Problem(words, "", "1 is the LoRA as it was trained"))
            continue
        expert = next((one for one in EXPERTS if one == more[1]), None) if more[1:] else "both"
        if expert is None or len(more) > 2:
            problems.append(
                Problem(
                    f"--lora {text} is not FILE, FILE:WEIGHT or FILE:WEIGHT:EXPERT",
                    "",
                    "such as wool.safetensors:0.8:high; for a path with a colon, write it into the "
                    "screenplay",
                )
            )
        else:
            loras.append(LoraFile(path=Path(path), weight=weight, expert=expert))
    if problems:
        raise InputError.of(problems)
    return tuple(loras)


def _show_plans(session: Session, jobs: Sequence[Job], settings: Request, extras: Extras) -> None:
    from holocine_cli.plan_view import plan_record, plan_text
    from holocine_core.film.planning import plan_film

    console = session.console
    batch = Batch(session, jobs)

    def show(job: Job) -> None:
        made = plan_film(job.screenplay, replace(settings, out=job.film))
        check_extras(made, extras, jobs)
        if console.as_json:
            job.record.update(plan_record(made, force=extras.force))
        else:
            gap = "\n" if job is not jobs[0] else ""
            console.product(gap + plan_text(made, extras.force, console.out))
        for warning in made.warnings:
            console.warn(warning)

    batch.each(show)
    batch.finish()


def _render(session: Session, jobs: Sequence[Job], settings: Request, extras: Extras) -> list[Plan]:
    """Plan every film first, so that what is wrong with any is said before hours of work."""
    from holocine_cli.produce import may_replace, produce
    from holocine_core.film.finish import preflight
    from holocine_core.film.ownership import is_finished, refuse_to_overwrite
    from holocine_core.film.planning import plan_film

    batch = Batch(session, jobs)
    plans: dict[Path, Plan] = {}

    def make_plan(job: Job) -> None:
        one = replace(settings, draft=job.draft)
        made = plans[job.film] = plan_film(job.screenplay, replace(one, out=job.film))
        check_extras(made, extras, jobs)
        refuse_to_overwrite(made, force=may_replace(made, extras))
        # A single film's render does so itself, a second later; one that is there needs nothing.
        if len(jobs) > 1 and not is_finished(made):
            preflight(made)

    def make(job: Job) -> None:
        _stop_if_asked(session)
        produce(session, plans[job.film], extras, job.record)

    batch.each(make_plan)
    with session.stop.awaited(session.tell_stop):
        batch.each(make)
    _stop_if_asked(session)
    batch.finish()
    return [plans[job.film] for job in jobs]


def _stop_if_asked(session: Session) -> None:
    if session.stop():
        raise Interrupted("everything finished so far is kept", hint=f"go on with: {session.line}")
