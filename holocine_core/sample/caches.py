"""Passes that reuse what earlier steps computed, through diffusers' cache hooks.

Each expert, and each of the two guided branches, remembers for itself. What they remember belongs
to a stopped take's progress, so that it goes on with the same bits. Sources: First Block Cache
(github.com/chengzeyi/ParaAttention), MagCache (arXiv 2506.09045), TaylorSeer (arXiv 2503.06923), as
diffusers has them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from holocine_core.errors import RenderError
from holocine_core.sample.solvers import Solver
from holocine_core.sampling import Cache

_NOTE = "cache.note"
_TENSOR = "cache.{}"
_ATTENTION = r"blocks\.\d+\.attn[12]"
"""What TaylorSeer predicts; its own patterns match nothing in a Wan transformer."""
_WARMUP = 3
"""Steps that TaylorSeer computes before it predicts."""
_TRANSIENT = frozenset({"head_block_output", "head_block_input"})
"""What a hook only remembers within a pass."""


class Caches:
    """What the experts remember while one take is denoised.

    Args:
        settings: None, or of threshold 0: every pass is computed.
        steps: By expert, its steps in the take.
    """

    def __init__(self, settings: Cache | None, steps: Mapping[str, int]) -> None:
        self._settings = settings if settings is not None and settings.is_on else None
        self._steps = steps
        self._networks: dict[str, Any] = {}
        self._waiting: dict[str, Any] = {}

    def __enter__(self) -> Caches:
        return self

    def __exit__(self, *raised: object) -> None:
        """Networks compute every pass again."""
        for network in self._networks.values():
            network._reset_stateful_cache()
            network.disable_cache()
        self._networks.clear()

    @contextlib.contextmanager
    def branch(self, expert: str, network: Any, name: str) -> Iterator[None]:
        """While this is open, the network's pass is of a branch, ``cond`` or ``uncond``."""
        if self._settings is None:
            yield
            return
        if expert not in self._networks:
            network.enable_cache(_config(self._settings, expert, self._steps[expert]))
            self._networks[expert] = network
            _recall(network, self._waiting.pop(expert, {}))
        with network.cache_context(name):
            yield

    def state(self) -> dict[str, Tensor]:
        """What all experts remember."""
        if self._settings is None:
            return {}
        tensors: list[Tensor] = []
        told = {
            expert: _told(_remembered(network), tensors)
            for expert, network in self._networks.items()
        }
        told |= {expert: _told(held, tensors) for expert, held in self._waiting.items()}
        note = torch.frombuffer(bytearray(json.dumps(told).encode()), dtype=torch.uint8)
        return {_NOTE: note, **{_TENSOR.format(i): one for i, one in enumerate(tensors)}}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Remember what was remembered when a take stopped; experts that are not loaded yet do
        when they are."""
        if self._settings is None or _NOTE not in state:
            return
        told = json.loads(bytes(state[_NOTE].cpu().numpy()))
        self._waiting = {
            expert: _untold(one, lambda i: state[_TENSOR.format(i)]) for expert, one in told.items()
        }


class Remembering:
    """A solver whose memory holds that of the caches too."""

    def __init__(self, solver: Solver, caches: Caches) -> None:
        self._solver = solver
        self._caches = caches

    def step(self, i: int, x: Tensor, velocity: Tensor) -> Tensor:
        return self._solver.step(i, x, velocity)

    def state(self) -> dict[str, Tensor]:
        return {**self._solver.state(), **self._caches.state()}

    def restore(self, step: int, state: Mapping[str, Tensor]) -> None:
        own = {name: value for name, value in state.items() if not name.startswith("cache.")}
        self._solver.restore(step, own)
        self._caches.restore(state)


def _config(settings: Cache, expert: str, steps: int) -> Any:
    """diffusers' settings of a cache."""
    from diffusers import FirstBlockCacheConfig
    from diffusers.hooks import MagCacheConfig, TaylorSeerCacheConfig

    if settings.kind == "first-block":
        return FirstBlockCacheConfig(threshold=settings.threshold)
    if settings.kind == "mag":
        ratios = settings.ratios if expert == "transformer" else settings.ratios_2
        if ratios is None:
            raise RenderError(
                f"the cache has no ratios for {expert}",
                hint="give `ratios_2` for the low-noise expert, or another kind of cache",
            )
        return MagCacheConfig(
            threshold=settings.threshold, mag_ratios=list(ratios), num_inference_steps=steps
        )
    return TaylorSeerCacheConfig(
        cache_interval=settings.interval,
        disable_cache_before_step=_WARMUP,
        taylor_factors_dtype=torch.float32,
        cache_identifiers=[_ATTENTION],
    )


def _managers(network: nn.Module) -> Iterator[tuple[str, Any]]:
    """Where a network's hooks keep their states, each once, with a name that stays the same."""
    from diffusers.hooks.hooks import StateManager

    seen: set[int] = set()
    for name, module in network.named_modules():
        registry = getattr(module, "_diffusers_hook", None)
        for hook_name, hook in ({} if registry is None else registry.hooks).items():
            for field, value in vars(hook).items():
                if isinstance(value, StateManager) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{name}/{hook_name}/{field}", value


def _remembered(network: nn.Module) -> dict[str, dict[str, dict[str, Any]]]:
    """By manager and branch, what its state holds."""
    return {
        name: {
            branch: {key: value for key, value in vars(state).items() if key not in _TRANSIENT}
            for branch, state in manager._state_cache.items()
        }
        for name, manager in _managers(network)
    }


def _recall(network: nn.Module, held: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Have a network's hooks remember what :func:`_remembered` told."""
    managers = dict(_managers(network))
    for name, branches in held.items():
        manager = managers[name]
        for branch, values in branches.items():
            state = manager._state_cls(*manager._init_args, **manager._init_kwargs)
            vars(state).update(values)
            manager._state_cache[branch] = state


def _told(value: Any, tensors: list[Tensor]) -> Any:
    """A value as JSON; its tensors go to the list."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Tensor():
            tensors.append(value)
            return {"tensor": len(tensors) - 1}
        case torch.dtype():
            return {"dtype": str(value).removeprefix("torch.")}
        case torch.device():
            return {"device": str(value)}
        case tuple() | list():
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [_told(one, tensors) for one in value]}
        case dict():
            return {"dict": [[_told(k, tensors), _told(v, tensors)] for k, v in value.items()]}
    raise RenderError(f"a cache remembers a {type(value).__name__}, which can not be kept")


def _untold(told: Any, tensor: Any) -> Any:
    """The inverse of :func:`_told`."""
    if not isinstance(told, dict):
        return told
    ((kind, held),) = told.items()
    match kind:
        case "tensor":
            return tensor(held)
        case "dtype":
            return getattr(torch, held)
        case "device":
            return torch.device(held)
        case "tuple":
            return tuple(_untold(one, tensor) for one in held)
        case "list":
            return [_untold(one, tensor) for one in held]
    return {_untold(key, tensor): _untold(value, tensor) for key, value in held}
