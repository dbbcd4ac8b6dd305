"""How weights move: Muon for the matrices of blocks, AdamW for the rest, and an average of both.

Letters: M matrix of a stack, R rows, C columns.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from holocine_core.errors import MachineError
from holocine_core.model.attention.cpu import multiplies_bfloat16
from holocine_core.train.recipe import Optimizer, Schedule

BLOCKS = ("transformer.blocks.", "text_encoder.encoder.block.")
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan's quintic iteration: five rounds bring singular values near 1."""
_ROUNDS = 5


class Optimization:
    """The optimizer of a run: both rules, the gradient's clip and the learning rate.

    Args:
        parameters: Name -> what is trained.
        settings: Of the recipe.
        exact: Whether Muon computes in float32 on every device; it always does where ranks part the
            weights.
    """

    def __init__(
        self, parameters: Mapping[str, Tensor], settings: Optimizer, *, exact: bool = False
    ) -> None:
        self.parameters = dict(parameters)
        self._settings = settings
        hidden = [n for n, p in parameters.items() if _is_hidden(n, p)]
        self._muon = hidden if settings.kind == "muon" else []
        rest = [name for name in parameters if name not in set(self._muon)]
        decayed = [name for name in rest if parameters[name].ndim > 1]
        plain = [name for name in rest if parameters[name].ndim <= 1]
        self._adamw_names = [*decayed, *plain]
        adamw = eight_bits() if settings.kind == "adamw-8bit" else torch.optim.AdamW
        self._adamw: Any = adamw(
            [
                {"params": [parameters[n] for n in decayed], "weight_decay": settings.weight_decay},
                {"params": [parameters[n] for n in plain], "weight_decay": 0.0},
            ],
            lr=settings.lr,
            betas=settings.betas,
        )
        # In bfloat16 a rounding of ranks' sums would grow to a thousandth within twenty steps.
        self._exact = exact or any(isinstance(one, DTensor) for one in parameters.values())
        self._momentum = {name: torch.zeros_like(parameters[name]) for name in self._muon}

    def step(self, lr: float) -> Tensor:
        """Move every weight by its gradient and forget the gradients.

        Returns:
            The gradient's norm before it was clipped, where the weights are.
        """
        trained = self.parameters.values()
        norm = torch.nn.utils.clip_grad_norm_(list(trained), self._settings.clip)
        for group in self._adamw.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
        with _as_it_is(next(iter(trained)).device):
            self._adamw.step()
        self._step_muon(lr)
        for parameter in trained:
            parameter.grad = None
        return norm

    @torch.no_grad()
    def _step_muon(self, lr: float) -> None:
        for names in self._stacks():
            moved = [self._momentum[name] for name in names]
            gradients = [_gradient(self.parameters[name]) for name in names]
            torch._foreach_lerp_(moved, gradients, 1 - self._settings.momentum)
            ahead = torch._foreach_lerp(gradients, moved, self._settings.momentum)
            updates = orthogonal(torch.stack(list(ahead)), exact=self._exact)
            rows, columns = updates.shape[1:]
            # The size of AdamW's usual update, so that one learning rate serves both.
            scale = 0.2 * math.sqrt(max(rows, columns))
            weights = [self.parameters[name] for name in names]
            torch._foreach_mul_(weights, 1 - lr * self._settings.weight_decay)
            torch._foreach_add_(weights, list(updates.unbind()), alpha=-lr * scale)

    def _stacks(self) -> Iterator[list[str]]:
        """Muon's matrices by shape: one batched product is faster than many small ones."""
        shapes: dict[tuple[int, ...], list[str]] = {}
        for name in self._muon:
            shapes.setdefault(tuple(self.parameters[name].shape), []).append(name)
        yield from shapes.values()

    def state(self) -> dict[str, Tensor]:
        """All that steps remember, by name."""
        state = {f"muon.{name}": value for name, value in self._momentum.items()}
        for name in self._adamw_names:
            for field, value in self._adamw.state.get(self.parameters[name], {}).items():
                state |= _plain(f"adamw.{field}", value, name)
        return state

    def template(self) -> dict[str, Tensor]:
        """Zeros for all that :meth:`state` has after a step."""
        state = {f"muon.{name}": torch.zeros_like(m) for name, m in self._momentum.items()}
        for name in self._adamw_names:
            for field, value in self._fresh(self.parameters[name]).items():
                state |= _plain(f"adamw.{field}", value, name)
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up a state that :meth:`state` gave."""
        for name, momentum in self._momentum.items():
            momentum.copy_(state[f"muon.{name}"])
        for name in self._adamw_names:
            parameter = self.parameters[name]
            if f"adamw.step.{name}" not in state:
                continue
            fresh = self._fresh(parameter)
            for field, value in fresh.items():
                for key, tensor in _plain(f"adamw.{field}", value, name).items():
                    tensor.copy_(state[key])
            self._adamw.state[parameter] = fresh

    def _fresh(self, parameter: Tensor) -> dict[str, Any]:
        """What AdamW remembers of a weight before its first step."""
        like = parameter.detach()
        moments: dict[str, Any] = {"step": torch.zeros(())}
        for field in ("exp_avg", "exp_avg_sq"):
            if self._settings.kind == "adamw-8bit":
                moments[field] = self._adamw._new_buffer(like, field == "exp_avg")
            else:
                moments[field] = torch.zeros_like(like)
        return moments


def eight_bits() -> Any:
    """torchao's AdamW, which remembers in 8 bits (arXiv 2110.02861).

    Raises:
        MachineError: torchao is not installed.
    """
    try:
        from torchao.optim import AdamW8bit
    except ImportError as missing:
        raise MachineError(
            "the recipe asks for adamw-8bit, and torchao is not installed",
            where="optimizer.kind",
            hint="pip install 'holocine[torchao]', or write `kind: adamw`",
        ) from missing
    return AdamW8bit


def _as_it_is(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """torchao compiles a step: on a processor that takes a compiler and minutes, for nothing."""
    if device.type != "cpu":
        return contextlib.nullcontext()
    stance: contextlib.AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return stance


def _plain(field: str, value: Any, name: str) -> dict[str, Tensor]:
    """What an optimizer remembers of a weight as tensors that files hold, by their keys.

    Eight bits go with a scale for every 256 numbers of a rank's share, which another number of
    ranks would part otherwise: each rank keeps its own.
    """
    share, held = "", value
    if isinstance(value, DTensor) and hasattr(value.to_local(), "codes"):
        held = value.to_local()
        share = f".{value.device_mesh.get_local_rank()}"
    if not hasattr(held, "codes"):
        return {f"{field}.{name}": value}
    parts = {"codes": held.codes, "scale": held.scale}
    return {f"{field}.{part}{share}.{name}": tensor for part, tensor in parts.items()}


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _is_hidden(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a matrix from activations to activations."""
    table = name.endswith("relative_attention_bias.weight")
    return parameter.ndim == 2 and name.startswith(BLOCKS) and "lora_" not in name and not table


def orthogonal(stack_MRC: Tensor, *, exact: bool = False) -> Tensor:
    """Every matrix of a stack with its singular values moved to about 1; ``exact``: in float32 on
    every device."""
    a, b, c = _NEWTON_SCHULZ
    tall = stack_MRC.shape[1] > stack_MRC.shape[2]
    x = stack_MRC.mT if tall else stack_MRC
    if not exact and multiplies_bfloat16(x.device):
        x = x.bfloat16()  # Its rounding is far smaller than what the rounds leave.
    x = x / x.float().norm(dim=(1, 2), keepdim=True).clamp_min(1e-7).to(x.dtype)
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    moved: Tensor = (x.mT if tall else x).to(stack_MRC.dtype)
    return moved


def learning_rate(step: int, steps: int, highest: float, schedule: Schedule) -> float:
    """The learning rate of step ``step``, counted from 0."""
    rise = min(1.0, (step + 1) / (schedule.warm_up + 1))
    falling = schedule.decay * steps
    fall = min(1.0, (steps - step) / falling) if falling else 1.0
    return highest * min(rise, fall)


class EMA:
    """The exponential moving average of the trained weights, in float32; without decay the weights
    themselves, and no memory."""

    def __init__(self, parameters: Mapping[str, Tensor], decay: float) -> None:
        self._parameters = dict(parameters)
        self._decay = decay
        own = {name: parameter.detach() for name, parameter in parameters.items()}
        self.weights = {n: p.clone().float() for n, p in own.items()} if decay else own

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after step ``step`` (counted from 1); the average is shorter at
        first, or it would remember the random start."""
        if not self._decay:
            return
        decay = min(self._decay, step / (step + 10))
        mine = list(self.weights.values())
        torch._foreach_lerp_(mine, list(self._parameters.values()), 1 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The average stands in the network, and the trained weights are back in the end, however
        the body ends."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average and the weights; a second call undoes it."""
        if not self._decay:
            return
        for name, parameter in self._parameters.items():
            held = parameter.detach().clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(held)
