"""plan, render, preview, watch: from screenplays to films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from holocine_cli import options as opt
from holocine_cli.batch import Batch, Job, jobs_for
from holocine_cli.drafts import Drafts, drafts_for, keep_drafting, make_drafts
from holocine_cli.groups import (
    Asked,
    Besides,
    Gathered,
    Listed,
    Machine,
    Shared,
    Told,
    ToldOfTakes,
    grouped,
)
from holocine_cli.many import FleetOption
from holocine_cli.pipes import DASH, refuse_film_on_stdout, send_film
from holocine_cli.session import Session, begin
from holocine_cli.settings import Settings
from holocine_cli.warnings_told import Warnings
from holocine_core.errors import Damaged, InputError, MachineError

if TYPE_CHECKING:
    from holocine_core.api import Extras, Plan


@grouped
def plan(
    ctx: typer.Context,
    screenplays: opt.Sources = None,
    out: opt.Out = None,
    out_dir: opt.OutDir = None,
    profile: opt.ProfileOption = None,
    asked: Asked = Asked(),
    force: opt.Force = False,
    check: opt.Check = False,
    gathered: Gathered = Gathered(),
    fleet: FleetOption = None,
    gpus: opt.Gpus = 1,
    machine: Machine = Machine(),
    told: Told = Told(),
) -> None:
    """Show every take, cut and cost of a film before anything is shot.

    holocine plan harbour.yaml
    holocine plan scenes --fleet 8

    A cut that had to move to the frame grid reads asked->got. Each take says
    whether it is new, changed or reused, and why. Needs no GPU and no weights;
    with --check it ends as a render would that lacks them.
    """
    session = begin(ctx, told)
    from holocine_core.api import Extras

    request = machine.request(asked.lora, asked, out=out, anew=force, gpus=gpus)
    found, settings = gathered.sources(screenplays, session), Settings(session, profile)
    jobs = jobs_for(found, request, out_dir, settings, session.stdin)
    if fleet is not None and check:
        raise InputError("--check looks at this machine, --fleet at others", hint="leave one out")
    if fleet is not None:
        from holocine_cli.fleet_view import show_forecast

        show_forecast(session, jobs, fleet)
        return
    _show_plans(session, jobs, Extras(), force=force, check=check)


@grouped
def render(
    ctx: typer.Context,
    screenplays: opt.Sources = None,
    out: opt.Out = None,
    out_dir: opt.OutDir = None,
    profile: opt.ProfileOption = None,
    asked: Asked = Asked(),
    from_draft: opt.FromDraft = None,
    besides: Besides = Besides(),
    force: opt.Force = False,
    dry_run: opt.DryRun = False,
    gathered: Gathered = Gathered(),
    shared: Shared = Shared(),
    gpus: opt.Gpus = 1,
    machine: Machine = Machine(),
    told: ToldOfTakes = ToldOfTakes(),
) -> None:
    """Make the film; running it again goes on where it stopped.

    holocine render harbour.yaml -o harbour.mp4
    holocine render scenes --worker -o 'films/{stem}.mp4'

    Only what is missing or changed is shot. Ctrl-C ends after the current step
    and keeps everything. The film's path is printed on stdout. Any number of
    workers on any machines may share a folder of screenplays.
    """
    session = begin(ctx, told)
    shared.require_worker()
    refuse_film_on_stdout(session, besides, shared)
    request = machine.request(
        asked.lora, asked, out=out, from_draft=from_draft, anew=force, gpus=gpus
    )
    settings = Settings(session, profile, shared.settings)
    found, extras = gathered.sources(screenplays, session), besides.extras()
    jobs = jobs_for(found, request, out_dir, settings, session.stdin)
    if dry_run:
        session.command = "plan"
        _show_plans(session, jobs, extras, force=force)
        return
    from holocine_cli.farm import farm
    from holocine_cli.produce import Films
    from holocine_cli.ranks import ranked
    from holocine_cli.worker import work
    from holocine_core import api

    shared.refuse_stdin(jobs)
    if shared.hands_on(session):
        farm(session, jobs, extras, shared, (out, out_dir, gpus), settings, force=force)
        return
    with ranked(session, jobs, gpus) as studio_of:
        if studio_of is None or shared.worker:
            work(session, jobs, extras, shared, studio_of, force=force)
            return
        with Films(session, jobs, extras, studio_of, force=force) as films:
            for job in films.left:
                with films.making(job) as making:
                    how = films.options(making)
                    making.film = api.render(making.plan, force=force, **how)
        films.finish()
    send_film(session, jobs[0].film)


@grouped
def preview(
    ctx: typer.Context,
    screenplays: opt.Sources = None,
    out: opt.DraftOut = None,
    out_dir: opt.OutDir = None,
    asked: Asked = Asked(),
    seeds: opt.Seeds = 1,
    watch: opt.Watch = False,
    force: opt.Force = False,
    listed: Listed = Listed(),
    machine: Machine = Machine(),
    told: ToldOfTakes = ToldOfTakes(),
) -> None:
    """Make a quick draft and its storyboard.

    holocine preview harbour.yaml
    holocine preview scenes --seeds 4 --out-dir drafts

    Writes harbour.preview.mp4 and harbour.preview.png.
    The same cuts with the draft profile's smaller frame and fewer steps. An
    earlier preview is replaced; the work folder is the render's. Several drafts
    (--seeds) stand side by side in one storyboard. --watch does it again whenever
    the file is saved, and shoots only what changed.
    """
    session = begin(ctx, told)
    request = machine.request(asked.lora, asked, out=out, profile="draft", anew=force)
    if watch and told.as_json:
        raise InputError("--watch never ends, --json is one document", hint="leave one out")
    found = listed.sources(screenplays, session)

    def drafts() -> list[Drafts]:
        return drafts_for(found, request, out_dir, seeds, Settings(session), session.stdin)

    if watch:
        keep_drafting(session, drafts, force=force)
    else:
        make_drafts(session, drafts(), force=force)


@grouped
def watch(
    ctx: typer.Context,
    screenplay: opt.OneScreenplay,
    out: opt.DraftOut = None,
    out_dir: opt.OutDir = None,
    asked: Asked = Asked(),
    seeds: opt.Seeds = 1,
    force: opt.Force = False,
    machine: Machine = Machine(),
    told: ToldOfTakes = ToldOfTakes(),
) -> None:
    """Make a draft anew whenever its screenplay is saved.

    holocine watch harbour.yaml
    holocine watch harbour.yaml --out-dir drafts

    As preview --watch: only the scenes that changed are shot. Pictures, sounds
    and LoRAs that the screenplay names are watched as well, and so is every
    holocine.toml. Where something is wrong, it is told, and the last good draft
    and storyboard stay. Ctrl-C ends.
    """
    session = begin(ctx, told)
    request = machine.request(asked.lora, asked, out=out, profile="draft", anew=force)
    if told.as_json:
        raise InputError("watch never ends, --json is one document", hint="leave it out")
    if screenplay == DASH or screenplay.is_dir():
        raise InputError(
            "watch follows one screenplay in a file", where=str(screenplay), hint="name the file"
        )
    keep_drafting(
        session,
        lambda: drafts_for([screenplay], request, out_dir, seeds, Settings(session)),
        force=force,
    )


def _refuse_damaged(plan: Plan) -> None:
    """Raises MachineError where a file that the film would read is no use: the plan has shown all
    of them, and ends as the render would. What lacks may still be fetched, and is no error here."""
    for file in plan.obstacles:
        if isinstance(file, Damaged):
            raise MachineError(file.message, where=file.where, hint=file.hint)


def _show_plans(
    session: Session,
    jobs: Sequence[Job],
    extras: Extras,
    *,
    force: bool,
    check: bool = False,
) -> None:
    """What a render would do; with ``check`` the call ends as it would before its first step."""
    from holocine_cli.plan_view import estimate_record, how_long, plan_record, plan_text
    from holocine_cli.produce import warn_of_processor
    from holocine_core import api

    if check:
        from holocine_cli.ranks import refuse_ranks

        refuse_ranks(session, jobs)
    console = session.console
    batch, warnings = Batch(session, jobs), Warnings(console, [job.screenplay for job in jobs])
    sources = [(job.screenplay, job.film) for job in jobs]
    plans: list[Plan] = []
    for job in jobs:
        with batch.trying(job):
            made = (api.plan_to_make if check else api.plan)(job.screenplay, job.request)
            api.check_extras(made, extras, sources, force=force)
            if console.as_json:
                job.record.update(plan_record(made, force=force))
            else:
                gap = "\n" if job is not jobs[0] else ""
                console.product(gap + plan_text(made, force, console.out))
            plans.append(made)
            warnings.tell(job.screenplay, made.warnings)
            if len(jobs) == 1:
                warn_of_processor(session, plans)
            if check:
                api.require_ready(made, extras, sources, force=force)
            else:
                _refuse_damaged(made)
    warnings.tell_shared()
    if len(jobs) > 1:
        warn_of_processor(session, plans)
        session.fields["estimate"] = estimate_record(plans)
        if not console.as_json:
            console.product(f"\n{len(plans)} films: {how_long(plans)}")
    batch.finish()
