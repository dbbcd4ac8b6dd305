"""What films of a large model come to on a processor. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

from holocine_core.errors import Problem
from holocine_core.model.devices import visible_gpus
from holocine_core.plan.pace import HERE, estimate, flops_to_make, step_here
from holocine_core.plan.values import Plan
from holocine_core.units import memory, scaled

FAST = 1e-12
"""Seconds of a floating-point operation on a fast processor: two cores with matrix units take four
times as long (docs/measurements.md)."""
LONG = 3600.0
"""Seconds from which on a film is told to be one for a GPU."""
SMALL = "nano"
"""The model that is made for processors."""


def processor_warning(plans: Sequence[Plan]) -> Problem | None:
    """How long films take that are planned for a processor, and how much memory; None where that is
    less than an hour, as of small models and small frames.

    Args:
        plans: Of all films of a call.
    """
    slow = [plan for plan in plans if plan.device == "cpu" and plan.to_shoot]
    flops = sum(map(flops_to_make, slow))
    takes, seconds, pace = _time(slow, flops)
    if seconds < LONG:
        return None
    hosts = [plan.placement.host for plan in slow]
    most = memory(max(host.held + host.mapped for host in hosts))
    models = ", ".join(dict.fromkeys(plan.model.spec.name for plan in slow))
    small = all(plan.model.spec.name == SMALL for plan in slow)
    found = "" if visible_gpus() else "no GPU was found: "
    return Problem(
        f"{found}on the processor {models} takes {takes} {_long(seconds)} ({pace}; "
        f"{scaled(flops, 'FLOP')}) and {most} of main memory",
        "cpu",
        "use a machine with a GPU (`holocine plan --device cuda:80gb` plans for it from here), "
        + ("or a shorter scene, a smaller frame and --profile draft" if small else OTHERWISE),
    )


OTHERWISE = f"a shorter scene and --profile draft, or --model {SMALL}"


def _time(plans: Sequence[Plan], flops: float) -> tuple[str, float, str]:
    """How exactly films' seconds are known, the seconds, and by what: what the plan tells, where it
    can; else the denoising alone, by the quickest film of any model here."""
    found = estimate(plans)
    if found is not None:
        where = "this machine's films of the kind" if found.source == HERE else found.source
        return "about", found.seconds, f"by {where}"
    measured = step_here("cpu")
    if measured is None:
        return "at least", flops * FAST, "on a fast one"
    return "at least", flops * measured, "denoising alone, by the quickest of this machine's films"


def _long(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 72:
        return f"{hours:.0f} hours" if hours >= 1.5 else "an hour"
    return f"{hours / 24:.0f} days"
