"""Our Muon beside torch's, on the matrices of a model's blocks: one step of each in turn.

python -m benchmarks.muon [--model nano] [--rounds 20] [--float32]

Both move the same weights by the same gradients; printed are seconds a step, their ratio, and how
far the two weights are apart in the end, of how far they moved. ``--float32`` has ours multiply as
it does on processors that do not multiply bfloat16; with ONEDNN_MAX_CPU_ISA=AVX2 set torch imitates
bfloat16 there as it would.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed, tiny
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component
from holocine_core.train import optim
from holocine_core.train.optim import Optimization, _is_hidden
from holocine_core.train.recipe import Optimizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--float32", action="store_true")
    options = parsed(parser, model=tiny, rounds=1)
    if options.float32:
        optim.multiplies_bfloat16 = lambda device: False  # type: ignore[assignment]
    network = load_component(find_model(options.model).component("transformer"), torch.float32)
    named = {f"transformer.{name}": one for name, one in network.named_parameters()}
    hidden = {name: one.detach().clone() for name, one in named.items() if _is_hidden(name, one)}
    begun = [one.clone() for one in hidden.values()]
    ours = {name: one.clone().requires_grad_() for name, one in hidden.items()}
    theirs = [one.clone().requires_grad_() for one in hidden.values()]
    settings = Optimizer()
    mine = Optimization(ours, settings)
    torchs = torch.optim.Muon(
        theirs,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
        adjust_lr_fn="match_rms_adamw",
    )
    took: dict[str, list[float]] = {"ours": [], "torch": []}
    rng = torch.Generator().manual_seed(0)
    for _ in range(options.rounds):
        gradients = [1e-4 * torch.randn(one.shape, generator=rng) for one in theirs]
        for parameter, other, gradient in zip(ours.values(), theirs, gradients, strict=True):
            parameter.grad, other.grad = gradient.clone(), gradient.clone()
        started = time.perf_counter()
        mine.step(settings.lr)
        took["ours"].append(time.perf_counter() - started)
        started = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(theirs, settings.clip)
        torchs.step()
        took["torch"].append(time.perf_counter() - started)
    seconds = {name: statistics.median(times) for name, times in took.items()}
    apart = max(
        float((a - b).detach().norm() / (a - c).detach().norm())
        for a, b, c in zip(ours.values(), theirs, begun, strict=True)
    )
    print(f"*{machine()}; {options.model}, {len(theirs)} matrices, {options.rounds} rounds*\n")
    print("| | seconds a step | ratio |\n|---|---|---|")
    for name, each in seconds.items():
        print(f"| {name} | {each:.3f} | {each / seconds['ours']:.2f} |")
    print(f"\nweights apart: {100 * apart:.2f} % of what they moved at most")


if __name__ == "__main__":
    main()
