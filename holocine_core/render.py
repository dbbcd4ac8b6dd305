"""Plan -> Film: the whole production in one function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from holocine_core.edit.ffmpeg import MASTER_ARGS, write_frames
from holocine_core.edit.own_cuts import CutWatch
from holocine_core.errors import Interrupted, MachineError, RenderError
from holocine_core.events import (
    CutsSeen,
    Emit,
    FilmDone,
    FilmStarted,
    FramesDecoded,
    StepDone,
    TakeDone,
    TakeFailed,
    TakeStarted,
    ignore,
)
from holocine_core.film.finish import Film, cut_film, finished_film, preflight, write_sidecar
from holocine_core.film.ownership import refuse_to_overwrite, sidecar_is_ours
from holocine_core.film.provenance import versions
from holocine_core.plan.before import begun_record, gone_parts, gone_problem
from holocine_core.plan.values import Plan, Take
from holocine_core.store.journal import journal
from holocine_core.store.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from holocine_core.sample.generator import Generator
    from holocine_core.sample.solvers import Progress

_NETWORKS = frozenset({"tokenizer", "text_encoder", "transformer", "transformer_2"})
SAVE_STEPS = 5
SAVE_SECONDS = 30.0
"""Latents in progress are kept after this many steps or seconds, whichever comes first."""

Stop = Callable[[], bool]


def never() -> bool:
    return False


def render(
    plan: Plan,
    emit: Emit = ignore,
    *,
    force: bool = False,
    should_stop: Stop = never,
    open_generator: Callable[[Plan, Emit], Generator] | None = None,
) -> Film:
    """Shoot every planned take the work folder lacks, then cut the film.

    Running it again goes on where it was. A scene that fails doesn't stop the others.

    Args:
        plan: What to make, and nothing else is made.
        emit: Told of everything that happens.
        force: Replace a film at ``plan.out`` that this plan did not make.
        should_stop: Asked after every step; True keeps everything and raises Interrupted.
        open_generator: Makes the generator when the first take needs it.

    Raises:
        InputError: Another film is in the way.
        MachineError: Weights, memory, disk or ffmpeg failed; what is finished is kept.
        RenderError: Scenes failed; the others are kept and no film is cut.
        Interrupted: ``should_stop`` said so.
    """
    refuse_to_overwrite(plan, force=force)
    film = finished_film(plan, whole=True)
    if film is None:
        preflight(plan)
    elif sidecar_is_ours(plan):
        _tell(film, plan, emit)
        return film
    vault = Vault(plan.work)
    with vault.locked(f"render {plan.screenplay_path.name}"), journal(plan.work, emit) as emit:
        started = time.monotonic()
        emit(FilmStarted(film=str(plan.out), takes=len(plan.takes), to_shoot=plan.to_shoot))
        if film is None:
            studio = _Studio(plan, vault, emit, should_stop, open_generator or _open_generator)
            studio.shoot_all()
            studio.stop_if_asked()
            film = cut_film(plan, vault, emit, force=force)
            for scene, seen in film.cuts.items():
                emit(CutsSeen(scene=scene, **asdict(seen)))
        else:
            film = write_sidecar(plan)
        seconds = time.monotonic() - started
        emit(
            FilmDone(
                film=str(film.path), frames=film.frames, seconds=seconds, up_to_date=film.up_to_date
            )
        )
    return film


def _tell(film: Film, plan: Plan, emit: Emit) -> None:
    """An up-to-date film needs no work folder: nothing is written, nothing is locked."""
    emit(FilmStarted(film=str(plan.out), takes=len(plan.takes), to_shoot=0))
    emit(FilmDone(film=str(film.path), frames=film.frames, seconds=0.0, up_to_date=True))


def _open_generator(plan: Plan, emit: Emit) -> Generator:
    from holocine_core.sample.generator import Generator  # torch wakes here

    return Generator(plan, emit)


class _Studio:
    """One render's takes: shoots what is missing with a generator opened on first need."""

    def __init__(
        self,
        plan: Plan,
        vault: Vault,
        emit: Emit,
        should_stop: Stop,
        open_generator: Callable[[Plan, Emit], Generator],
    ) -> None:
        self._plan = plan
        self._vault = vault
        self._emit = emit
        self._should_stop = should_stop
        self._open = open_generator
        self._generator: Generator | None = None

    @property
    def generator(self) -> Generator:
        if self._generator is None:
            self._generator = self._open(self._plan, self._emit)
        return self._generator

    def shoot_all(self) -> None:
        """Every take in turn; RenderErrors are told and gathered, others stop the work."""
        failed: list[tuple[Take, RenderError]] = []
        for take in self._plan.takes:
            try:
                self._shoot(take)
            except RenderError as error:
                failed.append((take, error))
                self._emit(TakeFailed(scene=take.scene, message=error.message, hint=error.hint))
        if failed:
            first = failed[0][1]
            names = ", ".join(f"'{take.scene}'" for take, _ in failed)
            raise RenderError(
                f"{len(failed)} of {len(self._plan.takes)} scenes failed ({names}): "
                f"{first.message}",
                where=first.where,
                hint=first.hint or "run the same command again",
            ) from first

    def _shoot(self, take: Take) -> None:
        self.stop_if_asked()
        started = time.monotonic()
        clip = self._vault.intact("clips", take.clip_key, self._emit)
        if clip is None:
            self._develop(take)
            self._decode(take)
        peak = self._generator.peak_bytes() if self._generator else None
        self._emit(
            TakeDone(
                scene=take.scene,
                reused=clip is not None,
                seconds=time.monotonic() - started,
                peak_bytes=peak,
            )
        )

    def _develop(self, take: Take, own_networks: bool = True) -> None:
        """Have the take's latents in the work folder, those of the take it is based on first."""
        if self._vault.intact("latents", take.latents_key, self._emit) is None:
            if not own_networks:
                raise RenderError(
                    f"the draft of scene '{take.scene}' is no longer in the work folder, and was "
                    "made with other LoRAs than this film has",
                    hint="make the draft again with holocine preview",
                )
            codec = {"vae"} if take.pictures or take.upscaled is not None else set[str]()
            self._require_weights(_NETWORKS | codec, take)
            if take.base is not None:
                self._develop(take.base, take.upscaled is None or take.upscaled.own_networks)
            self._denoise(take)

    def _base(self, take: Take) -> Tensor | None:
        """Latents of the take that an edited one is based on."""
        from holocine_core.sample import latents as tensors

        if take.known is None:
            return None
        return tensors.read_latents(self._vault.path("latents", take.known.base.latents_key))

    def _denoise(self, take: Take) -> None:
        from holocine_core.sample import latents as tensors

        start = self._stopped(take) or self._begun(take)
        steps = take.sampling.steps
        self._emit(
            TakeStarted(
                scene=take.scene,
                state=take.state,
                step=start.step if start else 0,
                steps=steps,
            )
        )
        last_saved = clock = time.monotonic()

        def on_step(progress: Progress) -> None:
            nonlocal last_saved, clock
            now = time.monotonic()
            stop = self._should_stop()
            due = progress.step % SAVE_STEPS == 0 or now - last_saved > SAVE_SECONDS
            # The last step too: if its latents can't be kept, no step has to be made again.
            if stop or due or progress.step == steps:
                self._keep_progress(take, progress)
                last_saved = now
            self._emit(
                StepDone(scene=take.scene, step=progress.step, steps=steps, seconds=now - clock)
            )
            clock = time.monotonic()
            if stop and progress.step < steps:
                self._stop()

        base = self._base(take)
        there = base is not None or bool(take.pictures)
        known = self.generator.known_latents(take, base) if there else None
        made = self.generator.denoise(take, start, on_step, known)
        latents = self.generator.whole(take, made, base)
        self._vault.keep(
            "latents",
            take.latents_key,
            tensors.latents_writer(latents),
            {
                "scene": take.scene,
                "ingredients": take.ingredients,
                "made": self._made(),
            },
        )
        for entry in self._vault.stopped(take.progress_key):
            self._vault.drop("progress", entry.key)

    def _made(self) -> dict[str, Any]:
        """How a take is made, beside what its fingerprint tells."""
        computing = self._plan.placement.computing
        return {"computing": computing, "versions": versions(), **begun_record(self._plan)}

    def _begun(self, take: Take) -> Progress | None:
        """Where a take begins that is made from a draft."""
        from holocine_core.sample import latents as tensors

        if take.upscaled is None:
            return None
        key = take.upscaled.base.latents_key
        return self.generator.upscaled_start(
            take, tensors.read_latents(self._vault.path("latents", key))
        )

    def _stopped(self, take: Take) -> Progress | None:
        """Where the take's denoising stopped: the furthest kept progress that is whole."""
        from holocine_core.sample import latents as tensors

        for entry in self._vault.stopped(take.progress_key):
            if self._vault.intact("progress", entry.key, self._emit) is not None:
                return tensors.read_progress(entry.path)
        return None

    def _keep_progress(self, take: Take, progress: Progress) -> None:
        from holocine_core.sample import latents as tensors

        earlier = self._vault.stopped(take.progress_key)
        self._vault.keep(
            "progress",
            f"{take.progress_key}-{progress.step}",
            tensors.progress_writer(progress),
            {
                "scene": take.scene,
                "take": take.progress_key,
                "step": progress.step,
                "negative": take.latents_key,
                "made": self._made(),
            },
        )
        for entry in earlier:
            if entry.sidecar["step"] != progress.step:
                self._vault.drop("progress", entry.key)

    def _require_weights(self, parts: frozenset[str], take: Take) -> None:
        """Nothing is made under a film's keys by other weights than they tell of.

        The plan looked at what is there; a damaged file is found only now.
        """
        plan = self._plan
        gone = sorted(gone_parts(plan.model, plan.identity) & parts)
        if gone:
            what = f"scene '{take.scene}' needs"
            problem = gone_problem(plan.model, plan.identity, gone, what)
            raise MachineError(problem.message, where=problem.where, hint=problem.hint)

    def _decode(self, take: Take) -> None:
        from holocine_core.sample import latents as tensors

        self._require_weights(frozenset({"vae"}), take)

        latents = tensors.read_latents(self._vault.path("latents", take.latents_key))
        size = (take.sampling.width, take.sampling.height)
        of = take.timeline.frames

        watching = CutWatch()

        def write(path: Path) -> None:
            done = 0
            with write_frames(path, *size, self._plan.fps, MASTER_ARGS) as writer:
                for frames in self.generator.decode(take, latents):
                    self.stop_if_asked()
                    writer.write(frames)
                    watching.add(frames)
                    done += len(frames)
                    self._emit(FramesDecoded(scene=take.scene, frames=done, of=of))
            if done != of:
                raise RenderError(f"scene '{take.scene}' decoded to {done} frames, not {of}")

        def sidecar() -> dict[str, Any]:
            seen = watching.seen(take.timeline.cuts)
            return {"scene": take.scene, "frames": of, "cuts": seen.record()}

        self._vault.keep("clips", take.clip_key, write, sidecar)

    def stop_if_asked(self) -> None:
        """Raise Interrupted where the caller asked to stop."""
        if self._should_stop():
            self._stop()

    def _stop(self) -> None:
        raise Interrupted(
            "stopped; everything finished so far is kept",
            hint="run the same command again to go on",
        )
