"""One network's training: the loop, what it keeps, and how it goes on."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, Interrupted, MachineError, RenderError
from holocine_core.events import (
    FilmShown,
    HeldOutMeasured,
    ModelExported,
    PhaseStarted,
    TrainingStarted,
    TrainStepDone,
    Warned,
)
from holocine_core.model.attention.cpu import computes_bf16
from holocine_core.train.call import Call
from holocine_core.train.check import Read, longest_clip
from holocine_core.train.checkpoints import Checkpoints
from holocine_core.train.data.batches import Batch, Samples
from holocine_core.train.data.loader import (
    Batches,
    Prefetch,
    batches_of,
    begin,
    open_datasets,
)
from holocine_core.train.export import export, export_lora
from holocine_core.train.films import PassFailed, Rehearsal
from holocine_core.train.gradient import Gone, chunks_of, go_back
from holocine_core.train.keeper import Keeper
from holocine_core.train.metrics import Metrics
from holocine_core.train.networks import TrainingModel, count
from holocine_core.train.optim import EMA, Optimization, learning_rate
from holocine_core.train.order import Chunk, Pick, steps
from holocine_core.train.recipe import Phase, Recipe
from holocine_core.train.step import tokens_of
from holocine_core.train.validation import validation_loss
from holocine_core.train.work import held_bytes, highest_rate


class Trainer:
    """One recipe's training, from its last checkpoint on.

    Args:
        recipe: What to do.
        model: The networks, as they were at the start.
        read: The samples of its folders.
        checkpoints: Where it goes on, and what it keeps.
        call: Who asked for it.
        product: The folder or file that the model becomes.
        films: What makes the recipe's films; None where it has none.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: TrainingModel,
        read: Read,
        checkpoints: Checkpoints,
        call: Call,
        product: Path,
        films: Rehearsal | None,
    ) -> None:
        self._recipe = recipe
        self._product = product
        self._films = films
        self._model = model
        self._read = read
        self._call = call
        self._emit = call.emit
        self._should_stop = call.should_stop
        self._out = Path(recipe.out)
        self._optimization = Optimization(
            model.trained, recipe.optimizer, exact=recipe.precision == "float32"
        )
        self._average = EMA(model.trained, recipe.ema)
        self._keeper = Keeper(recipe, model, self._optimization, self._average, checkpoints, call)
        self._step = self._began = self._keeper.kept
        ranks = 1 if model.team is None else model.team.size
        bf16 = computes_bf16(recipe.precision, model.device)
        self._rate = ranks * highest_rate(model.device, bf16=bf16)
        self._shown = 0
        self._held_out: Samples | None = None
        self._coming: Prefetch | None = None

    def go(self) -> tuple[int, Path | None]:
        """Train to the end or until told to stop; steps done, and the model at the end."""
        recipe = self._recipe
        self._emit(
            TrainingStarted(
                out=recipe.out,
                step=self._step,
                steps=recipe.steps,
                parameters=count(self._model.trained),
                expert=recipe.expert or "",
            )
        )
        leads = self._model.leads
        with (
            contextlib.closing(self),
            self._settling(),
            Metrics(recipe, self._step, writes=leads) as metrics,
        ):
            begins = 0
            for number, phase in enumerate(recipe.phases):
                ends = begins + phase.steps
                if self._step < ends or self._lacks_measurement(phase, begins, metrics):
                    self._phase(number, phase, begins, metrics)
                if self._step < ends:
                    return self._step, None
                begins = ends
        return self._step, self._finish()

    def export(self) -> tuple[int, Path]:
        """Write the model as it was at the checkpoint that was asked for; its step, and where it
        is."""
        if self._step == 0:
            raise InputError(
                f"there is no checkpoint to export: 0 of {self._recipe.steps} steps are done",
                where=str(self._out),
                hint="train first, for one step at least: the same command without --export",
            )
        last = self._step == self._recipe.steps
        best = self._call.export == "best"
        path = self._export("-best" if best else "" if last else f"-{self._step:07d}")
        self._emit(ModelExported(step=self._step, path=str(path)))
        return self._step, path

    def close(self) -> None:
        """End what goes on beside training."""
        if self._coming is not None:
            self._coming.stop()

    @contextlib.contextmanager
    def _settling(self) -> Iterator[None]:
        """What is still being written is written in the end; not where a rank failed: the others
        would wait for it."""
        try:
            yield
        except Interrupted:
            self._keeper.settle()
            raise
        self._keeper.settle()

    def _finish(self) -> Path:
        films = self._films
        # Killed while they were made, at the end.
        if films is not None and self._agreed(
            self._shown != self._step and not films.is_shown(self._step)
        ):
            self._show_films()
        model = self._export("")
        best = self._keeper.best
        self._emit(ModelExported(step=self._step, path=str(model), best=best))
        return model

    def _phase(self, number: int, phase: Phase, begins: int, metrics: Metrics) -> None:
        # Samples may fail, or take so long that someone loses patience.
        self._keeper.keep(self._step)
        try:
            if self._coming is not None:
                self._coming.wait(self._emit, self._is_over)
            clips, self._held_out = open_datasets(
                self._recipe, phase, self._model, self._read, self._emit, self._is_over
            )
        except Interrupted:
            if self._should_stop():
                raise
            return
        of = len(self._recipe.phases)
        if number + 1 < of:
            following = self._recipe.phases[number + 1]
            self._coming = begin(self._recipe, following, self._model)
        samples = sum(clips.sizes)
        size = phase.size or "all sizes"
        self._emit(PhaseStarted(phase=number + 1, of=of, size=size, samples=samples))
        ends = begins + phase.steps
        wanted = phase.batch * phase.accumulate

        most = batches_of(phase, clips, self._model.located.spec)

        def coming() -> Iterator[tuple[Pick, ...]]:
            chosen = steps(clips.sizes, most, wanted, self._recipe.seed + number)
            return itertools.islice(chosen, self._step - begins, phase.steps)

        mine = itertools.chain.from_iterable(chunks_of(self._model, passes) for passes in coming())

        def make(chunk: Chunk) -> Batch:
            one = chunk.pick
            batch = clips.batch(one.group, one.members, one.epoch)
            if batch.texts:
                return batch
            shots = [len(each) for each in batch.each]
            return replace(batch, tokens=tokens_of(self._model, batch.prompts, shots))

        if self._lacks_measurement(phase, begins, metrics):
            self._measure(phase, metrics)
        with Batches(make, mine, self._model.device) as batches:
            for passes in coming():
                self._train_step(number, clips, passes, batches, metrics)
                if self._after_step(phase, metrics) or self._step == ends:
                    return

    def _lacks_measurement(self, phase: Phase, begins: int, metrics: Metrics) -> bool:
        """Whether the run was killed after it kept a step of a phase and before it measured."""
        step, held_out = self._step, self._recipe.held_out
        due = step == self._recipe.steps or step % held_out.every == 0
        inside = begins < step <= begins + phase.steps
        measures = phase.data is None or held_out.data is not None
        lacks = measures and due and inside and not metrics.has(step, "held_out")
        return bool(self._agreed(lacks))

    def _agreed(self, value: Any) -> Any:
        """The leader's word, where ranks might see otherwise."""
        return value if self._model.team is None else self._model.team.agree(value)

    def _is_over(self) -> bool:
        """Whether to stop: someone said so, or the call's time is over."""
        return self._should_stop() or self._call.is_over

    def _train_step(
        self,
        number: int,
        clips: Samples,
        passes: Sequence[Pick],
        batches: Batches,
        metrics: Metrics,
    ) -> None:
        started = time.perf_counter()
        recipe = self._recipe
        gone = go_back(recipe, self._model, clips, passes, batches, number, self._step)
        lr = learning_rate(self._step, recipe.steps, recipe.optimizer.lr, recipe.schedule)
        norm = float(self._optimization.step(lr))
        self._step += 1
        if not (math.isfinite(gone.loss) and math.isfinite(norm)):
            raise self._exploded(gone, clips)
        self._average.follow(self._step)
        seconds = time.perf_counter() - started
        share, memory = gone.flops / seconds / self._rate, held_bytes(self._model.device)
        metrics.write(
            self._step,
            {
                "loss": gone.loss,
                "lr": lr,
                "grad_norm": norm,
                "samples_per_s": gone.samples / seconds,
                "tokens_per_s": gone.tokens / seconds,
                "rate_share": share,
                "memory_gb": memory / 1e9,
                "seconds": seconds,
                **({"facts": gone.facts} if self._model.reader is not None else {}),
            },
        )
        self._emit(
            TrainStepDone(
                step=self._step,
                steps=recipe.steps,
                loss=gone.loss,
                samples=gone.samples,
                seconds=seconds,
                tokens=gone.tokens,
                rate_share=share,
                memory_bytes=memory,
            )
        )

    def _exploded(self, gone: Gone, clips: Samples) -> RenderError:
        """The loss, or the gradient, is no number any more: which samples did it."""
        names = [name for one in gone.bad for name in clips.names(one.of.group, one.pick.members)]
        hint = f"lower `optimizer.lr` and go on from step {self._keeper.kept}, which is kept"
        if names:
            hint = f"look at {', '.join(names[:4])}; or {hint}"
        return RenderError(
            f"the loss is no longer finite at step {self._step}", where=str(self._out), hint=hint
        )

    def _after_step(self, phase: Phase, metrics: Metrics) -> bool:
        """Do what is due after a step; whether the call's time is over."""
        recipe, step = self._recipe, self._step
        last = step == recipe.steps
        keeper = self._keeper
        said = (self._should_stop(), self._call.is_over, keeper.is_late, keeper.is_written)
        stop, over, late, written = self._agreed(said)
        if written:
            self._keeper.settle()
        asked = step % recipe.checkpoints.every == 0
        due = stop or over or late or last or asked
        if due:
            self._keeper.keep(step)
        if self._held_out is not None and (last or step % recipe.held_out.every == 0):
            self._measure(phase, metrics)
        if asked and recipe.checkpoints.export and not last:
            path = self._export(f"-{step:07d}")
            self._emit(ModelExported(step=step, path=str(path)))
        films = recipe.films
        if films is not None and not stop and (last or step % films.every == 0):
            self._show_films()
            stop = self._agreed(self._should_stop())  # A showing takes a while.
        if stop and not last:
            raise Interrupted(f"stopped after step {step} of {recipe.steps}; it is kept")
        return over and not last

    def _measure(self, phase: Phase, metrics: Metrics) -> None:
        assert self._held_out is not None
        with self._average.in_place():
            batches = batches_of(phase, self._held_out, self._model.located.spec)
            measured = validation_loss(self._recipe, self._model, self._held_out, batches)
        # Before it is written down: who is killed in between measures again.
        self._keeper.judge(self._step, measured.mean, phase)
        bins = {f"held_out/{i}": loss for i, loss in enumerate(measured.by_timestep)}
        if measured.swapped is not None:
            bins["held_out/swapped_text"] = measured.swapped
        metrics.write(self._step, {"held_out": measured.mean, **bins})
        self._emit(
            HeldOutMeasured(
                step=self._step,
                loss=measured.mean,
                by_timestep=measured.by_timestep,
                swapped=measured.swapped,
            )
        )

    def _export(self, suffix: str) -> Path:
        """Write the averaged weights as others load them; the folder or file."""
        lora = self._recipe.train == "lora"
        path = self._product
        if suffix:
            path = self._out / (f"lora{suffix}.safetensors" if lora else f"model{suffix}")
        made = self._recipe, self._model, self._step, path, self._keeper.earlier
        # A run that was at its end when it was called wrote what is there.
        emit = self._emit if self._began == self._step and not suffix else None
        with self._average.in_place():
            if lora:
                export_lora(*made, emit)
            else:
                export(*made, longest_clip(self._recipe, self._read), emit)
        return path

    def _show_films(self) -> None:
        """Make the recipe's films; one that fails is told and ends no training."""
        assert self._films is not None
        self._shown = self._step
        self._keeper.keep(self._step)
        if self._model.team is not None:
            self._keeper.settle()  # A showing that fails on ranks ends them.
        made = self._films.show(self._model, self._step, should_stop=self._should_stop)
        try:
            with self._average.in_place():
                for film in made:
                    self._emit(FilmShown(step=self._step, film=str(film)))
        except Interrupted:
            pass  # Said again by who asks next, to all ranks.
        except PassFailed:
            raise
        except (InputError, RenderError, MachineError) as failed:
            self._emit(Warned(message=failed.message, where=failed.where, hint=failed.hint))
