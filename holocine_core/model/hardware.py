"""What this machine is called and what its processor can do, as its system tells. No torch here."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


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


def usable_cores() -> int:
    """Processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) else cores


def processor_name() -> str:
    """The processor's model, and how many of its cores this process uses."""
    name = _first_core().get("model name") or platform.processor() or platform.machine()
    return f"{name}, {usable_cores()} cores"


def _first_core() -> dict[str, str]:
    try:
        first = CPUINFO.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
