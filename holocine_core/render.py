"""Plan -> Film: the whole production in one function."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from holocine_core.errors import HolocineError, InputError, MachineError, RenderError, TakenOver
from holocine_core.events import (
    CutsSeen,
    Emit,
    FilmClaimed,
    FilmDone,
    FilmEnded,
    FilmStarted,
    Stop,
    TakeDone,
    TakeFailed,
    ignore,
    never,
)
from holocine_core.film.finish import cut_film, write_sidecar
from holocine_core.film.ownership import film_place, sidecar_is_ours
from holocine_core.film.ready import finished_or_ready
from holocine_core.film.runs import film_started
from holocine_core.film.tidy import tidy
from holocine_core.film.values import Film
from holocine_core.keeping import KeptTakes
from holocine_core.plan.pace import paced
from holocine_core.sample.studio import Studio
from holocine_core.store.journal import journal
from holocine_core.store.processes import this_process
from holocine_core.store.vault import Vault

if TYPE_CHECKING:
    from holocine_core.plan.values import Plan, Take
    from holocine_core.sample.generator import Generator


def render(
    plan: Plan,
    emit: Emit = ignore,
    *,
    force: bool = False,
    should_stop: Stop = never,
    studio: Studio | None = None,
    vault: Vault | None = None,
) -> Film:
    """Shoot every planned take the work folder lacks, then cut the film.

    Running it again goes on where it was. A scene that fails doesn't stop the others.

    Args:
        plan: What to make, and nothing else is made.
        emit: Told of everything that happens.
        force: Replace a film at ``plan.out`` that this plan did not make.
        should_stop: Asked after every step; True keeps everything and raises Interrupted.
        studio: Networks that may be open already, and stay so; its own where None.
        vault: The work folder, where the caller holds it already.

    Raises:
        InputError: Another film is in the way, or the device is one to plan for only.
        InUse: Another process makes this film.
        TakenOver: Another process makes it by now, since this one was silent for too long.
        MachineError: Weights, memory, disk or ffmpeg failed; what is finished is kept.
        RenderError: Scenes failed; the others are kept and no film is cut.
        Interrupted: ``should_stop`` said so.
    """
    there = finished_or_ready(plan, emit, force=force)
    if there is not None and sidecar_is_ours(plan):
        return _tell(there, plan, emit)
    vault, started = vault or Vault(plan.work), time.monotonic()
    command = f"render {plan.screenplay_path.name}"
    with _claimed(plan, vault, command), _kept(plan, vault, emit) as emit, _held(studio) as studio:
        emit(film_started(plan))
        if there is not None:
            return _told(write_sidecar(plan), emit, started)
        kept, failed = KeptTakes(plan, vault, emit, should_stop), _Failed(plan, emit)
        for take in plan.takes:
            kept.stop_if_asked()
            with failed.gathered(take):
                began, clip = time.monotonic(), kept.clip(take)
                if clip is None:
                    generator = studio.generator(plan, emit)
                    for one in kept.without_latents(take):
                        given, text = kept.given(one, generator), generator.encode(one)
                        made = generator.denoise(
                            one, text, given.start, given.known, kept.keep_steps(one)
                        )
                        kept.keep_latents(one, generator.whole(one, made, given.base))
                    _decode(take, kept, generator)
                emit(_done(take, began, studio, reused=clip is not None))
        failed.raise_first()
        kept.stop_if_asked()
        return _told(cut_film(plan, vault, emit, force=force), emit, started)


def _decode(take: Take, kept: KeptTakes, generator: Generator) -> None:
    """Keep a take's clip, behind those that it takes shots from."""
    for one in kept.undecoded(take):
        kept.keep_clip(one, generator.decode(one, kept.latents(one)))


@contextlib.contextmanager
def _claimed(plan: Plan, vault: Vault, command: str) -> Iterator[None]:
    """Hold the work folder and the film's place."""
    with vault.locked(command), vault.holding(*film_place(plan), command):
        yield


def restore_clips(
    plan: Plan,
    emit: Emit = ignore,
    *,
    should_stop: Stop = never,
    studio: Studio | None = None,
    vault: Vault | None = None,
) -> None:
    """Have the clips of a finished film whole: damaged ones are told, and decoded again from their
    latents. Nothing is denoised.

    Args:
        plan: That the film was made by.
        emit: Told of what is damaged, and of the frames that are decoded.
        should_stop: Asked after every piece.
        studio: Networks that may be open already.
        vault: The work folder, where the caller holds it already.

    Raises:
        InputError: A clip is not there, and its latents are not either.
        InUse, MachineError, RenderError, Interrupted: As :func:`render`.
    """
    vault = vault or Vault(plan.work)
    lacking = [take for take in plan.takes if vault.whole("clips", take.clip_key) is None]
    gone = [take for take in lacking if vault.whole("latents", take.latents_key) is None]
    if gone:
        raise InputError(
            f"{plan.out} is finished, but its takes are no longer there to cut from",
            where=str(plan.work),
            hint="move the film away and render it again",
        )
    if not lacking:
        return
    command = f"restore {plan.out.name}"
    with vault.locked(command), _kept(plan, vault, emit) as emit, _held(studio) as studio:
        kept = KeptTakes(plan, vault, emit, should_stop)
        for take in lacking:
            began = time.monotonic()
            if kept.clip(take) is None:
                _decode(take, kept, studio.generator(plan, emit))
            emit(_done(take, began, studio, reused=False))


def _tell(film: Film, plan: Plan, emit: Emit) -> Film:
    """An up-to-date film needs no work folder: nothing is written, nothing is locked. Whoever was
    killed after its last word may have left something."""
    tidy(plan)
    emit(FilmStarted(film=str(plan.out), takes=len(plan.takes), to_shoot=0))
    emit(FilmDone(film=str(film.path), frames=film.frames, seconds=0.0, up_to_date=True))
    return film


def _told(film: Film, emit: Emit, started: float) -> Film:
    for scene, seen in {} if film.up_to_date else film.cuts.items():
        emit(CutsSeen(scene=scene, **asdict(seen)))
    seconds = time.monotonic() - started
    path, ready = str(film.path), film.up_to_date
    emit(FilmDone(film=path, frames=film.frames, seconds=seconds, up_to_date=ready))
    return film


def _done(take: Take, began: float, studio: Studio, *, reused: bool) -> TakeDone:
    seconds = time.monotonic() - began
    peak = studio.peak_bytes()
    return TakeDone(scene=take.scene, reused=reused, seconds=seconds, peak_bytes=peak)


@contextlib.contextmanager
def _kept(plan: Plan, vault: Vault, emit: Emit) -> Iterator[Emit]:
    """An emitter whose events also go into the work folder's log and into the machine's pace; the
    log tells as well who began the work and what ended it."""
    with journal(plan.work, emit) as logged, paced(plan, logged) as tell:
        tell(FilmClaimed(worker=str(this_process()), before=str(vault.before or "")))
        try:
            yield tell
        except TakenOver:
            raise  # The log is another's by now.
        except HolocineError as error:
            with contextlib.suppress(MachineError):
                logged(
                    FilmEnded(
                        kind=error.kind, message=error.message, where=error.where, hint=error.hint
                    )
                )
            raise


@contextlib.contextmanager
def _held(studio: Studio | None) -> Iterator[Studio]:
    """The caller's studio, or one for this film alone; what fails may have left networks half
    moved, which are then opened anew."""
    held = studio or Studio()
    try:
        yield held
    except BaseException:
        held.close()
        raise
    if studio is None:
        held.close()


class _Failed:
    """Scenes that failed: each is told at once, and all in the end."""

    def __init__(self, plan: Plan, emit: Emit) -> None:
        self._takes = len(plan.takes)
        self._emit = emit
        self._errors: dict[str, RenderError] = {}

    @contextlib.contextmanager
    def gathered(self, take: Take) -> Iterator[None]:
        """RenderErrors do not stop the other takes; all else does."""
        try:
            yield
        except RenderError as error:
            self._errors[take.scene] = error
            self._emit(TakeFailed(scene=take.scene, message=error.message, hint=error.hint))

    def raise_first(self) -> None:
        """Raises RenderError if any failed."""
        if not self._errors:
            return
        first = next(iter(self._errors.values()))
        names = ", ".join(f"'{scene}'" for scene in self._errors)
        raise RenderError(
            f"{len(self._errors)} of {self._takes} scenes failed ({names}): {first.message}",
            where=first.where,
            hint=first.hint or "run the same command again",
        ) from first
