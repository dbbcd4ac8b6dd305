"""The rows of the GPU benchmark: what is measured, how long it may take, and how.

Blocks of the 14B network are alike, so that engines are compared on four of its forty, times ten;
whole experts have rows of their own.
"""

from __future__ import annotations

import contextlib
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks import step
from holocine_core.model import networks
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install, leave_uncompiled
from holocine_core.model.attention.segments import Engine
from holocine_core.model.cost import Geometry, forward_flops
from holocine_core.model.locate import find_model
from holocine_core.model.placement import Strategy, choose_placement
from holocine_core.model.spec import MODELS, ModelSpec
from holocine_core.model.tiny import TINY, TINY_VAE
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.studio import Studio
from holocine_core.sample.vae import decode_latents
from holocine_core.script.timeline import LatentSpan
from tests.model.golden_cases import KEYS, OUTPUTS, error, load_golden

CONFIGS = Path(networks.__file__).parent / "configs" / "wan2.2-t2v-a14b"
GIB = 2**30
FEW = 4
"""Blocks of a network on which engines are compared."""
BACKENDS = {
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}
Work = Callable[[], dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that is measured.

    Attributes:
        group: Its table.
        name: Of the row.
        seconds: That it may take; it is skipped where fewer are left.
        gib: Memory of the device that it needs.
        cuda: Whether no other device will do.
        about: A sentence for below the table.
    """

    group: str
    name: str
    seconds: float
    gib: float = 0
    cuda: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a pass is given."""

    frames: int
    shots: int
    width: int = 832
    height: int = 480

    @property
    def latent_frames(self) -> int:
        return (self.frames - 1) // 4 + 1

    @property
    def spans(self) -> tuple[LatentSpan, ...]:
        edges = [self.latent_frames * i // self.shots for i in range(self.shots + 1)]
        return tuple(LatentSpan(a, b) for a, b in pairwise(edges))

    @property
    def geometry(self) -> Geometry:
        return Geometry(rows=self.height // 8, columns=self.width // 8, shots=self.spans)

    def layout(self, *, sparse: bool, rows: int) -> ShotLayout:
        """A caption of a fifth of the text for all, the rest in equal parts for each."""
        common, each = rows // 5, (rows - rows // 5) // self.shots
        windows = tuple(
            (*range(common), *range(common + each * i, common + each * (i + 1)))
            for i in range(self.shots)
        )
        return ShotLayout(
            shots=self.spans,
            frame_tokens=(self.height // 16) * (self.width // 16),
            windows=windows,
            sparse=sparse,
        )


SHORT, LONG = Scene(81, 3), Scene(241, 6)
MINUTE, LARGE = Scene(961, 13), Scene(81, 3, 1280, 720)


@dataclass(slots=True)
class Bench:
    """A device, and the networks that lie on it.

    Args:
        tiny: Small sizes, on whatever device there is.
    """

    tiny: bool = False
    device: str = field(init=False)
    spec: ModelSpec = field(init=False)
    rate: float = 0.0
    """Measured FLOP/s of a large product."""
    _held: tuple[int, Any, ShotContext] | None = None

    def __post_init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.spec = TINY if self.tiny else MODELS["holocine-14b-sparse"]

    def lacks(self, row: Row) -> str | None:
        """Why the device cannot measure a row."""
        if self.device == "cpu":
            return "needs a GPU" if row.cuda else None
        there = torch.cuda.get_device_properties(0).total_memory / GIB
        too_small = not self.tiny and row.gib > there
        return f"needs {row.gib:g} GiB, {there:.0f} are there" if too_small else None

    def scene(self, scene: Scene) -> Scene:
        """The scene, or a small one in its place."""
        if not self.tiny:
            return scene
        frames = 8 * scene.shots + 1
        return Scene(frames, scene.shots, 64, 32)

    @property
    def config(self) -> dict[str, Any]:
        """Of the transformer, for diffusers."""
        if not self.tiny:
            told = json.loads((CONFIGS / "transformer" / "config.json").read_text())
            return {key: value for key, value in told.items() if not key.startswith("_")}
        shape = self.spec.shape
        return {
            "num_attention_heads": shape.heads,
            "attention_head_dim": shape.width // shape.heads,
            "in_channels": shape.latent_channels,
            "out_channels": shape.latent_channels,
            "text_dim": shape.text_width,
            "ffn_dim": shape.ffn,
            "num_layers": shape.layers,
        }

    def made(self, layers: int, device: str | None = None) -> Any:
        """A network with random weights, made where it lies; constant ones in main memory, where
        28 GB of random numbers take minutes."""
        where = device or self.device
        given = {**self.config, "num_layers": layers}
        with torch.device("meta"):
            network = WanTransformer3DModel(**given)
        for parameter in network.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
        network = network.to_empty(device=where)
        rope = WanTransformer3DModel(**{**given, "num_layers": 0}).rope
        network.rope = rope.to(where)
        exact = set(network._keep_in_fp32_modules)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if exact.intersection(name.split(".")):
                    parameter.data = parameter.data.float()
                parameter.fill_(0.01) if where == "cpu" else parameter.normal_(0, 0.02)
        return network.eval().requires_grad_(False)

    def network(self, layers: int) -> tuple[Any, ShotContext]:
        """A network of so many blocks; the one before makes way."""
        if self._held is None or self._held[0] != layers:
            self.free()
            self._held = layers, self.made(layers), ShotContext()
        return self._held[1], self._held[2]

    def free(self) -> None:
        """Let go of the network that is held."""
        self._held = None
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    @property
    def few(self) -> int:
        return min(FEW, self.spec.shape.layers)

    def flops(self, scene: Scene, layers: int, *, sparse: bool) -> int:
        """Of one pass of so many blocks."""
        spec = replace(self.spec, shape=replace(self.spec.shape, layers=layers))
        return forward_flops(spec, scene.geometry, attention="sparse" if sparse else "full").total

    def inputs(self, scene: Scene, batch: int = 1) -> dict[str, Any]:
        """Of a forward pass."""
        shape = self.spec.shape
        like = {"device": self.device, "dtype": torch.bfloat16}
        size = (shape.latent_channels, scene.latent_frames, scene.height // 8, scene.width // 8)
        return {
            "hidden_states": torch.randn(batch, *size, **like),
            "timestep": torch.full((batch,), 700.0, device=self.device),
            "encoder_hidden_states": torch.randn(
                batch, self.spec.text_tokens, shape.text_width, **like
            ),
            "return_dict": False,
        }

    def clock(self, work: Callable[[], object], repeats: int = 2) -> float:
        """Seconds of some work, the best of the repeats after one that warms up."""
        best = float("inf")
        for number in range(repeats + 1):
            self.wait()
            started = time.perf_counter()
            work()
            self.wait()
            if number:
                best = min(best, time.perf_counter() - started)
        return best

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def peak(self) -> int:
        """Most memory held since the last look; 0 where nobody counts."""
        if self.device != "cuda":
            return 0
        found = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return found

    def told(self, seconds: float, flops: float) -> dict[str, float]:
        """Seconds with what they say of the device."""
        rate = flops / seconds
        share = {"share": rate / self.rate} if self.rate else {}
        return {"seconds": seconds, "tflops": rate / 1e12, **share, "peak_bytes": self.peak()}


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
        placement = choose_placement(bench.spec, 0, None, bench.device, strategy)
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
