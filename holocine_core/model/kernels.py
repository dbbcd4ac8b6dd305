"""Ways in which a CPU that multiplies bfloat16 computes a small model, and the fastest one here.

==============  ==========================================================  ==================
kernel          attention of a shot                                         gelu
==============  ==========================================================  ==================
products        two products and a softmax, some rows at a time             by tanh, as defined
products-erf    the same                                                    by erf
fused           torch's scaled_dot_product_attention                        by tanh, as defined
fused-erf       torch's scaled_dot_product_attention                        by erf
==============  ==========================================================  ==================

All are as near to float32 as the first (``python -m benchmarks.kernels``). Which one is fastest
depends on the processor, so each machine measures once, and keeps what it found by processor and
torch. No torch here but in :func:`measure`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Literal, cast, get_args

from holocine_core.errors import InputError
from holocine_core.model.hardware import processor_name
from holocine_core.store.files import read_cache, write_json
from holocine_core.store.hashes import cache_folder

CpuKernel = Literal["products", "products-erf", "fused", "fused-erf"]
KERNELS: tuple[CpuKernel, ...] = get_args(CpuKernel)
VARIABLE = "HOLOCINE_CPU_ATTENTION"
NAME = "kernels.json"
_ROWS, _KEYS, _HEADS, _WIDTH = 1008, 1456, 4, 64
"""Of a shot of nine latent frames in a scene of four shots, as nano films it."""
_TOKENS, _INNER = 3472, 768
_ROUNDS = 5
_PAYS = 0.95
"""Share of the first kernel's time below which another one is taken."""


def kernel_here() -> CpuKernel:
    """The kernel to compute with: as :data:`VARIABLE` says, else what this machine measured, else
    the first.

    Raises:
        InputError: The variable names no kernel.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked:
        if asked not in KERNELS:
            raise InputError(
                f"{VARIABLE} names no kernel: {asked!r}",
                where=VARIABLE,
                hint=f"one of {', '.join(KERNELS)}; without it the fastest is measured",
            )
        return asked
    return measured() or KERNELS[0]


def is_asked() -> bool:
    """Whether the variable chooses."""
    return bool(os.environ.get(VARIABLE))


def is_open() -> bool:
    """Whether nobody has chosen a kernel and none was measured."""
    return not is_asked() and measured() is None


def measured() -> CpuKernel | None:
    """The fastest kernel here as it was measured; None where it was not."""
    with contextlib.suppress(RuntimeError):  # No home.
        found = read_cache(cache_folder() / NAME).get(_key())
        if isinstance(found, dict) and found.get("kernel") in KERNELS:
            return cast(CpuKernel, found["kernel"])
    return None


def settle() -> CpuKernel:
    """Measure which kernel is fastest, unless that is known; takes about a second with torch's
    import.

    Raises:
        InputError: :data:`VARIABLE` names no kernel.
    """
    if not is_open():
        return kernel_here()
    seconds = measure()
    attention = "fused" if seconds["fused"] < _PAYS * seconds["products"] else "products"
    erf = "-erf" if seconds["erf"] < _PAYS * seconds["tanh"] else ""
    chosen = cast(CpuKernel, attention + erf)
    # A cache that cannot be written costs a second next time.
    with contextlib.suppress(OSError, RuntimeError):
        path = cache_folder() / NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**read_cache(path), _key(): {"kernel": chosen, **seconds}})
    return chosen


def measure() -> dict[str, float]:
    """Seconds of either attention and either gelu, the best of a few rounds in turn."""
    import torch
    from torch.nn import functional as F

    from holocine_core.model.attention.cpu import products
    from holocine_core.script.timeline import TokenSpan

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(0)).bfloat16()

    q = drawn(1, _ROWS, _HEADS, _WIDTH)
    k = v = drawn(1, _KEYS, _HEADS, _WIDTH)
    inner = drawn(_TOKENS, _INNER)
    spans = [TokenSpan(0, _ROWS)], [[TokenSpan(0, _KEYS)]], [None]

    def fused() -> torch.Tensor:
        by_head = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        return F.scaled_dot_product_attention(*by_head).transpose(1, 2).contiguous()

    ways: dict[str, Callable[[], torch.Tensor]] = {
        "products": lambda: products(q, k, v, *spans),
        "fused": fused,
        "tanh": lambda: F.gelu(inner, approximate="tanh"),
        "erf": lambda: F.gelu(inner),
    }
    best = dict.fromkeys(ways, float("inf"))
    with torch.no_grad():
        for _ in range(_ROUNDS):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                best[name] = min(best[name], time.perf_counter() - started)
    return best


@cache
def _key() -> str:
    return f"{processor_name()}; torch {version('torch')}"
