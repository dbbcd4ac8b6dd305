"""The sampling loop: a velocity function and noise in, latents out.

The loop knows no prompts, guidance, experts or devices. Its whole state is a :class:`Progress`, so
that it can stop after any step and go on later with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from holocine_core.errors import RenderError
from holocine_core.shoot import flow

Velocity = Callable[[Tensor, float], Tensor]
"""Latents and sigma -> velocity of the latents' shape, float32."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The loop's state after ``step`` steps."""

    step: int
    x: Tensor
    solver: Mapping[str, Tensor]
    """What a multi-step solver remembers of earlier steps."""


OnStep = Callable[[Progress], None]


class Solver(Protocol):
    """Integrates the flow one step at a time."""

    def step(self, i: int, x: Tensor, velocity: Tensor) -> Tensor: ...

    def state(self) -> dict[str, Tensor]: ...

    def restore(self, step: int, state: Mapping[str, Tensor]) -> None: ...


class Euler:
    """The release's solver: first order, nothing to remember."""

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.sigmas = (*sigmas, 0.0)

    def step(self, i: int, x: Tensor, velocity: Tensor) -> Tensor:
        return flow.euler_step(x, velocity, self.sigmas[i], self.sigmas[i + 1])

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, step: int, state: Mapping[str, Tensor]) -> None:
        return None


class UniPC:
    """diffusers' UniPC on the same sigmas: second order, good with fewer steps."""

    ORDER = 2

    def __init__(self, sigmas: Sequence[float]) -> None:
        import numpy as np
        from diffusers import UniPCMultistepScheduler

        self._scheduler: Any = UniPCMultistepScheduler(
            prediction_type="flow_prediction",
            use_flow_sigmas=True,
            solver_order=self.ORDER,
            final_sigmas_type="zero",
        )
        # The sigmas are shifted already: flow_shift stays 1.
        self._scheduler.set_timesteps(sigmas=np.array(sigmas))
        self._scheduler.set_begin_index(0)

    def step(self, i: int, x: Tensor, velocity: Tensor) -> Tensor:
        at = self._scheduler.timesteps[i]
        moved: Tensor = self._scheduler.step(velocity, at, x, return_dict=False)[0]
        return moved

    def state(self) -> dict[str, Tensor]:
        s = self._scheduler
        kept = {
            f"output{i}": output for i, output in enumerate(s.model_outputs) if output is not None
        }
        counters = torch.tensor([s.lower_order_nums, s.this_order])
        return {**kept, "last": s.last_sample, "counters": counters}

    def restore(self, step: int, state: Mapping[str, Tensor]) -> None:
        s = self._scheduler
        if not state:  # It begins here, with nothing to remember.
            s.set_begin_index(step)
            return
        s.lower_order_nums, s.this_order = (int(n) for n in state["counters"])
        s.last_sample = state["last"]
        s.model_outputs = [state.get(f"output{i}") for i in range(self.ORDER)]
        s.timestep_list = [
            s.timesteps[back] if (back := step - self.ORDER + i) >= 0 else None
            for i in range(self.ORDER)
        ]
        s._step_index = step


SOLVERS: Mapping[str, Callable[[Sequence[float]], Solver]] = {"euler": Euler, "unipc": UniPC}


def denoise(
    velocity: Velocity,
    noise: Tensor,
    sigmas: Sequence[float],
    *,
    solver: str = "euler",
    start: Progress | None = None,
    on_step: OnStep = lambda progress: None,
) -> Tensor:
    """Follow the flow from noise to latents.

    Args:
        velocity: The network with everything it needs.
        noise: Where sigma is 1, float32.
        sigmas: One per step, falling, without the final 0.
        solver: ``euler`` or ``unipc``.
        start: Where an earlier run stopped; or, without a solver's memory, where this one begins.
        on_step: Called after every step but may also raise to stop the loop.

    Raises:
        RenderError: The latents are no longer finite.
    """
    stepper = SOLVERS[solver](sigmas)
    x, first = noise, 0
    if start is not None:
        x, first = start.x, start.step
        if first:
            stepper.restore(first, start.solver)
    for i in range(first, len(sigmas)):
        x = stepper.step(i, x, velocity(x, sigmas[i]))
        if not bool(torch.isfinite(x).all()):
            raise RenderError(
                f"the latents are no longer finite after step {i + 1} of {len(sigmas)}",
                hint="check the weights with `holocine models verify`; lower a LoRA's weight",
            )
        on_step(Progress(i + 1, x, stepper.state()))
    return x
