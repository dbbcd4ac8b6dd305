"""What this machine is called and what its processor can do, as its system tells. No torch here."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
KEPT_BLOCK = 2**25
"""The largest block that the heap gives, in bytes; glibc takes no more. Larger ones are mapped."""
KEPT_FREE = 2**29
"""Freed bytes at the end of the heap that a process keeps for what it asks for next."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
MALLOC_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
"""Who sets one of these has an opinion."""


def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 faster than float32; False where nobody knows.

    Others imitate it, many times slower. AVX-512's bfloat16 without AMX is worth it on AMD's cores
    only: on Intel's a step of training takes longer with it than in float32 (benchmarks/step.py).
    """
    told = _first_core()
    flags = {*told.get("flags", "").split(), *told.get("Features", "").split()}
    if told.get("vendor_id") == "AuthenticAMD" and "avx512_bf16" in flags:
        return True
    return bool(flags & {"amx_bf16", "bf16"})


def keep_freed_memory() -> None:
    """Have this process use again what it freed, where glibc's malloc would give it back.

    A pass of nano makes and frees the same tensors over and over; mapped anew each time, they cost
    tens of thousands of page faults, a sixth of its time (benchmarks/kernels.py). Does
    nothing where another allocator runs or the environment sets glibc's own.
    """
    told = any(map(os.environ.get, MALLOC_VARIABLES))
    if told or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # The second alone would fix the first at 128 KiB.
        mallopt(_MMAP_THRESHOLD, KEPT_BLOCK)
        mallopt(_TRIM_THRESHOLD, KEPT_FREE)


def usable_cores() -> int:
    """Processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) else cores


def processor_name() -> str:
    """The processor's model, and how many of its cores this process uses."""
    return f"{processor_model()}, {usable_cores()} cores"


def processor_model() -> str:
    """The processor's model."""
    return _first_core().get("model name") or platform.processor() or platform.machine()


def _first_core() -> dict[str, str]:
    try:
        first = CPUINFO.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def process_peak() -> int | None:
    """Most memory this process has held, in bytes; None where the system does not count it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
