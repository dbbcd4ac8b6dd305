"""How long a film takes from the command to the finished file: `holocine render`, for drafts
`holocine preview` with its storyboard, a fresh process and an empty work folder every time, model
loading included.

    python -m benchmarks.film [--runs 3] [--model nano] [--against "{sampler: unipc, steps: 10}"]
    python -m benchmarks.film --runs 5 --checkout DIR

The film has one scene of four shots and eight seconds. With --against it is also rendered with
these changes to the standard profile, in turn with the profile as it is, and their ratio printed.
With --checkout film and preview are made in turn by this code and by another checkout of holocine,
both with the same sampler and steps.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.quick import parsed, tiny
from holocine_core.film.planning import plan_film
from holocine_core.request import Request

FILM = """
characters:
  ada: an old woman with a grey hair bun and round glasses, in a green coat
  kit: a white cat
global: The old library in the evening, clear weather.
frames: 121
cuts: [33, 61, 89]
shots:
  - {prompt: "{ada} stands quietly.", size: wide}
  - {prompt: "{ada} talks.", size: close-up}
  - {prompt: "{kit} walks along.", size: medium}
  - {prompt: "{ada} waves.", size: medium}
"""
BUDGET = 20.0
"""Seconds that the default profile may take on two cores."""
PREVIEW = 15.0
"""Seconds that the first storyboard may take there."""


ALIKE = {
    "standard": "{sampler: unipc, steps: 10, shift: 8}",
    "draft": "{sampler: unipc, steps: 5, shift: 8, guidance_stop: 0.4}",
}
"""What every checkout is asked for, whatever its profiles are."""


def seconds_of(
    folder: Path, profile: str, model: str, changes: str = "", checkout: Path | None = None
) -> float:
    """Seconds of one render in an empty folder; of a preview with its storyboard for a draft."""
    screenplay = folder / "film.yaml"
    screenplay.write_text(FILM + (f"profiles: {{{profile}: {changes}}}\n" if changes else ""))
    words = ["preview"] if profile == "draft" else ["render", "--profile", profile]
    words += [screenplay.name, "--model", model, "--device", "cpu"]
    command = [sys.executable, "-m", "holocine_cli", *words]
    home = {} if checkout is None else {"PYTHONPATH": str(checkout)}
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env={**os.environ, **home})
    return time.perf_counter() - started


def print_ratio(model: str, against: str, runs: int) -> None:
    """Standard as it is and with changes, in turn."""
    seconds: dict[str, list[float]] = {"": [], against: []}
    for _ in range(runs):
        for changes, each in seconds.items():
            with tempfile.TemporaryDirectory() as name:
                each.append(seconds_of(Path(name), "standard", model, changes))
    now, then = (statistics.median(each) for each in seconds.values())
    print(f"*{machine()}; {model}, 4 shots, 121 frames, standard, {runs} runs each in turn*\n")
    print("| | median s | worst s |")
    print("|---|---|---|")
    print(f"| as the card says | {now:.1f} | {max(seconds['']):.1f} |")
    print(f"| {against} | {then:.1f} | {max(seconds[against]):.1f} |")
    print(f"\nRatio of the medians: {now / then:.2f}")


def print_checkouts(model: str, checkout: Path, runs: int) -> None:
    """This code and another checkout's, in turn."""
    print(f"*{machine()}; {model}, 4 shots, 121 frames, {runs} runs each in turn*\n")
    print("| | this code: median s | worst s | the other: median s | worst s | ratio |")
    print("|---|---|---|---|---|---|")
    for profile, changes in ALIKE.items():
        turns: dict[Path | None, list[float]] = {None: [], checkout: []}
        for _ in range(runs):
            for code, each in turns.items():
                with tempfile.TemporaryDirectory() as name:
                    each.append(seconds_of(Path(name), profile, model, changes, code))
        here, there = ((statistics.median(each), max(each)) for each in turns.values())
        print(
            f"| {profile}, {changes} | {here[0]:.1f} | {here[1]:.1f} | {there[0]:.1f} | "
            f"{there[1]:.1f} | {here[0] / there[0]:.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--against", metavar="CHANGES", help="to the standard profile, as YAML")
    parser.add_argument("--checkout", type=Path, metavar="DIR", help="of another commit")
    parser.add_argument("--profiles", nargs="+", default=["draft", "standard", "final"])
    args = parsed(parser, runs=1, model=tiny, profiles=["draft"])
    if args.checkout:
        print_checkouts(args.model, args.checkout.resolve(), args.runs)
        return
    if args.against:
        print_ratio(args.model, args.against, args.runs)
        return
    print(f"*{machine()}; {args.model}, 4 shots, 121 frames, {args.runs} runs each; ", end="")
    print(f"budget {PREVIEW:g} s for `draft`, {BUDGET:g} s for `standard`*\n")
    print("| profile | size | steps | median s | worst s |")
    print("|---|---|---|---|---|")
    for profile in args.profiles:
        seconds = []
        for _ in range(args.runs):
            with tempfile.TemporaryDirectory() as name:
                seconds.append(seconds_of(Path(name), profile, args.model))
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "film.yaml"
            path.write_text(FILM)
            options = Request(profile=profile, model=args.model, device="cpu")
            sampling = plan_film(path, options).takes[0].sampling
        size = f"{sampling.width}x{sampling.height}"
        median = statistics.median(seconds)
        row = f"| {profile} | {size} | {sampling.steps} | {median:.1f} | {max(seconds):.1f} |"
        print(row, flush=True)


if __name__ == "__main__":
    main()
