"""Train the judge on drawn scenes: ``holocine lab judge --out DIR``.

Shots are drawn during the first part of the time and learned from during the rest. What it can read
is then measured on scenes of its own, and goes into its model card.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.lab.judge.data import Shots, blemish, drawn, join
from holocine_core.lab.judge.network import Network, in_half, save_judge, weights_of
from holocine_core.lab.stage.facts import FIELDS, HIDDEN
from holocine_core.lab.stage.sample import CHECK_SEEDS, JUDGE_SEEDS
from holocine_core.lab.stage.world import EVERYTHING, Repertoire
from holocine_core.model.attention.cpu import multiplies_bfloat16
from holocine_core.train.optim import orthogonal

Tell = Callable[[str], None]
Done = Callable[[int], float]
"""How much of the training is done before a step, 0..1."""
SEEDS_APART = 100_000
"""Scenes from one seed's first to the next one's."""
LEAST = 0.8
"""A field that is read worse than this in a picture size is not judged there."""
FEWEST = 50
"""Shots that an accuracy is measured on at the least."""
_RATE, _DECAY, _MOMENTUM = 3e-3, 0.05, 0.95
_HIDDEN = ("trunk.", "reader.")
"""Parameters whose matrices Muon moves; AdamW has the others."""
_AT_ONCE = 32
_EMA = 0.998


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a judge is trained."""

    minutes: float
    """For drawing and training; the check's shots are drawn before."""
    drawing: float = 0.25
    """Part of the time in which shots are drawn."""
    most_shots: int = 60_000
    """Drawing stops at so many: each takes 184 kB of memory."""
    check_shots: int = 1500
    """Shots its accuracy is measured on."""
    codec: Path | None = None
    through: float = 0.3
    """Part of the scenes that come through the codec, where there is one."""
    device: str = "cpu"
    workers: int | None = None
    batch: int = 32
    seed: int = 0
    start: Path | None = None
    """Folder of a judge to go on from."""
    within: Repertoire = EVERYTHING
    """What it learns to read: nothing else is asked of it."""


def train(settings: Settings, tell: Tell) -> tuple[Network, dict[str, float]]:
    """A trained network and its accuracy per ``size/field``, in eval mode on the CPU.

    Raises:
        InputError: There is no judge to start from, or no codec to look through.
    """
    start = weights_of(settings.start) if settings.start is not None else None
    tell("drawing")
    check = gather(settings, CHECK_SEEDS, settings.check_shots, math.inf)
    seconds = 60 * settings.minutes
    until = time.monotonic() + seconds * settings.drawing
    first = JUDGE_SEEDS + settings.seed * SEEDS_APART
    shots = gather(settings, first, settings.most_shots, until)
    tell(f"{len(shots)} shots to learn from, {len(check)} to check with")
    network = fit(shots, settings, by_clock(seconds * (1 - settings.drawing)), tell, start)
    # As it will be read from its file.
    network.load_state_dict({n: t.float() for n, t in in_half(network).items()})
    accuracy = measure(network, check, settings.device)
    return network.cpu(), accuracy


def gather(settings: Settings, first: int, most: int, until: float) -> Shots:
    """Drawn shots: ``most``, or as many as there are in time, at least one batch."""
    parts: list[Shots] = []
    with closing(
        drawn(first, settings.codec, settings.through, settings.workers, settings.within)
    ) as source:
        for part in source:
            parts.append(part)
            count = sum(map(len, parts))
            if count >= most or (time.monotonic() > until and count >= settings.batch):
                return join(parts)
    raise AssertionError("drawing has no end")


def by_clock(seconds: float) -> Done:
    """Done after so many seconds."""
    began = time.monotonic()
    return lambda step: (time.monotonic() - began) / seconds


def fit(
    shots: Shots,
    settings: Settings,
    done: Done,
    tell: Tell,
    start: Mapping[str, Tensor] | None = None,
) -> Network:
    """Train a network until it is done; the mean of its later weights is what is kept."""
    torch.manual_seed(settings.seed)
    network = Network()
    if start is not None:
        network.load_state_dict(start)
    network.to(settings.device)
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    kept = {name: value.detach().clone() for name, value in network.state_dict().items()}
    hidden = {n: p for n, p in network.named_parameters() if p.ndim > 1 and n.startswith(_HIDDEN)}
    rest = [(n, p) for n, p in network.named_parameters() if n not in hidden]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for _, p in rest if p.ndim > 1], "weight_decay": _DECAY},
            {"params": [p for _, p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=_RATE,
    )
    momentum = {name: torch.zeros_like(p) for name, p in hidden.items()}
    generator = torch.Generator().manual_seed(settings.seed)
    device = torch.device(settings.device)
    bf16 = multiplies_bfloat16(device)
    told = time.monotonic()
    step = 0
    while (part := done(step)) < 1 or not step:
        rate = _RATE * min(1, (step + 1) / 20) * (0.02 + 0.98 * max(0.0, 1 - part) ** 1.5)
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = torch.randint(len(shots), (settings.batch,), generator=generator)
        frames = shots.frames[chosen].permute(0, 1, 4, 2, 3).float() / 255
        pixels = blemish(frames, generator).to(settings.device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits = network(pixels)
        loss = loss_of(logits, shots.labels[chosen].to(settings.device))
        network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        for name, p in hidden.items():
            _move(p, momentum[name], rate)
        step += 1
        _blend(kept, network, min(_EMA, step / (step + 10)))
        if time.monotonic() - told > 20:
            told = time.monotonic()
            tell(f"step {step}, {part:.0%} of the time, loss {loss.item():.3f}")
    network.load_state_dict(kept)
    network.eval()
    return network


@torch.no_grad()
def _move(matrix: Tensor, momentum: Tensor, rate: float) -> None:
    """A step of Muon, as models of films take it; convolutions are matrices of their outputs."""
    assert matrix.grad is not None
    momentum.lerp_(matrix.grad, 1 - _MOMENTUM)
    ahead = matrix.grad.lerp(momentum, _MOMENTUM).flatten(1)
    update = orthogonal(ahead[None])[0].view_as(matrix)
    matrix.mul_(1 - rate * _DECAY)
    matrix.add_(update, alpha=-rate * 0.2 * math.sqrt(max(ahead.shape)))


@torch.no_grad()
def _blend(kept: dict[str, Tensor], network: Network, keep: float) -> None:
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            kept[name].lerp_(value, 1 - keep)
        else:
            kept[name].copy_(value)


def loss_of(logits: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Mean over fields of the cross-entropy where they are in view."""
    losses = []
    for column, name in enumerate(FIELDS):
        wanted = labels[:, column]
        seen = wanted != HIDDEN
        if seen.any():
            losses.append(F.cross_entropy(logits[name].float()[seen], wanted[seen]))
    return torch.stack(losses).mean()


@torch.inference_mode()
def measure(network: Network, shots: Shots, device: str = "cpu") -> dict[str, float]:
    """Share of right answers per ``size/field`` and, over all sizes, per ``field``; left out where
    too few shots could tell."""
    right: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(shots), _AT_ONCE):
        stop = min(len(shots), start + _AT_ONCE)
        frames = shots.frames[start:stop].permute(0, 1, 4, 2, 3).float() / 255
        logits = network(frames.to(device))
        for column, name in enumerate(FIELDS):
            answers = logits[name].argmax(1).cpu()
            for i, answer in enumerate(answers, start):
                label = int(shots.labels[i, column])
                if label != HIDDEN:
                    right[name].append(int(answer) == label)
                    right[f"{shots.sizes[i]}/{name}"].append(int(answer) == label)
    return {
        name: round(sum(hits) / len(hits), 4)
        for name, hits in sorted(right.items())
        if len(hits) >= FEWEST
    }


def card(accuracy: Mapping[str, float], settings: Settings, shots: int) -> str:
    """The judge's model card."""
    sizes = sorted({name.split("/")[0] for name in accuracy if "/" in name})
    head = ["field", "all", *sizes]
    rows = [
        [
            name,
            _percent(accuracy.get(name)),
            *(_percent(accuracy.get(f"{s}/{name}")) for s in sizes),
        ]
        for name in FIELDS
    ]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    through = f", {settings.through:.0%} of them through the codec" if settings.codec else ""
    return (
        "# The judge of the drawn world\n\n"
        "Reads what a shot of holocine's drawn world shows from four of its frames. Trained on\n"
        "drawn scenes only (no generated film), whose truth is known; Apache-2.0.\n\n"
        f"{_world(settings.within)}\n\n"
        f"Share of right answers in percent on {shots} drawn shots of scenes it was not trained\n"
        f"on{through}, "
        "by picture size, where the field is in view.\n"
        f"Evaluation asks it for nothing it reads worse than {LEAST:.0%}.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _world(within: Repertoire) -> str:
    if within == EVERYTHING:
        return "It knows all of the drawn world."
    told = (f"- {field.name}: {', '.join(getattr(within, field.name))}" for field in fields(within))
    return "It knows this part of the drawn world:\n\n" + "\n".join(told)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def make_judge(out: Path, settings: Settings, tell: Callable[[str], None]) -> None:
    """Train, measure and write a judge with its card.

    Args:
        out: Folder to write to.
        settings: What it learns from, and how long.
        tell: Told how it goes, a line at a time.
    """
    network, accuracy = train(settings, tell)
    known = {"least": LEAST, "accuracy": accuracy, "within": asdict(settings.within)}
    save_judge(out, network, known)
    text = card(accuracy, settings, settings.check_shots)
    (out / "README.md").write_text(text, encoding="utf-8")
    tell(json.dumps({name: accuracy[name] for name in FIELDS if name in accuracy}, indent=1))
