"""The engines against an oracle with explicit masks, and against each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.model.attention.layout import ShotContext, ShotLayout, install, rotate
from holocine_core.model.attention.segments import (
    Segments,
    Windows,
    loop_attention,
    masked_attention,
    masks_pay,
    segment_attention,
    varlen_attention,
)
from holocine_core.script.timeline import LatentSpan, TokenSpan
from tests.model.oracle import masked, python_varlen

LAYOUT = ShotLayout(
    shots=(LatentSpan(0, 2), LatentSpan(2, 3), LatentSpan(3, 6)),
    frame_tokens=4,
    windows=((0, 1, 2, 9), (0, 3, 4, 9), (0, 5, 8, 9)),
    sparse=True,
)


def tensors(n: int, rows: int, *, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(batch, n, 2, 8), (batch, rows, 2, 8), (batch, rows, 2, 8)]
    q, k, v = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    return q, k, v


def self_counts(layout: ShotLayout) -> Tensor:
    """How often each token sees each token, read off the definition, token by token."""
    n = layout.frame_tokens
    frames = layout.shots[-1].stop
    shot_of = [next(i for i, s in enumerate(layout.shots) if f in s) for f in range(frames)]
    first = {s.start for s in layout.shots}
    counts = torch.zeros(frames * n, frames * n, dtype=torch.float64)
    for a in range(frames * n):
        for b in range(frames * n):
            counts[a, b] += shot_of[a // n] == shot_of[b // n]
            counts[a, b] += b // n in first
    return counts


def segments(kind: str) -> Segments:
    context = ShotContext()
    context.layout = LAYOUT
    device = torch.device("cpu")
    found = context.self_segments(device) if kind == "self" else context.text_segments(device)
    assert found is not None
    return found


def test_sparse_self_attention_is_the_definition() -> None:
    q, k, v = tensors(24, 24)
    got = loop_attention(q, k, v, segments("self"))
    torch.testing.assert_close(got, masked(q, k, v, self_counts(LAYOUT)))


def test_another_layout_has_segments_of_its_own() -> None:
    """One context serves all scenes of a film, one after another."""
    context, device = ShotContext(), torch.device("cpu")
    context.layout = LAYOUT
    first = context.self_segments(device)
    assert context.self_segments(device) is first
    context.layout = replace(LAYOUT, shots=(LatentSpan(0, 1), LatentSpan(1, 3), LatentSpan(3, 6)))
    other = context.self_segments(device)
    assert first is not None
    assert other is not None
    assert other.queries[0] == TokenSpan(0, 4)
    assert first.queries[0] == TokenSpan(0, 8)


def test_window_cross_attention_is_the_definition() -> None:
    q, k, v = tensors(24, 10)
    counts = torch.zeros(24, 10, dtype=torch.float64)
    assert LAYOUT.windows is not None
    for shot, window in zip(LAYOUT.token_spans, LAYOUT.windows, strict=True):
        for row in window:
            counts[shot.start : shot.stop, row] = 1
    got = loop_attention(q, k, v, segments("text"))
    torch.testing.assert_close(got, masked(q, k, v, counts))


@pytest.mark.parametrize("kind", ["self", "text"])
def test_varlen_packs_what_the_loop_computes(kind: str) -> None:
    q, k, v = tensors(24, 24 if kind == "self" else 10)
    packed = varlen_attention(q, k, v, segments(kind), kernel=python_varlen)
    torch.testing.assert_close(packed, loop_attention(q, k, v, segments(kind)))


@pytest.mark.parametrize("kind", ["self", "text"])
def test_a_mask_hides_what_the_loop_leaves_out(kind: str) -> None:
    q, k, v = tensors(24, 24 if kind == "self" else 10)
    got = masked_attention(q, k, v, segments(kind))
    torch.testing.assert_close(got, loop_attention(q, k, v, segments(kind)))


def test_a_mask_tells_items_apart_and_counts_what_is_listed_twice() -> None:
    q, k, v = tensors(24, 10)
    context = ShotContext()
    first, second = ((0, 1), (0, 2, 2), (0, 9)), ((0, 5, 6, 7), (0, 8), (3,))
    assert len(LAYOUT.shots) == len(first)
    context.layout = replace(LAYOUT, windows=None, item_windows=(first, second))
    found = context.text_segments(torch.device("cpu"))
    assert found is not None
    assert found.repeats == 2
    got = masked_attention(q, k, v, found)
    for item, windows in enumerate((first, second)):
        counts = torch.zeros(24, 10, dtype=torch.float64)
        for shot, window in zip(LAYOUT.token_spans, windows, strict=True):
            for row in window:
                counts[shot.start : shot.stop, row] += 1
        one = slice(item, item + 1)
        torch.testing.assert_close(got[one], masked(q[one], k[one], v[one], counts))


@pytest.mark.parametrize("kind", ["self", "text"])
def test_gradients_flow_through_the_loop(kind: str) -> None:
    q, k, v = tensors(24, 24 if kind == "self" else 10, batch=1)
    inputs = [x.requires_grad_() for x in (q, k, v)]
    found = segments(kind)
    assert torch.autograd.gradcheck(lambda q, k, v: loop_attention(q, k, v, found), inputs)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["self", "text"])
def test_varlen_kernel_agrees_and_has_gradients(kind: str) -> None:
    rows = 24 if kind == "self" else 10
    q, k, v = (x.cuda().bfloat16().requires_grad_() for x in tensors(24, rows))
    context = ShotContext()
    context.layout = LAYOUT
    find = context.self_segments if kind == "self" else context.text_segments
    found = find(q.device)
    assert found is not None
    grads = []
    for engine in ("loop", "varlen", "masked"):
        out = segment_attention(q, k, v, found, engine)
        grads.append([out, *torch.autograd.grad(out.float().square().sum(), (q, k, v))])
    assert masks_pay(q, k, found)
    for ours, theirs in [*zip(*grads[:2], strict=True), *zip(*grads[1:], strict=True)]:
        torch.testing.assert_close(ours, theirs, atol=3e-2, rtol=3e-2)


def tiny() -> WanTransformer3DModel:
    torch.manual_seed(0)
    return WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        text_dim=16,
        freq_dim=32,
        ffn_dim=32,
        num_layers=2,
    ).eval()


def run(network: WanTransformer3DModel) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    out: Tensor = network(
        hidden_states=torch.randn(1, 4, 6, 4, 4, generator=generator),
        timestep=torch.tensor([500.0]),
        encoder_hidden_states=torch.randn(1, 10, 16, generator=generator),
        return_dict=False,
    )[0]
    return out


@torch.no_grad()
def test_full_and_open_is_diffusers_own_network() -> None:
    network = tiny()
    stock = run(network)
    context = ShotContext()
    install(network, context)
    context.layout = ShotLayout(shots=LAYOUT.shots, frame_tokens=4)
    torch.testing.assert_close(run(network), stock, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("layout", [LAYOUT, replace(LAYOUT, sparse=False)], ids=["sparse", "full"])
def test_checkpointing_gives_the_same_gradients(layout: ShotLayout) -> None:
    network = tiny()
    context = ShotContext()
    install(network, context)
    context.layout = layout
    grads = []
    for checkpointed in (False, True):
        network.train()
        if checkpointed:
            network.enable_gradient_checkpointing()
        network.zero_grad()
        run(network).square().sum().backward()
        grads.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    assert len(grads[0]) > 20
    torch.testing.assert_close(grads[0], grads[1])


def test_a_network_without_a_layout_refuses_to_run() -> None:
    network = tiny()
    install(network, ShotContext())
    with pytest.raises(RuntimeError, match="layout"), torch.no_grad():
        run(network)


ITEM_WINDOWS = (
    ((0, 1, 2, *[9] * 4), (0, 3, 9, 9), (0, 4, 5, 9)),
    ((0, 1, *[8] * 7), (2, *[8] * 7), (0, 3, 8, 8, 8)),
    ((0, 1, 2, 3, 4), (5, 6), (0,)),
)
"""Ragged, with rows that count several times."""


def item_segments(windows: tuple[Windows, ...]) -> Segments:
    context = ShotContext()
    context.layout = replace(LAYOUT, windows=None, item_windows=windows)
    found = context.text_segments(torch.device("cpu"))
    assert found is not None
    return found


@pytest.mark.parametrize("engine", ["loop", "varlen"])
def test_items_with_windows_of_their_own_are_the_definition(engine: str) -> None:
    q, k, v = tensors(24, 10, batch=3)
    counts = torch.zeros(3, 1, 24, 10, dtype=torch.float64)
    for i, windows in enumerate(ITEM_WINDOWS):
        for shot, window in zip(LAYOUT.token_spans, windows, strict=True):
            for row in window:
                counts[i, 0, shot.start : shot.stop, row] += 1
    found = item_segments(ITEM_WINDOWS)
    if engine == "loop":
        got = loop_attention(q, k, v, found)
    else:
        got = varlen_attention(q, k, v, found, kernel=python_varlen)
    torch.testing.assert_close(got, masked(q, k, v, counts), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("repeats", [True, False])
def test_a_batch_of_texts_is_its_items_one_by_one(repeats: bool) -> None:
    """Outputs and gradients; each item alone with shared windows."""
    lists = tuple(
        tuple(w if repeats else tuple(dict.fromkeys(w)) for w in windows)
        for windows in ITEM_WINDOWS
    )
    q, k, v = inputs = [x.requires_grad_() for x in tensors(24, 10, batch=3)]
    together = loop_attention(q, k, v, item_segments(lists))
    alone = []
    for i, windows in enumerate(lists):
        context = ShotContext()
        context.layout = replace(LAYOUT, windows=windows)
        found = context.text_segments(torch.device("cpu"))
        assert found is not None
        one = slice(i, i + 1)
        alone.append(loop_attention(q[one], k[one], v[one], found))
    results = [
        [out, *torch.autograd.grad(out.square().sum(), inputs)]
        for out in (together, torch.cat(alone))
    ]
    torch.testing.assert_close(*results)


def test_rows_that_count_several_times_are_fewer_keys() -> None:
    """The point of listing them: 500 padding rows cost what one costs."""
    context = ShotContext()
    context.layout = replace(LAYOUT, windows=((0, *[1] * 500), (0, 1), (1, 1)))
    found = context.text_segments(torch.device("cpu"))
    assert found is not None
    assert [len(keys) for keys in found.keys] == [2, 2, 1]
    plain = replace(LAYOUT, windows=((0, *range(1, 501)), (0, 1), (1, 2)))
    q, k, v = tensors(24, 2)
    rows = torch.tensor([0, *[1] * 500])
    context.layout = plain
    unfolded = context.text_segments(torch.device("cpu"))
    assert unfolded is not None
    folded = loop_attention(q, k, v, found)
    torch.testing.assert_close(
        folded, loop_attention(q, k[:, rows], v[:, rows], unfolded), rtol=1e-6, atol=1e-6
    )


def test_windows_that_do_not_fit_the_shots_are_refused() -> None:
    for windows in (((0,), (1,)), ((0,), (1,), ())):
        with pytest.raises(ValueError, match="window"):
            replace(LAYOUT, windows=windows)
        with pytest.raises(ValueError, match="window"):
            replace(LAYOUT, windows=None, item_windows=(ITEM_WINDOWS[0], windows))
    with pytest.raises(ValueError, match="both"):
        replace(LAYOUT, item_windows=ITEM_WINDOWS)


def test_without_summaries_shots_are_on_their_own() -> None:
    context = ShotContext()
    context.layout = replace(LAYOUT, summaries=False)
    found = context.self_segments(torch.device("cpu"))
    assert found is not None
    assert [keys.tolist() for keys in found.keys] == [list(s) for s in LAYOUT.token_spans]


def test_one_shot_scene_in_sparse_mode_is_not_full_attention() -> None:
    """Its first frame counts twice, as in the reference."""
    context = ShotContext()
    context.layout = ShotLayout(shots=(LatentSpan(0, 6),), frame_tokens=4, sparse=True)
    found = context.self_segments(torch.device("cpu"))
    assert found is not None
    assert found.keys[0].tolist() == [*range(24), *range(4)]


@pytest.mark.parametrize(
    "shots",
    [
        (LatentSpan(1, 3),),
        (LatentSpan(0, 2), LatentSpan(3, 4)),
        (LatentSpan(0, 2), LatentSpan(2, 2)),
    ],
)
def test_layouts_with_holes_are_refused(shots: tuple[LatentSpan, ...]) -> None:
    with pytest.raises(ValueError, match="shots"):
        ShotLayout(shots=shots, frame_tokens=4)


def test_rotation_keeps_lengths_and_relative_angles() -> None:
    x = torch.randn(1, 5, 1, 8, dtype=torch.float64)
    angles = torch.arange(5.0, dtype=torch.float64)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.01])
    cos, sin = (f(angles).repeat_interleave(2, -1)[None, :, None] for f in (torch.cos, torch.sin))
    turned = rotate(x, cos, sin)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    same = x[:, :1].expand_as(x)
    moved = rotate(same, cos, sin)
    one_step = (moved[:, 1:] * moved[:, :-1]).sum(-1)
    torch.testing.assert_close(one_step, one_step[:, :1].expand_as(one_step))
