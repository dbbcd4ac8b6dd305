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
from holocine_core.model.lean import unipc_scheduler
from holocine_core.sample import flow

Velocity = Callable[[Tensor, float], Tensor]
"""Latents and sigma -> velocity of the latents' shape, float32."""
StepNoise = Callable[[int], Tensor]
"""A step's number, from 0 -> noise of the latents' shape, float32."""
Settle = Callable[[Tensor, float], Tensor]
"""Latents and their sigma -> latents whose known parts are on their way at that sigma."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The loop's state after ``step`` steps."""

    step: int
    x: Tensor
    solver: Mapping[str, Tensor]
    """What a multi-step solver and caches remember of earlier steps."""

    def to(self, device: torch.device) -> Progress:
        """The same on a device; what is counted stays where it is."""
        solver = {
            name: value if name == "counters" else value.to(device)
            for name, value in self.solver.items()
        }
        return Progress(self.step, self.x.to(device), solver)


OnStep = Callable[[Progress], None]
OnVelocity = Callable[[int, Tensor, Tensor, float], None]
"""A step's number, from 1, latents before it, what the network says of them, and their sigma."""


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

        self._scheduler: Any = unipc_scheduler()(
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


class Stochastic:
    """Draws noise anew at every step; see :func:`flow.sde_step`.

    Args:
        sigmas: One per step, without the final 0.
        eta: Share of the noise that is drawn anew, 0 to 1.
        noise: A step's number, from 0 -> its noise, of the latents' shape. It depends on nothing
            else, so that a stopped loop goes on with the same bits.
        settle: Latents and their sigma -> the same with known parts back on their way: the noise
            is not theirs. The network sees them so in any case; this keeps the loop's state true.
    """

    def __init__(
        self, sigmas: Sequence[float], eta: float, noise: StepNoise, settle: Settle
    ) -> None:
        self.sigmas = (*sigmas, 0.0)
        self._eta = eta
        self._noise = noise
        self._settle = settle

    def step(self, i: int, x: Tensor, velocity: Tensor) -> Tensor:
        sigma, after = self.sigmas[i], self.sigmas[i + 1]
        # Nothing is drawn that would be multiplied by nothing.
        fresh = self._noise(i).to(x) if after and self._eta else torch.zeros_like(x)
        return self._settle(flow.sde_step(x, velocity, fresh, sigma, after, self._eta), after)

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, step: int, state: Mapping[str, Tensor]) -> None:
        return None


def solver_of(
    name: str,
    sigmas: Sequence[float],
    *,
    eta: float | None = None,
    noise: StepNoise | None = None,
    settle: Settle = lambda x, sigma: x,
) -> Solver:
    """The solver called ``euler``, ``unipc`` or ``sde``; the rest is for ``sde`` alone, as
    :class:`Stochastic` says."""
    if name == "euler":
        return Euler(sigmas)
    if name == "unipc":
        return UniPC(sigmas)
    if name != "sde":
        raise ValueError(f"there is no sampler {name!r}")
    assert noise is not None, "sde draws noise at every step"
    return Stochastic(sigmas, 1.0 if eta is None else eta, noise, settle)


def denoise(
    velocity: Velocity,
    noise: Tensor,
    sigmas: Sequence[float],
    *,
    solver: Solver | None = None,
    start: Progress | None = None,
    on_step: OnStep = lambda progress: None,
    on_velocity: OnVelocity | None = None,
) -> Tensor:
    """Follow the flow from noise to latents.

    Args:
        velocity: The network with everything it needs.
        noise: Where sigma is 1, float32.
        sigmas: One per step, falling, without the final 0.
        solver: Of :func:`solver_of`; Euler's where None.
        start: Where an earlier run stopped; or, without a solver's memory, where this one begins.
        on_step: Called after every step but may also raise to stop the loop.
        on_velocity: Shown every step while it is made; changes nothing.

    Raises:
        RenderError: The latents are no longer finite.
    """
    stepper = Euler(sigmas) if solver is None else solver
    x, first = noise, 0
    if start is not None:
        x, first = start.x, start.step
        if first:
            stepper.restore(first, start.solver)
    for i in range(first, len(sigmas)):
        said = velocity(x, sigmas[i])
        if on_velocity is not None:
            on_velocity(i + 1, x, said, sigmas[i])
        x = stepper.step(i, x, said)
        if not bool(torch.isfinite(x).all()):
            raise RenderError(
                f"the latents are no longer finite after step {i + 1} of {len(sigmas)}",
                hint="check the weights with `holocine models verify`; lower a LoRA's weight",
            )
        on_step(Progress(i + 1, x, stepper.state()))
    return x
