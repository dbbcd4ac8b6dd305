"""Memory as `holocine plan` estimates it, beside what the real networks take: placement by phase.

    python -m benchmarks.memory_estimates [--frames 81] [--layers 40]
    python -m benchmarks.memory_estimates --gpu
    python -m benchmarks.memory_estimates --training

HoloCine-14B at 832x480 in the release's own dimensions, without a GPU and without weights: its
networks pass through the code that places them, on torch's `meta` device, whose tensors have sizes
and no numbers; every storage is counted, weights included (tests/model/device_bytes.py). With
`--gpu` a small random model runs on the first GPU, by torch.cuda.max_memory_allocated. `--training`
compares a pass forward and back with what the dry run estimates: small networks on the CPU in runs,
two layers of the 14B as a GPU would hold them (tests/train/kept_bytes.py).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.cost import Geometry, activation_bytes
from holocine_core.model.decode_cost import vae_decode_bytes
from holocine_core.model.host_memory import PROCESS_BYTES, homes_of, host_need
from holocine_core.model.locate import find_model
from holocine_core.model.memory import EXPERTS, Needs, Phase, Strategy, device_phases
from holocine_core.model.placement import ON_GPU
from holocine_core.model.release import CONFIGS
from holocine_core.model.spec import MODELS, ModelSpec, NetworkShape
from holocine_core.model.tiny import write_tiny
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.activations import Training
from holocine_core.units import memory
from tests.model.device_bytes import Pass, measured
from tests.train.kept_bytes import count_pass

BIG = MODELS["holocine-14b-sparse"]
WIDTH, HEIGHT = 832, 480
SHOTS = 3
SMALL = NetworkShape(layers=8, width=1024, heads=8, ffn=4096, text_width=512)
"""Of the GPU's model: 250 MB an expert."""
TRAINED = NetworkShape(layers=4, width=128, heads=4, ffn=512, text_width=64)
Beside = Mapping[Phase, tuple[int, int]]
"""Bytes as estimated and as measured."""


def hollow_model(folder: Path, layers: int) -> LocatedModel:
    """HoloCine-14B by its configs alone, with some of its layers."""
    parts, shape = {}, replace(BIG.shape, layers=layers)
    for name in ("text_encoder", *EXPERTS, "vae"):
        config = json.loads((CONFIGS / name.removesuffix("_2") / "config.json").read_text())
        if name in EXPERTS:
            config["num_layers"] = layers
        home = folder / name / "config.json"
        home.parent.mkdir(parents=True)
        home.write_text(json.dumps(config))
        parts[name] = ComponentFiles(name=name, form="diffusers", paths=(), config=home)
    layer = 2 * (8 * shape.width**2 + 2 * shape.width * shape.ffn)
    whole = BIG.weight_bytes["transformer"] - (BIG.shape.layers - layers) * layer
    spec = replace(BIG, shape=shape, weight_bytes={**BIG.weight_bytes, "transformer": whole})
    return LocatedModel(spec=spec, folder=folder, components=parts)


def clip(frames: int, rows: int, columns: int) -> Geometry:
    """Evenly long shots."""
    latent = (frames - 1) // 4 + 1
    stops = [round(latent * (i + 1) / SHOTS) for i in range(SHOTS)]
    spans = tuple(LatentSpan(a, b) for a, b in zip((0, *stops), stops, strict=False))
    return Geometry(rows=rows, columns=columns, shots=spans)


def without_numbers(located: LocatedModel, frames: int) -> Iterator[tuple[Strategy, Beside, int]]:
    """By placement: each phase's bytes on the device, and what main memory holds as measured."""
    spec, latents = located.spec, clip(frames, HEIGHT // 8, WIDTH // 8)
    needs = Needs(
        denoise_bytes=activation_bytes(spec, latents),
        decode_bytes=vae_decode_bytes(WIDTH, HEIGHT, spec.vae),
    )
    for strategy in ON_GPU:
        told = device_phases(spec, needs, "bfloat16", strategy, streams=False)
        found = measured(Pass(located, strategy, latents))
        own = max(main for _, main in found.values())
        yield strategy, {name: (told[name], one) for name, (one, _) in found.items()}, own


def on_a_gpu(strategy: Strategy, folder: Path) -> Beside:
    """A small random model's phases on the first GPU."""
    if not (folder / "model").exists():
        write_tiny(folder / "model", shape=SMALL)
    located = find_model(str(folder / "model"))
    spec, latents = located.spec, clip(33, 32, 48)
    needs = Needs(
        denoise_bytes=activation_bytes(spec, latents),
        decode_bytes=vae_decode_bytes(48 * 8, 32 * 8, spec.vae),
        homes=homes_of(located, "bfloat16"),
    )
    told = device_phases(spec, needs, "bfloat16", strategy)
    passing, found = Pass(located, strategy, latents, device="cuda"), {}
    for phase, work in passing.phases():
        work()  # What stays of it is no part of a peak: workspaces of matrix products.
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        work()
        torch.cuda.synchronize()
        found[phase] = told[phase], torch.cuda.max_memory_allocated()
    return found


def training(*, quick: bool) -> None:
    """A row for each way to train: bytes beside weights, gradients and the optimizer."""
    print("| trained | precision | checkpoints | network | estimated | measured | ratio |")
    print("|---|---|---|---|---|---|---|")
    small = replace(BIG, shape=TRAINED, text_tokens=64, attention="full")
    big = replace(BIG, shape=replace(BIG.shape, layers=2), attention="full")
    networks = [(small, clip(33, 12, 16), "cpu")]
    if not quick:
        networks += [
            (replace(small, text_tokens=512), clip(9, 8, 8), "cpu"),
            (replace(small, attention="sparse"), clip(33, 12, 16), "cpu"),
            (big, clip(81, HEIGHT // 8, WIDTH // 8), "meta"),
            (replace(big, attention="sparse"), clip(241, HEIGHT // 8, WIDTH // 8), "meta"),
        ]
    for spec, latents, device in networks:
        for train in ("lora", "full"):
            for bf16, checkpoint in product((True, False), (False, True)):
                if device == "cpu" or not (bf16 and checkpoint):
                    _trained(spec, latents, device, train, bf16=bf16, checkpoint=checkpoint)


def _trained(
    spec: ModelSpec,
    latents: Geometry,
    device: str,
    train: Literal["lora", "full"],
    *,
    bf16: bool,
    checkpoint: bool,
) -> None:
    how: dict[str, Any] = {"train": train, "bf16": bf16, "checkpoint": checkpoint}
    counted = count_pass(spec, latents, device=device, **how)
    estimate = Training(
        **how,
        spec=spec,
        cpu=device == "cpu",
        rank=16 if train == "lora" else 0,
        moving=counted.moving,
        attention=spec.attention,
    )
    keys = estimate.seen([latents]) * counted.tokens
    told = estimate.pass_bytes(counted.tokens, 1, keys)
    where = "CPU" if device == "cpu" else "14B, GPU"
    network = f"{where}, {counted.tokens} tokens, {spec.text_tokens} rows, {spec.attention}"
    words = f"{'bfloat16' if bf16 else 'float32'} | {'yes' if checkpoint else 'no'} | {network}"
    sizes = f"{memory(told)} | {memory(counted.peak)} | {told / counted.peak:.2f}"
    print(f"| {train} | {words} | {sizes} |", flush=True)


def show(strategy: str, beside: Beside) -> None:
    for phase, (told, found) in beside.items():
        sizes = f"{told / 2**30:.2f} | {found / 2**30:.2f} | {told / found:.2f}"
        print(f"| {strategy} | {phase} | {sizes} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--layers", type=int, default=BIG.shape.layers)
    parser.add_argument("--gpu", action="store_true", help="a small model on the first GPU")
    parser.add_argument("--training", action="store_true", help="a pass of training")
    options = parsed(parser, frames=9, layers=1)
    if options.training or options.quick:
        print(f"# {machine()}; a pass of training\n")
        training(quick=options.quick)
    if options.training:
        return
    print(f"\n# {machine()}; GiB on the device\n")
    head = "| placement | phase | estimated | measured | ratio |\n|---|---|---|---|---|"
    with tempfile.TemporaryDirectory() as scratch:
        if options.gpu:
            print(head)
            for strategy in ON_GPU:
                show(strategy, on_a_gpu(strategy, Path(scratch)))
            return
        located = hollow_model(Path(scratch), options.layers or BIG.shape.layers)
        print(f"{located.spec.name}, {options.layers} layers, {options.frames} frames\n\n{head}")
        held = []
        for strategy, beside, own in without_numbers(located, options.frames or 81):
            show(strategy, beside)
            host = host_need(located.spec, Needs(), "bfloat16", strategy, "cuda", None)
            if strategy != "group":  # Pinned pages need a GPU.
                told = host.held - PROCESS_BYTES["cuda"]
                held.append(f"| {strategy} | {told / 2**30:.2f} | {own / 2**30:.2f} |")
        print("\nOf main memory, beside the process's own:\n")
        print("| placement | estimated | measured |\n|---|---|---|")
        print("\n".join(held))


if __name__ == "__main__":
    main()
