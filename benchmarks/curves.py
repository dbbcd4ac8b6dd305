"""A picture of how a model learned: loss and held-out loss over the steps of one or more runs.

    python -m benchmarks.curves runs/a runs/b --out curve.svg

Runs are drawn one after the other. The line is the mean training loss of 40 steps; dots are the
held-out loss, hollow where every scene was told another's text: the gap between the two is what the
text does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import places
from benchmarks.quick import parsed, scratch
from holocine_core.store.files import replacing

_WIDTH, _HEIGHT, _LEFT, _BELOW = 720, 300, 48, 36
_TOGETHER = 40

Point = tuple[float, float]


def read(runs: Sequence[Path]) -> tuple[list[Point], list[Point], list[Point], list[float]]:
    """Loss, held-out loss, the same by another's text (step, value), and where runs begin."""
    loss: list[Point] = []
    held: list[Point] = []
    swapped: list[Point] = []
    begins: list[float] = []
    done = 0
    for run in runs:
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        begins.append(done)
        # A run that was killed tells some steps a second time: the later telling counts.
        losses = {line["step"]: line["loss"] for line in lines if "loss" in line}
        steps = sorted(losses)
        for start in range(0, len(steps), _TOGETHER):
            part = steps[start : start + _TOGETHER]
            loss.append((done + part[-1], sum(losses[step] for step in part) / len(part)))
        for line in lines:
            if "held_out" in line:
                held.append((done + line["step"], line["held_out"]))
            if "held_out/swapped_text" in line:
                swapped.append((done + line["step"], line["held_out/swapped_text"]))
        done += steps[-1]
    return loss, held, swapped, begins


def trained() -> list[Path]:
    """Two steps of a small model's training."""
    from holocine_core.train.run import train

    made = places.recipe(scratch(), places.QUICK, places=False)
    train(made, device="cpu")
    return [Path(made.out)]


def svg(runs: Sequence[Path]) -> str:
    """The picture."""
    loss, held, swapped, begins = read(runs)
    points = [*loss, *held, *swapped]
    right = max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)

    def at(point: Point) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - 8) * point[0] / right
        return across, (_HEIGHT - _BELOW) * (high - point[1]) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for i in range(6):
        value = low + (high - low) * i / 5
        y = at((0, value))[1]
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 8}" stroke="#ddd"/>')
        parts.append(f'<text x="4" y="{y + 4:.1f}">{value:.2f}</text>')
    for begin in begins[1:]:
        x = at((begin, low))[0]
        parts.append(f'<path d="M{x:.1f} 0V{_HEIGHT - _BELOW}" stroke="#bbb"/>')
    for i in range(5):
        step = right * i / 4
        x = at((step, low))[0]
        anchor = "middle" if i < 4 else "end"
        parts.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - 18}" text-anchor="{anchor}">{step:.0f}</text>'
        )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, loss))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#2a6f97" stroke-width="1.5"/>')
    for each, fill in ((held, "#c1121f"), (swapped, "#fff")):
        for x, y in map(at, each):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="#c1121f"/>'
            )
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 3}">steps; line: training loss; dots: held out; '
        "hollow: held out, by another&#8217;s text</text></svg>"
    )
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parsed(parser, runs=trained, out=lambda: scratch("curve.svg"))
    with replacing(args.out) as partial:
        partial.write_text(svg(args.runs), encoding="utf-8")


if __name__ == "__main__":
    main()
