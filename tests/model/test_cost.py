"""Costs held to the published arithmetic and to diffusers' real networks, shapes only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.cost import (
    Geometry,
    activation_bytes,
    cache_bytes,
    forward_flops,
    geometry,
    take_flops,
)
from holocine_core.model.decode_cost import decode_flops, vae_decode_bytes, vae_encode_bytes
from holocine_core.model.spec import MODELS, WAN_VAE, ModelSpec, NetworkShape, VaeShape
from holocine_core.sample.caches import Caches
from holocine_core.sampling import Cache
from holocine_core.script.timeline import LatentSpan, Timeline, even_cuts
from tests.model.device_bytes import LiveBytes, fused_attention

pytestmark = pytest.mark.slow

FULL, SPARSE = MODELS["holocine-14b-full"], MODELS["holocine-14b-sparse"]
SMALL = replace(
    SPARSE,
    shape=NetworkShape(layers=3, width=96, heads=4, ffn=256, text_width=64),
    text_tokens=40,
)


def scene(frames: int, shots: int, spec: ModelSpec = FULL) -> Geometry:
    cuts = tuple(cut.got for cut in even_cuts(frames, shots))
    timeline = Timeline(frames=frames, cuts=cuts, fps=Fraction(15))
    return geometry(spec, timeline, width=832, height=480)


def small_scene(*lengths: int, rows: int = 8, columns: int = 12) -> Geometry:
    stops = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    spans = tuple(LatentSpan(stop - n, stop) for stop, n in zip(stops, lengths, strict=True))
    return Geometry(rows=rows, columns=columns, shots=spans)


def network(spec: ModelSpec, layers: int | None = None) -> WanTransformer3DModel:
    """The real network in the model's dimensions, without storage."""
    shape = spec.shape
    with torch.device("meta"):
        return WanTransformer3DModel(
            num_layers=layers or shape.layers,
            num_attention_heads=shape.heads,
            attention_head_dim=shape.width // shape.heads,
            ffn_dim=shape.ffn,
            text_dim=shape.text_width,
        ).eval()


def run(net: WanTransformer3DModel, spec: ModelSpec, latents: Geometry) -> None:
    dtype, device = net.proj_out.weight.dtype, net.proj_out.weight.device
    size = (1, 16, latents.frames, latents.rows, latents.columns)
    video = torch.empty(size, dtype=dtype, device=device)
    text = torch.empty(1, spec.text_tokens, spec.shape.text_width, dtype=dtype, device=device)
    with torch.no_grad():
        net(video, torch.empty(1, device=device), text, return_dict=False)


def cut_up(
    net: WanTransformer3DModel,
    latents: Geometry,
    *,
    sparse: bool,
    windows: list[list[int]] | None = None,
    engine: Any = "loop",
) -> None:
    """Install shot-aware attention for a take."""
    context = ShotContext()
    install(net, context, engine)
    context.layout = ShotLayout(
        shots=latents.shots,
        frame_tokens=latents.rows * latents.columns // 4,
        windows=None if windows is None else tuple(map(tuple, windows)),
        sparse=sparse,
    )


def counted(net: WanTransformer3DModel, spec: ModelSpec, latents: Geometry) -> int:
    with FlopCounterMode(display=False) as counter:
        run(net, spec, latents)
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("frames", "shots", "attention", "petaflops"),
    [
        (81, 1, "full", 1.68),
        (241, 1, "full", 9.73),
        (241, 5, "full", 9.73),
        (241, 5, "sparse", 4.41),
        (241, 8, "sparse", 4.22),
        (241, 12, "sparse", 4.39),
    ],
)
def test_holocine_14b_arithmetic(frames: int, shots: int, attention: Any, petaflops: float) -> None:
    """HoloCine-14B at 480x832: published PFLOP of one forward pass of one expert."""
    flops = forward_flops(FULL, scene(frames, shots), attention=attention).total
    assert flops / 1e15 == pytest.approx(petaflops, rel=0.005)


def test_full_attention_costs_what_torch_counts_in_the_14b_network() -> None:
    shallow = replace(FULL, shape=replace(FULL.shape, layers=4))
    for spec, latents in ((FULL, scene(241, 3)), (shallow, scene(81, 3))):
        count = counted(network(spec), spec, latents)
        assert forward_flops(spec, latents).total == pytest.approx(count, rel=1e-4)


@pytest.mark.parametrize("lengths", [(5,), (2, 3, 4), (1, 1, 7, 3)])
@pytest.mark.parametrize("attention", ["full", "sparse"])
def test_shots_cost_what_torch_counts(lengths: tuple[int, ...], attention: Any) -> None:
    net, latents = network(SMALL), small_scene(*lengths)
    windows = [list(range(index, 40 - 2 * index)) for index in range(len(lengths))]
    cut_up(net, latents, sparse=attention == "sparse", windows=windows)
    flops = forward_flops(
        SMALL, latents, attention=attention, text_rows=[len(window) for window in windows]
    )
    assert flops.total == pytest.approx(counted(net, SMALL, latents), rel=1e-3)


def test_a_take_costs_its_steps_and_guidance_a_second_unwindowed_pass() -> None:
    latents = scene(241, 5)
    rows = [300, 310, 320, 330, 340]
    windowed = forward_flops(SPARSE, latents, text_rows=rows).total
    open_pass = forward_flops(SPARSE, latents).total
    assert windowed < open_pass
    assert take_flops(SPARSE, latents, steps=50, guided=0, text_rows=rows) == 50 * windowed
    assert take_flops(SPARSE, latents, steps=50, guided=50, text_rows=rows) == 50 * (
        windowed + open_pass
    )
    some = take_flops(SPARSE, latents, steps=50, guided=20, text_rows=rows)
    assert some == 50 * windowed + 20 * open_pass
    with pytest.raises(ValueError, match="zip"):
        forward_flops(SPARSE, latents, text_rows=[512])


def test_off_grid_frames_and_gaps_are_refused() -> None:
    timeline = Timeline(frames=81, cuts=(), fps=Fraction(15))
    with pytest.raises(ValueError, match="multiple of 16"):
        geometry(FULL, timeline, width=840, height=480)
    with pytest.raises(ValueError, match="follow each other"):
        Geometry(rows=4, columns=4, shots=(LatentSpan(0, 2), LatentSpan(3, 4)))


@pytest.fixture
def fused() -> Iterator[None]:
    with fused_attention():
        yield


def in_type(net: WanTransformer3DModel, dtype: torch.dtype) -> WanTransformer3DModel:
    """The network in a computing type, but for what diffusers keeps in float32."""
    for name, parameter in net.named_parameters():
        if not any(kept in name for kept in net._keep_in_fp32_modules):
            parameter.data = parameter.data.to(dtype)
    return net


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize(
    ("shots", "attention", "engine"),
    [(5, "sparse", "loop"), (12, "sparse", "varlen"), (12, "full", "loop"), (1, "sparse", "loop")],
)
def test_activations_of_the_14b_network(
    dtype: torch.dtype, shots: int, attention: Any, engine: Any
) -> None:
    """Two of the 40 layers: a layer's tensors are gone when the next but one begins."""
    latents = scene(241, shots)
    net = in_type(network(FULL, layers=2), dtype)
    windows = [list(range(index, 500)) for index in range(shots)]
    cut_up(net, latents, sparse=attention == "sparse", windows=windows, engine=engine)
    with LiveBytes() as live:
        run(net, FULL, latents)
    estimate = activation_bytes(
        FULL, latents, dtype_bytes=dtype.itemsize, attention=attention, engine=engine
    )
    assert estimate == pytest.approx(live.peak, rel=0.02)


NARROW = VaeShape(base=8)
ODD = VaeShape(base=6, multipliers=(1, 2, 2), res_blocks=1, doubles_frames=(True, False))
FOLDED = VaeShape(base=8, latent_channels=12, residual=True, patch=2)
SMALL_WAN = MODELS["wan2.2-ti2v-5b"].vae
assert isinstance(SMALL_WAN, VaeShape)


def autoencoder(vae: VaeShape, device: str) -> AutoencoderKLWan:
    with torch.device(device):
        return AutoencoderKLWan(
            base_dim=vae.base,
            dim_mult=list(vae.multipliers),
            num_res_blocks=vae.res_blocks,
            temperal_downsample=list(reversed(vae.doubles_frames)),
            z_dim=vae.latent_channels,
            is_residual=vae.residual,
            patch_size=None if vae.patch == 1 else vae.patch,
            in_channels=vae.channels,
            out_channels=vae.channels,
        ).eval()


@torch.no_grad()
def streamed_peak(net: AutoencoderKLWan, rows: int, columns: int, frames: int) -> int:
    """Bytes alive at the peak of decoding latent frame by latent frame."""
    latents = torch.zeros(1, net.config.z_dim, frames, rows, columns, device=net.device)
    net.clear_cache()
    with LiveBytes() as live:
        for index in range(frames):
            net._conv_idx = [0]
            one = net.post_quant_conv(latents[:, :, index : index + 1])
            decoded = net.decoder(
                one, feat_cache=net._feat_map, feat_idx=net._conv_idx, first_chunk=index == 0
            )
    assert decoded.shape[-2] > rows
    return live.peak


@pytest.mark.parametrize(
    ("vae", "width", "height"),
    [
        (NARROW, 96, 64),
        (ODD, 48, 32),
        (FOLDED, 96, 64),
        (WAN_VAE, 832, 480),
        (WAN_VAE, 1280, 720),
        (SMALL_WAN, 1280, 704),
    ],
)
def test_streamed_decoding_keeps_what_is_estimated(vae: VaeShape, width: int, height: int) -> None:
    rows, columns = height // vae.stride, width // vae.stride
    peak = streamed_peak(autoencoder(vae, "meta"), rows, columns, frames=4)
    assert vae_decode_bytes(width, height, vae) == pytest.approx(peak, rel=0.03)


def test_streamed_decoding_of_a_running_decoder() -> None:
    net = autoencoder(NARROW, "cpu")
    short, long = streamed_peak(net, 4, 6, frames=3), streamed_peak(net, 4, 6, frames=5)
    assert short == long, "memory must not grow with the length"
    assert vae_decode_bytes(48, 32, NARROW) == pytest.approx(short, rel=0.03)


@pytest.mark.parametrize(
    ("vae", "width", "height", "frames"),
    [
        (NARROW, 96, 64, 9),
        (ODD, 48, 32, 33),
        (FOLDED, 96, 64, 17),
        (WAN_VAE, 832, 480, 5),
        (WAN_VAE, 832, 480, 21),
        (SMALL_WAN, 1280, 704, 9),
    ],
)
def test_encoding_a_clip_keeps_what_is_estimated(
    vae: VaeShape, width: int, height: int, frames: int
) -> None:
    """Never less; of the five frames of a picture a quarter more."""
    net = autoencoder(vae, "meta")
    with LiveBytes() as live, torch.no_grad():
        net.encode(torch.zeros(1, 3, frames, height, width, device="meta"))
    assert 0.98 <= vae_encode_bytes(width, height, frames, vae) / live.peak <= 1.3


@pytest.mark.parametrize(
    "cache",
    [
        Cache(kind="first-block", threshold=0.1),
        Cache(kind="mag", threshold=0.1, ratios=(1.0,) * 8, ratios_2=(1.0,) * 8),
        Cache(kind="taylor", interval=3),
    ],
    ids=lambda cache: cache.kind,
)
def test_caches_remember_what_is_estimated(cache: Cache) -> None:
    net, latents = network(SMALL).to_empty(device="cpu"), small_scene(5)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    cut_up(net, latents, sparse=False)
    with LiveBytes() as live, Caches(cache, {"transformer": 8}) as caches:
        for _ in range(5):
            for branch in ("cond", "uncond"):
                with caches.branch("transformer", net, branch):
                    run(net, SMALL, latents)
        remembered = live.now["device"]
    one = replace(SMALL, experts=1)
    estimate = cache_bytes(one, latents, cache, branches=2, dtype_bytes=4)
    assert estimate == pytest.approx(remembered, rel=0.02)
    assert cache_bytes(SMALL, latents, cache, branches=1, dtype_bytes=4) == estimate
    assert cache_bytes(SMALL, latents, None, branches=2) == 0


def test_the_cpu_allocator_sees_the_estimated_peaks() -> None:
    """What torch really allocated, kernels' workspaces included."""
    net, latents = network(SMALL).to_empty(device="cpu"), small_scene(9, rows=12, columns=16)
    activations = allocated_peak(lambda: run(net, SMALL, latents))
    estimate = activation_bytes(SMALL, latents, dtype_bytes=4, attention="full")
    assert estimate == pytest.approx(activations, rel=0.03)
    decoder = autoencoder(NARROW, "cpu")
    decoding = allocated_peak(lambda: streamed_peak(decoder, 4, 6, frames=3))
    assert vae_decode_bytes(48, 32, NARROW, cpu=True) == pytest.approx(decoding, rel=0.03)


def allocated_peak(work: Callable[[], object]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    results = profiled.profiler.kineto_results
    events = [event for event in results.events() if event.name() == "[memory]"]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return max(accumulate(changes))


@pytest.mark.parametrize("vae", [NARROW, ODD, WAN_VAE, FOLDED, SMALL_WAN])
@pytest.mark.parametrize("frames", [1, 3])
def test_decoding_costs_what_torch_counts(vae: VaeShape, frames: int) -> None:
    latents = torch.empty(1, vae.latent_channels, frames, 4, 6, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        autoencoder(vae, "meta").decode(latents)
    flops = decode_flops(6 * vae.stride, 4 * vae.stride, frames, vae)
    assert flops == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_planning_a_cost_wakes_no_torch() -> None:
    modules = "holocine_core.model.cost, holocine_core.model.decode_cost"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
