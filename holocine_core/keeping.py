"""A film's takes in its work folder: what is there of them, where a stopped one goes on, and what
is kept of the one at work."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holocine_core.edit.ffmpeg import MASTER_ARGS, Frames, read_frames, write_frames
from holocine_core.edit.own_cuts import CutWatch
from holocine_core.errors import Interrupted, MachineError, RenderError
from holocine_core.events import Emit, FramesDecoded, StepDone, Stop, TakeStarted, Warned
from holocine_core.film.provenance import versions
from holocine_core.model.hardware import processor_model
from holocine_core.plan.before import begun_record, gone_parts, gone_problem
from holocine_core.plan.values import Plan, Take
from holocine_core.script.timeline import pixel_span
from holocine_core.store.vault import Entry, Vault

if TYPE_CHECKING:
    from torch import Tensor

    from holocine_core.sample.generator import Generator
    from holocine_core.sample.known_latents import KnownLatents
    from holocine_core.sample.solvers import OnStep, Progress

_NETWORKS = frozenset({"tokenizer", "text_encoder", "transformer", "transformer_2"})
SAVE_STEPS = 5
SAVE_SECONDS = 30.0
"""Latents in progress are kept after this many steps or seconds, whichever comes first."""


@dataclass(frozen=True, slots=True)
class Given:
    """What of a take is there before it is denoised."""

    base: Tensor | None
    """Latents of the take that an edited one is based on."""
    start: Progress | None
    """Where its denoising was stopped, or where one that is made from a draft begins."""
    known: KnownLatents | None
    """Frames that stay as they are."""


class KeptTakes:
    """The takes of one render.

    Args:
        plan: Of the film.
        vault: Its work folder, which is held.
        emit: Told of steps and frames.
        should_stop: Asked after each; True keeps everything and raises Interrupted.
    """

    def __init__(self, plan: Plan, vault: Vault, emit: Emit, should_stop: Stop) -> None:
        self._plan = plan
        self._vault = vault
        self._emit = emit
        self._should_stop = should_stop

    def clip(self, take: Take) -> Entry | None:
        """A take's clip, if it is there and whole."""
        return self._vault.intact("clips", take.clip_key, self._emit)

    def without_latents(self, take: Take) -> list[Take]:
        """The take, if its latents are not there, behind those that it is made from and that are
        not there either.

        Raises:
            MachineError: Weights that one was begun with are gone.
            RenderError: A draft is gone that these networks can not make.
        """
        lacking: list[Take] = []
        for one in take.chain():
            if self._vault.intact("latents", one.latents_key, self._emit) is not None:
                break
            if lacking and (upscaled := lacking[-1].upscaled) and not upscaled.own_networks:
                raise RenderError(
                    f"the draft of scene '{one.scene}' is no longer in the work folder, and was "
                    "made with other LoRAs than this film has",
                    hint="make the draft again with holocine preview",
                )
            codec = {"vae"} if one.pictures or one.upscaled is not None else set[str]()
            self._require_weights(_NETWORKS | codec, one)
            lacking.append(one)
        return lacking[::-1]

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

    def given(self, take: Take, generator: Generator) -> Given:
        """What of a take is there; tells that it starts."""
        start = self._stopped(take)
        if start is None and take.upscaled is not None:
            start = generator.upscaled_start(take, self._latents(take.upscaled.base))
        self._emit(
            TakeStarted(
                scene=take.scene,
                state=take.state,
                step=start.step if start else 0,
                steps=take.sampling.steps,
            )
        )
        base = None if take.known is None else self._latents(take.known.base)
        there = base is not None or bool(take.pictures)
        return Given(base, start, generator.known_latents(take, base) if there else None)

    def _latents(self, take: Take) -> Tensor:
        from holocine_core.sample import latents as tensors

        return tensors.read_latents(self._vault.path("latents", take.latents_key))

    def _stopped(self, take: Take) -> Progress | None:
        """Where the take's denoising stopped: the furthest kept progress that is whole."""
        from holocine_core.sample import latents as tensors

        for entry in self._vault.stopped(take.progress_key, take.high_key):
            if self._vault.intact("progress", entry.key, self._emit) is not None:
                self._tell_of_another_machine(take.scene, entry)
                return tensors.read_progress(entry.path)
        return None

    def keep_steps(self, take: Take) -> OnStep:
        """Called after every step of a take's denoising: keeps some, tells of all, and stops where
        it is asked to."""
        from holocine_core.sample.experts import high_noise_steps

        steps = take.sampling.steps
        high = high_noise_steps(self._plan.model.spec, take.sampling)
        last_saved = clock = time.monotonic()

        def on_step(progress: Progress) -> None:
            nonlocal last_saved, clock
            now = time.monotonic()
            self._vault.require_held()
            stop = self._should_stop()
            due = progress.step % SAVE_STEPS == 0 or now - last_saved > SAVE_SECONDS
            # The last step too: if its latents can't be kept, no step has to be made again. And the
            # high-noise expert's last: what fails with the other one is made again from there.
            if stop or due or progress.step in (high, steps):
                self._keep_progress(take, progress, high)
                last_saved = now
            self._emit(
                StepDone(scene=take.scene, step=progress.step, steps=steps, seconds=now - clock)
            )
            clock = time.monotonic()
            if stop and progress.step < steps:
                stop_now()

        return on_step

    def _keep_progress(self, take: Take, progress: Progress, high: int) -> None:
        """Keep a step in place of those before; the last of high noise stays beside later ones.

        Args:
            take: At work.
            progress: Of its denoising.
            high: Steps of the high-noise expert; 0 where there is no other.
        """
        from holocine_core.sample import latents as tensors

        earlier = self._vault.stopped(take.progress_key, take.high_key)
        self._vault.keep(
            "progress",
            f"{take.progress_key}-{progress.step}",
            tensors.progress_writer(progress),
            {
                "scene": take.scene,
                "take": take.progress_key,
                "step": progress.step,
                "negative": take.latents_key,
                **({"high": take.high_key} if progress.step <= high else {}),
                "made": self._made(),
            },
        )
        for entry in earlier:
            step = entry.sidecar["step"]
            if step != progress.step and not step == high <= progress.step:
                self._vault.drop("progress", entry.key)

    def keep_latents(self, take: Take, latents: Tensor) -> None:
        """Store a denoised take; its progress goes."""
        from holocine_core.sample import latents as tensors

        self._vault.keep(
            "latents",
            take.latents_key,
            tensors.latents_writer(latents),
            {"scene": take.scene, "ingredients": take.ingredients, "made": self._made()},
        )
        for entry in self._vault.stopped(take.progress_key, take.high_key):
            self._vault.drop("progress", entry.key)

    def _made(self) -> dict[str, Any]:
        """How a take is made, beside what its fingerprint tells."""
        placement = self._plan.placement
        return {
            "computing": placement.computing,
            **({"kernel": placement.kernel} if placement.device == "cpu" else {}),
            "machine": _machine(placement.device),
            "versions": versions(),
            **begun_record(self._plan),
        }

    def _tell_of_another_machine(self, scene: str, entry: Entry) -> None:
        """Of a take that goes on: sums of other threads or processors have other last bits."""
        made = entry.sidecar.get("made")
        then, now = made.get("machine") if isinstance(made, dict) else None, self._made()["machine"]
        if isinstance(then, dict) and then != now:
            was, is_ = (", ".join(map(str, one.values())) for one in (then, now))
            self._emit(
                Warned(
                    message=f"scene '{scene}' was begun on other hardware ({was}; now {is_}): its "
                    "last bits may differ from those of a film made in one go",
                    hint="go on where it was begun, with as many threads, for the same bits",
                )
            )

    def latents(self, take: Take) -> Tensor:
        """A take's latents, to decode.

        Raises:
            MachineError: The codec that the film was begun with is gone.
        """
        self._require_weights(frozenset({"vae"}), take)
        return self._latents(take)

    def undecoded(self, take: Take) -> list[Take]:
        """The take, behind those that it keeps shots of and that have no clip to take them from."""
        lacking = [take]
        while (known := lacking[-1].known) is not None:
            base = known.base
            if self._vault.intact("clips", base.clip_key, self._emit) is not None:
                break
            if self._vault.intact("latents", base.latents_key, self._emit) is None:
                break  # Dropped with its version: what is kept of it is in the take's own latents.
            lacking.append(base)
        return lacking[::-1]

    def keep_clip(self, take: Take, decoded: Iterable[Frames]) -> None:
        """Store a take's frames as its clip, with where it cuts. Shots that it keeps of an earlier
        take are that one's frames, to the bit, whoever decodes.

        Raises:
            RenderError: There are fewer or more than its scene has.
        """
        size = (take.sampling.width, take.sampling.height)
        watching = CutWatch()

        def write(path: Path) -> None:
            with write_frames(path, *size, self._plan.fps, MASTER_ARGS) as writer:
                for frames in self._watched(take, self._with_kept(take, decoded)):
                    writer.write(frames)
                    watching.add(frames)

        def sidecar() -> dict[str, Any]:
            seen = watching.seen(take.timeline.cuts)
            return {"scene": take.scene, "frames": take.timeline.frames, "cuts": seen.record()}

        self._vault.keep("clips", take.clip_key, write, sidecar)

    def _with_kept(self, take: Take, decoded: Iterable[Frames]) -> Iterator[Frames]:
        """A take's frames, those of the latents that it keeps as the earlier take shows them."""
        known = take.known
        base = None if known is None else self._vault.find("clips", known.base.clip_key)
        if known is None or base is None:
            yield from decoded
            return
        place = {
            at: there
            for latent, earlier in take.kept.items()
            for at, there in zip(pixel_span(latent), pixel_span(earlier), strict=True)
        }
        before = enumerate(frame for chunk in read_frames(base.path) for frame in chunk)
        at = 0
        for frames in decoded:
            whole = frames.copy()
            for i in range(len(frames)):
                if (there := place.get(at)) is not None:  # They rise: each is read once.
                    whole[i] = next((frame for n, frame in before if n == there), whole[i])
                at += 1
            yield whole

    def _watched(self, take: Take, decoded: Iterable[Frames]) -> Iterator[Frames]:
        done, of = 0, take.timeline.frames
        for frames in decoded:
            self.stop_if_asked()
            yield frames
            done += len(frames)
            self._emit(FramesDecoded(scene=take.scene, frames=done, of=of))
        if done != of:
            raise RenderError(f"scene '{take.scene}' decoded to {done} frames, not {of}")

    def stop_if_asked(self) -> None:
        """Raise Interrupted where the caller asked to stop, and TakenOver where the work folder is
        another's by now."""
        self._vault.require_held()
        if self._should_stop():
            stop_now()


def _machine(device: str) -> dict[str, Any]:
    """What computes, as far as it can change last bits."""
    import torch

    if device.startswith("cuda"):
        return {"gpu": torch.cuda.get_device_name(device)}
    return {"processor": processor_model(), "threads": torch.get_num_threads()}


def stop_now() -> None:
    """Raises Interrupted."""
    raise Interrupted(
        "stopped; everything finished so far is kept",
        hint="run the same command again to go on",
    )
