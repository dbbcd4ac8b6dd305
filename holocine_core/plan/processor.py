"""What films of a large model come to on a processor. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

from holocine_core.errors import Problem
from holocine_core.model.devices import visible_gpus
from holocine_core.plan.pace import flops_to_make, step_here
from holocine_core.plan.values import Plan
from holocine_core.units import memory, scaled

FAST = 1e-12
"""Seconds of a floating-point operation on a fast processor: two cores with matrix units take four
times as long (docs/measurements.md)."""
LONG = 3600.0
"""Seconds of denoising from which on a film is told to be one for a GPU."""


def processor_warning(plans: Sequence[Plan]) -> Problem | None:
    """How long films take that are planned for a processor, and how much memory; None where that is
    less than an hour, as of small models and small frames.

    Args:
        plans: Of all films of a call.
    """
    slow = [plan for plan in plans if plan.device == "cpu" and plan.to_shoot]
    flops, measured = sum(map(flops_to_make, slow)), step_here("cpu")
    seconds = flops * (measured or FAST)
    if seconds < LONG:
        return None
    hosts = [plan.placement.host for plan in slow]
    most = memory(max(host.held + host.mapped for host in hosts))
    models = ", ".join(dict.fromkeys(plan.model.spec.name for plan in slow))
    least = "about" if measured else "at least"
    pace = "by this machine's films so far" if measured else "on a fast one"
    found = "" if visible_gpus() else "no GPU was found: "
    return Problem(
        f"{found}on the processor {models} takes {least} {_long(seconds)} ({pace}; "
        f"{scaled(flops, 'FLOP')}) and {most} of main memory",
        "cpu",
        "use a machine with a GPU (`holocine plan --device cuda:80gb` plans for it from here), "
        "a shorter scene and --profile draft, or --model nano",
    )


def _long(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 72:
        return f"{hours:.0f} hours" if hours >= 1.5 else "an hour"
    return f"{hours / 24:.0f} days"
