"""One planned film, made in front of a person: progress, Ctrl-C, and what goes beside the film."""

from __future__ import annotations

import gc
from dataclasses import asdict
from pathlib import Path
from typing import Any

from holocine_cli.contract import problem_record
from holocine_cli.extras import (
    Extras,
    board_path,
    is_ours,
    otio_path,
    remember,
    shots_folder,
)
from holocine_cli.progress import Reporter, reporting
from holocine_cli.session import Session
from holocine_core.errors import InputError, Interrupted
from holocine_core.film.boards import draw_storyboard
from holocine_core.film.shots import export_shots
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.store.vault import Vault, disk_errors


def may_replace(plan: Plan, extras: Extras) -> bool:
    """Whether another film at ``plan.out`` gives way: asked for, or an earlier preview."""
    return extras.force or (extras.preview and is_ours(plan, plan.out))


def produce(session: Session, plan: Plan, extras: Extras, record: dict[str, Any]) -> None:
    """Render a plan; its path is the product. ``record`` holds the outcome however it ends.

    Raises:
        Interrupted: With the command that goes on.
        InputError, MachineError, RenderError: As ``render``.
    """
    gc.enable()
    console = session.console
    for warning in plan.warnings:
        console.warn(warning)
    record |= {"warnings": [problem_record(problem) for problem in plan.warnings]}
    with reporting(plan, console) as reporter:
        try:
            film = render(plan, reporter, force=may_replace(plan, extras), should_stop=session.stop)
        except Interrupted as stopped:
            place = f": {reporter.place}" if reporter.place else ""
            raise Interrupted(
                f"everything finished so far is kept{place}", hint=f"go on with: {session.line}"
            ) from stopped
        finally:
            record["takes"] = _takes(plan, reporter, film_is_ready=False)
    record |= {
        "film": str(film.path),
        "up_to_date": film.up_to_date,
        "frames": film.frames,
        "width": film.width,
        "height": film.height,
        "fps": float(film.fps),
        "seconds": film.seconds,
        "loudness": None if film.loudness is None else asdict(film.loudness),
        "takes": [
            {**take, "cuts": seen.record() if (seen := film.cuts.get(take["scene"])) else None}
            for take in _takes(plan, reporter, film_is_ready=True)
        ],
    }
    if extras.preview:
        remember(plan, plan.out)
    _make_extras(session, plan, extras, record)
    console.product(str(film.path))
    _stop_if_asked(session, plan)


def _make_extras(session: Session, plan: Plan, extras: Extras, record: dict[str, Any]) -> None:
    if extras.otio:
        _write_otio(session, plan, record)
    if extras.shots is None and not extras.storyboard:
        return
    vault = Vault(plan.work)
    if any(vault.find("clips", take.clip_key) is None for take in plan.takes):
        raise InputError(
            f"{plan.out} is finished, but its takes are no longer there to cut from",
            where=str(plan.work),
            hint="move the film away and render it again",
        )

    def written(path: Path) -> None:
        remember(plan, path)
        _stop_if_asked(session, plan)

    _stop_if_asked(session, plan)
    if extras.shots is not None:
        folder = shots_folder(extras.shots, plan.out)
        with disk_errors("make the folder", folder):
            folder.mkdir(parents=True, exist_ok=True)
        clips = export_shots(plan, folder, written)
        record["shots"] = [str(path) for path in clips]
        session.console.note(f"{len(clips)} shots are in {folder}")
    if extras.storyboard:
        board = draw_storyboard(plan, board_path(plan.out))
        remember(plan, board)
        record["storyboard"] = str(board)
        session.console.note(f"storyboard: {board}")


def _write_otio(session: Session, plan: Plan, record: dict[str, Any]) -> None:
    from holocine_core.edit.exchange import write_cut_list
    from holocine_core.film.cut_list import cut_list
    from holocine_core.film.provenance import inspect

    _stop_if_asked(session, plan)
    path = otio_path(plan.out)
    write_cut_list(cut_list(inspect(plan.out)), "otio", path)
    remember(plan, path)
    record["otio"] = str(path)
    session.console.note(f"cut list: {path}")


def _stop_if_asked(session: Session, plan: Plan) -> None:
    if session.stop():
        raise Interrupted(f"{plan.out} is finished and kept", hint=f"go on with: {session.line}")


def _takes(plan: Plan, reporter: Reporter, *, film_is_ready: bool) -> list[dict[str, Any]]:
    """Every take with how it ended: shot, reused, failed, or waiting."""
    vault = Vault(plan.work)
    rest = "reused" if film_is_ready else "waiting"
    takes = []
    for take in plan.takes:
        clip = vault.find("clips", take.clip_key)
        takes.append(
            {
                "scene": take.scene,
                "state": reporter.states.get(take.scene, rest),
                "path": None if clip is None else str(clip.path),
                "seed": take.seed,
                "fingerprint": take.latents_key,
            }
        )
    return takes
