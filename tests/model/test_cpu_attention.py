"""Written-out gradients of training on a CPU, against autograd's of the plain definition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.model import hardware
from holocine_core.model.attention import cpu as steps
from holocine_core.model.attention.cpu import by_hand, computes_bf16, normed, products
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install, rotate
from holocine_core.model.attention.segments import Segments, loop_attention
from holocine_core.script.timeline import TokenSpan

SHOTS = (TokenSpan(0, 2), TokenSpan(2, 3), TokenSpan(3, 6))
TEXTS = (
    ((0, 1, 2, *[9] * 40), (0, 3, 9, 9), (0, 4, 5, 9)),
    ((0, 1, *[8] * 7), (2, *[8] * 7), (0, 3, 8, 8, 8)),
)
WINDOWS = {"sparse": None, "items": TEXTS, "shared": TEXTS[:1] * 2}


def far(ours: Tensor, exact: Tensor) -> float:
    """Relative L2 distance."""
    return float((ours.detach().double() - exact.detach().double()).norm() / exact.detach().norm())


def segments_of(kind: str) -> Segments:
    context = ShotContext()
    context.layout = ShotLayout(
        shots=SHOTS, frame_tokens=4, item_windows=WINDOWS[kind], sparse=kind == "sparse"
    )
    device = torch.device("cpu")
    segments = context.self_segments(device) if kind == "sparse" else context.text_segments(device)
    assert segments is not None
    return segments


def gradients(run: Callable[..., Tensor], inputs: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Output and gradients at inputs of bfloat16's values, computed in ``dtype``."""
    leaves = [x.bfloat16().to(dtype).requires_grad_() for x in inputs]
    out = run(*leaves)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(4)).bfloat16()
    return [out, *torch.autograd.grad(out, leaves, weight.to(dtype))]


SETTINGS = [(torch.float32, False), (torch.bfloat16, False), (torch.bfloat16, True)]
"""Type of the tensors, and whether in autocast."""
ERROR = {torch.float32: 1e-5, torch.bfloat16: 0.01}


@pytest.mark.parametrize(("dtype", "autocast"), SETTINGS)
@pytest.mark.parametrize("kind", list(WINDOWS))
def test_products_have_the_gradients_of_the_definition(
    kind: str, dtype: torch.dtype, autocast: bool
) -> None:
    generator = torch.Generator().manual_seed(3)
    rows = 24 if kind == "sparse" else 10
    inputs = [torch.randn(2, n, 2, 8, generator=generator) for n in (24, rows, rows)]
    segments = segments_of(kind)

    def run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        assert by_hand(q) == (q.dtype != torch.float64)
        return loop_attention(q, k, v, segments)

    exact = gradients(run, inputs, torch.float64)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = gradients(run, inputs, dtype)
    for one, other in zip(ours, exact, strict=True):
        assert one.dtype == dtype
        assert far(one, other) < ERROR[dtype]


@pytest.mark.parametrize("dtype", list(ERROR))
@pytest.mark.parametrize("turning", [False, True])
def test_the_norm_has_the_gradients_of_the_definition(turning: bool, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(2, 5, 16, generator=generator)
    scale = 1 + 0.2 * torch.randn(16, generator=generator)
    angles = torch.rand(5, 4, generator=generator)
    cos, sin = (f(angles).repeat_interleave(2, -1)[None, :, None] for f in (torch.cos, torch.sin))
    turns = torch.polar(torch.ones(5, 4), angles)[:, None] if turning else None

    def plain(x: Tensor, scale: Tensor) -> Tensor:
        y = torch.nn.functional.rms_norm(x, (16,), scale, 1e-6).view(2, 5, 2, 8)
        return (rotate(y, cos, sin) if turning else y).flatten(2)

    exact = gradients(plain, [x, scale], torch.float64)
    ours = gradients(lambda x, scale: normed(x, scale, 1e-6, turns), [x, scale], dtype)
    for one, other in zip(ours, exact, strict=True):
        assert far(one, other) < ERROR[dtype]


@pytest.mark.parametrize("dtype", list(ERROR))
def test_what_goes_in_is_left_as_it_was(dtype: torch.dtype) -> None:
    """One head and nothing to convert: the case in which views are easily taken for copies."""
    generator = torch.Generator().manual_seed(6)
    inputs = [torch.randn(1, 6, 1, 8, generator=generator).to(dtype) for _ in range(3)]
    leaves = [x.clone().requires_grad_() for x in inputs]
    keys = [[TokenSpan(0, 6)]]
    out = products(*leaves, [TokenSpan(0, 6)], keys, [None]).flatten(2)
    turns = torch.ones(6, 1, 4, dtype=torch.complex64)
    after = normed(out, torch.ones(8, requires_grad=True), 1e-6, turns)
    weight = torch.randn(after.shape, generator=generator).to(dtype)
    given, made = weight.clone(), out.detach().clone()
    after.backward(weight)  # type: ignore[no-untyped-call]
    assert torch.equal(weight, given)
    assert torch.equal(out, made)
    assert all(torch.equal(x, leaf) for x, leaf in zip(inputs, leaves, strict=True))


@pytest.mark.parametrize("sparse", [False, True])
def test_a_network_in_autocast_learns_what_it_learns_in_float32(sparse: bool) -> None:
    """And is as near to it as with the kernels that are used without gradients."""
    torch.manual_seed(0)
    network = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        text_dim=16,
        freq_dim=32,
        ffn_dim=32,
        num_layers=2,
    )
    context = ShotContext()
    install(network, context)
    context.layout = ShotLayout(shots=SHOTS, frame_tokens=4, item_windows=TEXTS, sparse=sparse)
    x, text = torch.randn(2, 4, 6, 4, 4), torch.randn(2, 10, 16)

    def run(short: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=short):
            out: Tensor = network(
                hidden_states=x,
                timestep=torch.tensor([500.0, 20.0]),
                encoder_hidden_states=text,
                return_dict=False,
            )[0]
        return out.float()

    results = []
    for short in (True, False):
        out = run(short)
        slopes = torch.autograd.grad(out.square().mean(), list(network.parameters()))
        results.append((out, torch.cat([grad.flatten() for grad in slopes])))
    with torch.no_grad():
        fused = run(short=True)
    (out, grads), (exact, exact_grads) = results
    assert far(out, exact) < 1.5 * far(fused, exact)
    assert far(grads, exact_grads) < 0.03


def cpu_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("\n".join(("processor : 0", *lines, "", "processor : 1", "flags : amx_bf16")))
    monkeypatch.setattr(hardware, "CPUINFO", told)


@pytest.mark.parametrize(
    ("lines", "faster"),
    [
        (("vendor_id : GenuineIntel", "flags : fpu avx512_bf16 amx_bf16 amx_tile"), True),
        (("vendor_id : GenuineIntel", "flags : fpu avx512_bf16"), False),
        (("vendor_id : AuthenticAMD", "flags : fpu avx512_bf16"), True),
        (("vendor_id : AuthenticAMD", "flags : fpu avx2"), False),
        (("Features : fp asimd bf16 i8mm",), True),
        (("Features : fp asimd",), False),
    ],
)
def test_auto_is_short_where_that_is_faster(
    lines: tuple[str, ...], faster: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_of(tmp_path, monkeypatch, *lines)
    asked = [computes_bf16(one, torch.device("cpu")) for one in ("auto", "bf16", "float32")]
    assert asked == [faster, True, False]


def test_a_processor_that_nobody_describes_computes_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "none")
    assert not computes_bf16("auto", torch.device("cpu"))


@pytest.mark.parametrize("kind", list(WINDOWS))
def test_without_gradients_few_scores_are_held_at_a_time(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(3)
    rows = 24 if kind == "sparse" else 10
    shapes = [(2, n, 2, 8) for n in (24, rows, rows)]
    q, k, v = (torch.randn(s, generator=generator).bfloat16() for s in shapes)
    segments = segments_of(kind)
    with torch.no_grad():
        exact = loop_attention(q.double(), k.double(), v.double(), segments)
        assert not by_hand(q)
        with torch.autocast("cpu", torch.bfloat16):
            assert by_hand(q)
            whole = loop_attention(q, k, v, segments)
            largest: list[int] = []
            real = steps._softmax

            def seen(scores: Tensor, *rest: Any) -> Tensor:
                largest.append(scores.numel())
                return real(scores, *rest)

            monkeypatch.setattr(steps, "_softmax", seen)
            monkeypatch.setattr(steps, "SCORES", 150)
            parts = loop_attention(q, k, v, segments)
            monkeypatch.setattr(steps, "ROWS", 0)
            together = loop_attention(q, k, v, segments)
    assert max(largest) <= 150
    assert torch.equal(parts, together), "heads in turn are other heads"
    assert far(parts, exact) < 0.01
    assert far(whole, exact) < 0.01
