"""Few steps and caches on nano: what they save, and what they change.

    python -m benchmarks.losses --suite stage:1800000000:12 [--sampler sde] [--steps 10 20 30]
        [--work DIR]

Every scene in every number of steps, without a cache and with each. Likeness to the film of as many
steps without a cache: PSNR in dB and SSIM (Wang et al. 2004) of the frames' luma. The other columns
are those of benchmarks.sampler. Time is the processor's, so that other work changes it little. The
ratios that `mag` goes by are measured on the suite's first scene, as diffusers measures them.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from benchmarks.sampler import Column, film_ways, latents_of, told
from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.table import METRICS, shown_value
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.suite import Case, parse_suite
from holocine_core.lab.suites.suite_films import plan_case
from holocine_core.model.locate import find_model
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample import caches

SHIFT = 5
CACHES: Mapping[str, Mapping[str, Any]] = {
    "first-block 0.1": {"kind": "first-block", "threshold": 0.1},
    "first-block 0.3": {"kind": "first-block", "threshold": 0.3},
    "mag 0.1": {"kind": "mag", "threshold": 0.1},
    "taylor 2": {"kind": "taylor", "interval": 2},
}
SHOWN = ("flicker", "motion", "said", "said-look", "movement", "identity-unsaid", "cut-step")
LUMA = torch.tensor([0.299, 0.587, 0.114])
WINDOW = 8
"""Pixels of a side of SSIM's window."""


def luma(frames: Frames) -> torch.Tensor:
    """Frames [T, H, W, 3] of 0 to 255 as [T, 1, H, W] of 0 to 1."""
    return (torch.from_numpy(np.ascontiguousarray(frames)).float() @ LUMA)[:, None] / 255


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    """Decibels; infinite where nothing differs."""
    error = (one - other).square().mean()
    return float(-10 * error.log10())


def ssim(one: torch.Tensor, other: torch.Tensor) -> float:
    """Structural similarity, 1 where nothing differs."""
    small, large = 0.01**2, 0.03**2

    def mean(x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x, WINDOW, stride=WINDOW // 2)

    a, b = mean(one), mean(other)
    spread_a, spread_b = mean(one * one) - a * a, mean(other * other) - b * b
    both = mean(one * other) - a * b
    shown = (2 * a * b + small) * (2 * both + large)
    return float((shown / ((a * a + b * b + small) * (spread_a + spread_b + large))).mean())


def ratios_of(plan: Plan, way: Mapping[str, Any]) -> list[float]:
    """By step, how large what the blocks add is beside the step before."""
    from diffusers.hooks import MagCacheConfig

    def calibrating(settings: Any, expert: str, steps: int) -> Any:
        return MagCacheConfig(calibrate=True, num_inference_steps=steps)

    watched = {**way, "cache": {"kind": "mag", "threshold": 10.0, "ratios": [1.0]}}
    printed = io.StringIO()
    scratch_plan = replace(plan, work=scratch())
    with patch.object(caches, "_config", calibrating), contextlib.redirect_stdout(printed):
        latents_of(scratch_plan, watched)
    lines = [line for line in printed.getvalue().splitlines() if line.startswith("[1.0")]
    found: list[float] = ast.literal_eval(lines[0])  # Of what is told; guidance's other side next.
    return [round(ratio, 4) for ratio in found]


@dataclass(frozen=True, slots=True)
class Way:
    """A number of steps and a cache.

    Attributes:
        name: Of the cache.
        changes: To the profile.
    """

    name: str
    changes: Mapping[str, Any]


def ways_of(plan: Plan, sampler: str, steps: Sequence[int], names: Sequence[str]) -> list[Way]:
    found = []
    for count in steps:
        base = {"sampler": sampler, "steps": count, "shift": SHIFT}
        found.append(Way("none", base))
        for name in names:
            cache = dict(CACHES[name])
            if cache["kind"] == "mag":
                cache["ratios"] = ratios_of(plan, base)
            found.append(Way(name, {**base, "cache": cache}))
    return found


def table(ways: Sequence[Way], columns: Sequence[Column]) -> str:
    rows = [
        f"| steps | cache | time | PSNR | SSIM | {' | '.join(SHOWN)} |",
        "|---|---|---|---|---|" + "---|" * len(SHOWN),
    ]
    whole = columns[0]
    for way, column in zip(ways, columns, strict=True):
        if way.name == "none":
            whole = column
        alike = [
            (psnr(a, b), ssim(a, b))
            for a, b in (
                (luma(one), luma(other))
                for one, other in zip(column.films, whole.films, strict=True)
            )
        ]
        found = column.measures()
        cells = [
            shown_value(METRICS[name], found[name]) if name in found else "-" for name in SHOWN
        ]
        decibels, structure = (float(np.mean(each)) for each in zip(*alike, strict=True))
        likeness = "- | -" if column is whole else f"{decibels:.1f} | {structure:.3f}"
        spent = f"{column.seconds / whole.seconds:.2f}" if whole.seconds else "-"
        rows.append(
            f"| {way.changes['steps']} | {way.name} | {spent} | {likeness} | {' | '.join(cells)} |"
        )
    return "\n".join(rows)


def fill(plans: Sequence[tuple[Case, Plan]], ways: Sequence[Way]) -> None:
    """Make the latents alone, way by way."""
    for way in ways:
        for _, plan in plans:
            latents_of(plan, way.changes)
        print(f"{told(way.changes)}: {len(plans)} scenes", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="stage:1800000000:12")
    parser.add_argument("--sampler", default="sde")
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 20, 30])
    parser.add_argument("--caches", nargs="*", default=list(CACHES), choices=list(CACHES))
    parser.add_argument("--model", default="nano")
    parser.add_argument("--work", type=Path, default=Path(".holocine/losses"))
    parser.add_argument("--fill", help="i/n: only make every n-th scene's latents, from the i-th")
    args = parsed(
        parser, suite="stage:1800000000:1", steps=[4], model=tiny, work=scratch, caches=list(CACHES)
    )
    suite = parse_suite(args.suite, world_of(find_model(args.model)))
    cases = [case for case in suite.cases if case.words == "trained"]
    plans = [(case, plan_case(case, args.work, Request(model=args.model))) for case in cases]
    ways = ways_of(plans[0][1], args.sampler, args.steps, args.caches)
    if args.fill:
        first, of = map(int, args.fill.split("/"))
        fill(plans[first::of], ways)
        return
    columns, _, _ = film_ways(plans, [way.changes for way in ways], frames=True)
    print(f"*{machine()}; {suite.name}, {len(cases)} scenes, {args.model}, {args.sampler}*\n")
    print(table(ways, columns))


if __name__ == "__main__":
    main()
