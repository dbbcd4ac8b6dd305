"""A device for the GPU benchmark, the 14B networks that lie on it, and what they are given."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from diffusers import WanTransformer3DModel
from torch.nn.attention import SDPBackend

from holocine_core.model import networks
from holocine_core.model.attention.layout import ShotContext, ShotLayout
from holocine_core.model.cost import Geometry, forward_flops
from holocine_core.model.spec import MODELS, ModelSpec
from holocine_core.model.tiny import TINY
from holocine_core.script.timeline import LatentSpan

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
