"""The rows of the GPU benchmark: what is measured, how long it may take, and how.

Blocks of the 14B network are alike, so that engines are compared on four of its forty, times ten;
whole experts have rows of their own.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from diffusers import AutoencoderKLWan
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks import step
from benchmarks.gpu_bench import (
    BACKENDS,
    CONFIGS,
    FEW,
    GIB,
    LARGE,
    LONG,
    MINUTE,
    SHORT,
    Bench,
    Row,
    Scene,
    Work,
)
from holocine_core.model import networks
from holocine_core.model.attention.layout import ShotContext, install, leave_uncompiled
from holocine_core.model.attention.segments import Engine
from holocine_core.model.locate import find_model
from holocine_core.model.memory import Needs
from holocine_core.model.placement import Free, Strategy, choose_placement
from holocine_core.model.tiny import TINY_VAE
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.studio import Studio
from holocine_core.sample.vae import decode_latents
from tests.model.golden_cases import KEYS, OUTPUTS, error, load_golden


def rows(bench: Bench) -> Iterator[tuple[Row, Work]]:
    """All rows, the most telling first."""
    yield from _machine(bench)
    yield from _golden(bench)
    yield from _engines(bench)
    yield from _guidance(bench)
    yield from _whole(bench)
    yield from _placements(bench)
    yield from _decoding(bench)
    yield from _sizes(bench)
    yield from _training(bench)
    yield from _nano(bench)


def _machine(bench: Bench) -> Iterator[tuple[Row, Work]]:
    def product() -> dict[str, float]:
        size = 256 if bench.tiny else 8192
        a, b = (torch.randn(size, size, device=bench.device).bfloat16() for _ in range(2))
        seconds = bench.clock(lambda: a @ b, 10)
        bench.rate = 2 * size**3 / seconds
        return {"seconds": seconds, "tflops": bench.rate / 1e12}

    yield Row(group="Matmul rate", name="bf16, 8192x8192 by 8192x8192", seconds=5), product


def _golden(bench: Bench) -> Iterator[tuple[Row, Work]]:
    def parity(engine: Engine, dtype: torch.dtype) -> Work:
        def work() -> dict[str, float]:
            with tempfile.TemporaryDirectory() as folder:
                loaded = load_golden(Path(folder), engine, dtype, bench.device)
            return {"error": max(error(key, output, loaded) for key in KEYS for output in OUTPUTS)}

        return work

    about = "Largest relative L2 distance to the release's own outputs, over all cases and outputs."
    for dtype, engines in (
        (torch.float32, ("loop", "masked")),
        (torch.bfloat16, ("loop", "masked", "varlen")),
    ):
        for engine in engines:
            name = f"{str(dtype).removeprefix('torch.')}, {engine}"
            cuda = engine == "varlen"
            row = Row(group="Golden parity", name=name, seconds=15, cuda=cuda, about=about)
            yield row, parity(engine, dtype)


def _pass(
    bench: Bench,
    scene: Scene,
    layers: int,
    *,
    sparse: bool = True,
    engine: Engine = "auto",
    backend: SDPBackend | None = None,
    batch: int = 1,
    compiled: bool = False,
    repeats: int = 2,
) -> Work:
    """A forward pass, as a row's work; seconds are those of all blocks."""

    def work() -> dict[str, float]:
        small = bench.scene(scene)
        network, context = bench.network(layers)
        install(network, context, engine)
        context.layout = small.layout(sparse=sparse, rows=bench.spec.text_tokens)
        if compiled:
            leave_uncompiled(network)
            network.compile_repeated_blocks(dynamic=True)
        given = bench.inputs(small, batch)
        bench.peak()
        kernel = contextlib.nullcontext() if backend is None else sdpa_kernel([backend])
        with torch.no_grad(), kernel:
            seconds = bench.clock(lambda: network(**given), repeats)
        if compiled:
            bench.free()
        times = bench.spec.shape.layers / layers
        flops = batch * bench.flops(small, layers, sparse=sparse)
        return {**bench.told(seconds, flops), "seconds": seconds * times}

    return work


def _engines(bench: Bench) -> Iterator[tuple[Row, Work]]:
    few = bench.few
    for scene in (SHORT, LONG):
        group = f"One pass at {scene.frames} frames, 480x832, {scene.shots} shots"
        about = f"{FEW} of the 40 blocks, times ten."
        base = Row(group=group, name="", seconds=15, gib=20, about=about)
        varlen = replace(base, name="sparse, varlen", cuda=True)
        yield varlen, _pass(bench, scene, few, engine="varlen")
        for name, backend in BACKENDS.items():
            row = replace(base, name=f"sparse, per shot, {name}", cuda=True)
            yield row, _pass(bench, scene, few, engine="loop", backend=backend)
        for name, backend in BACKENDS.items():
            row = replace(base, name=f"full, {name}", cuda=True)
            yield row, _pass(bench, scene, few, sparse=False, backend=backend)
        if bench.device == "cpu":
            yield replace(base, name="sparse, per shot"), _pass(bench, scene, few, engine="loop")
            yield replace(base, name="full"), _pass(bench, scene, few, sparse=False)
        row = replace(base, name="sparse, compiled blocks", seconds=75, cuda=True)
        yield row, _pass(bench, scene, few, compiled=True)


def _guidance(bench: Bench) -> Iterator[tuple[Row, Work]]:
    about = f"Both passes of a guided step; {FEW} of the 40 blocks, times ten."
    for scene in (SHORT, LONG):

        def twice(scene: Scene = scene) -> dict[str, float]:
            one = _pass(bench, scene, bench.few)()
            return {**one, "seconds": 2 * one["seconds"]}

        base = Row(group="Guidance", name="", seconds=20, gib=30, about=about)
        yield replace(base, name=f"{scene.frames} frames, one after the other"), twice
        together = _pass(bench, scene, bench.few, batch=2)
        yield replace(base, name=f"{scene.frames} frames, in one batch"), together


def _whole(bench: Bench) -> Iterator[tuple[Row, Work]]:
    layers = bench.spec.shape.layers
    about = "All 40 blocks of an expert; both experts are alike in this."
    for scene, seconds in ((SHORT, 40), (LONG, 80)):
        row = Row(
            group="A whole pass of an expert",
            name=f"{scene.frames} frames, sparse",
            seconds=seconds,
            gib=45,
            about=about,
        )
        yield row, _pass(bench, scene, layers, repeats=1)


def _placements(bench: Bench) -> Iterator[tuple[Row, Work]]:
    about = (
        "A pass at 81 frames, 480x832 and what it holds at most, weights included; no more than"
        " the named memory could be taken."
    )
    tried: tuple[tuple[Strategy, int], ...] = (
        ("resident", 80),
        ("swap", 48),
        ("fp8", 24),
        ("group", 24),
    )
    for strategy, cap in tried:
        row = Row(
            group="Placements",
            name=f"{strategy}, {cap} GiB",
            seconds=60,
            gib=cap,
            cuda=True,
            about=about,
        )
        yield row, _placed(bench, strategy, cap)


def _placed(bench: Bench, strategy: Strategy, cap: int) -> Work:
    def work() -> dict[str, float]:
        bench.free()
        layers = bench.spec.shape.layers
        placement = choose_placement(bench.spec, Needs(), Free(), bench.device, strategy)
        experts = ("transformer", "transformer_2") if strategy == "resident" else ("transformer",)
        context, scene = ShotContext(), bench.scene(SHORT)
        context.layout = scene.layout(sparse=True, rows=bench.spec.text_tokens)

        def load(files: object, dtype: object) -> Any:
            return bench.made(layers, "cpu")

        loads = patch.object(networks, "load_component", load)
        with loads, _capped(cap), torch.no_grad():
            held = networks.Networks(
                find_model("nano"),  # Its files are looked at, and not read.
                placement,
                on_load=lambda part, network: install(network, context),
            )
            held.located = replace(
                held.located, components={**_transformers(held.located.components)}
            )
            given = bench.inputs(scene)
            seconds = bench.clock(lambda: [held.use(part)(**given) for part in experts], 1)
            seconds /= len(experts)
            told = bench.told(seconds, bench.flops(scene, layers, sparse=True))
            for part in held.loaded:
                held.release(part)
        return told

    return work


def _transformers(components: Any) -> dict[str, Any]:
    """The components with a second expert beside the first."""
    second = replace(components["transformer"], name="transformer_2")
    return {**components, "transformer_2": second}


@contextlib.contextmanager
def _capped(gib: int) -> Iterator[None]:
    """No more than so much memory of the device can be taken."""
    there = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gib * GIB / there))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def _decoding(bench: Bench) -> Iterator[tuple[Row, Work]]:
    def work() -> dict[str, float]:
        bench.free()
        told = json.loads((CONFIGS / "vae" / "config.json").read_text())
        given = {key: value for key, value in told.items() if not key.startswith("_")}
        if bench.tiny:
            given |= {"base_dim": TINY_VAE.base, "dim_mult": list(TINY_VAE.multipliers)}
            given |= {"num_res_blocks": 1}
        vae = AutoencoderKLWan(**given).eval().requires_grad_(False).to(bench.device)
        scene = bench.scene(SHORT)
        size = (scene.latent_frames, scene.height // 8, scene.width // 8)
        latents = torch.randn(1, vae.config.z_dim, *size)
        bench.peak()
        seconds = bench.clock(lambda: [*decode_latents(vae, latents)], 1)
        return {"seconds": seconds, "peak_bytes": bench.peak()}

    yield Row(group="Decoding", name="81 frames, 480x832, float32", seconds=40, gib=12), work


def _sizes(bench: Bench) -> Iterator[tuple[Row, Work]]:
    base = Row(
        group="A minute, and 720p",
        name="",
        seconds=60,
        gib=40,
        about=f"One sparse pass; {FEW} of the 40 blocks, times ten.",
    )
    minute = _pass(bench, MINUTE, bench.few, repeats=1)
    yield replace(base, name="961 frames of 13 shots, 480x832"), minute
    yield replace(base, name="81 frames of 3 shots, 720x1280"), _pass(bench, LARGE, bench.few)


def _training(bench: Bench) -> Iterator[tuple[Row, Work]]:
    about = f"Forward, backward and checkpointed blocks of a rank-32 LoRA; {FEW} of 40, times ten."
    for scene in (SHORT, LONG):

        def work(scene: Scene = scene) -> dict[str, float]:
            from peft import LoraConfig

            bench.free()
            small = bench.scene(scene)
            network, context = bench.made(bench.few), ShotContext()
            install(network, context)
            targets = ["to_q", "to_k", "to_v", "to_out.0"]
            network.add_adapter(LoraConfig(r=32, lora_alpha=32, target_modules=targets))
            network.enable_gradient_checkpointing()
            network.train()
            context.layout = small.layout(sparse=True, rows=bench.spec.text_tokens)
            given = bench.inputs(small)
            bench.peak()

            def one() -> None:
                network(**given)[0].float().square().mean().backward()
                network.zero_grad()

            seconds = bench.clock(one, 1)
            flops = 4 * bench.flops(small, bench.few, sparse=True)
            times = bench.spec.shape.layers / bench.few
            return {**bench.told(seconds, flops), "seconds": times * seconds}

        name = f"{scene.frames} frames, 480x832"
        row = Row(group="A LoRA training step", name=name, seconds=45, gib=60, about=about)
        yield row, work


FILM = """
global: The old library in the evening, clear weather.
frames: 121
cuts: [33, 61, 89]
shots: [An old woman stands quietly., She talks., A cat walks along., She waves.]
"""
SMALL = "size: 32x32\nprofiles: {standard: {steps: 2}}\n" + FILM.replace("121", "97")


def _nano(bench: Bench) -> Iterator[tuple[Row, Work]]:
    def films() -> dict[str, float]:
        from holocine_core.film.planning import plan_film

        bench.free()
        count = 1 if bench.tiny else 3
        with tempfile.TemporaryDirectory() as name, Studio() as studio:
            path = Path(name) / "film.yaml"
            path.write_text(SMALL if bench.tiny else FILM, encoding="utf-8")
            for number in range(count + 1):
                request = Request(
                    seed=number, device=bench.device, out=Path(name) / f"{number}.mp4"
                )
                plan = plan_film(path, replace(request, work=Path(name) / str(number)))
                if number == 1:
                    bench.wait()
                    started = time.perf_counter()
                render(plan, studio=studio)
            seconds = (time.perf_counter() - started) / count
        return {"seconds": seconds, "a_second": 1 / seconds}

    def training() -> dict[str, float]:
        bench.free()
        batch, size = (2, "80x48") if bench.tiny else (64, "160x96")
        network = step.build(4, 2 if bench.tiny else 10, 1024).to(bench.device)
        one = step.stepper(network, size, batch, step.Setup(), bench.device)
        seconds = bench.clock(one, 1 if bench.tiny else 5)
        return {"seconds": seconds, "a_second": batch / seconds, "peak_bytes": bench.peak()}

    about = (
        "Films of 121 frames, four shots, networks open; training on clips of 17 latent frames,"
        " 160x96, forward and backward."
    )
    base = Row(group="nano", name="", seconds=40, about=about)
    yield replace(base, name="films, standard"), films
    yield replace(base, name="training samples"), training
