"""Several scenes' text in one pass: the same as one by one, with gradients."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from diffusers import WanTransformer3DModel

from holocine_core.errors import InputError
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.folders import locate_folder
from holocine_core.model.locate import load_tokenizer
from holocine_core.model.tiny import write_tiny
from holocine_core.model.weights import load_component
from holocine_core.sample.conditioning import (
    BatchConditioning,
    ContextRows,
    batch_conditioning,
    folded,
    negative_conditioning,
    scene_conditioning,
)
from holocine_core.script.timeline import LatentSpan
from tests.train.texts import prompt

LENGTH = 96
READS = ContextRows(LENGTH)
BARE = ContextRows(LENGTH, padding=False)


@pytest.fixture(scope="module")
def text_side(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp("text") / "tiny"
    write_tiny(folder, experts=1)
    located = locate_folder(folder)
    return load_tokenizer(located), load_component(located.component("text_encoder"), torch.float32)


def unfolded(batch: BatchConditioning, i: int) -> tuple[torch.Tensor, list[tuple[int, ...]]]:
    """An item's rows and windows with all of its padding."""
    text = torch.zeros(LENGTH, batch.text_BLD.shape[2])
    rows = batch.text_BLD[i].detach()
    text[: len(rows)] = rows
    first = max(row for window in batch.windows[i] for row in window)
    return text, [
        (*window[: window.index(first)], *range(first, first + window.count(first)))
        for window in batch.windows[i]
    ]


def test_a_batch_is_encoded_as_one_by_one(text_side: tuple[Any, Any]) -> None:
    prompts = [prompt(i, 3) for i in range(5)]
    batch = batch_conditioning(prompts, 3, *text_side, READS)
    lengths = [len(text_side[0].encode(one.text).ids) for one in prompts]
    assert len(set(lengths)) > 1, "prompts of one length prove nothing about padding"
    assert batch.text_BLD.shape[1] == max(lengths) + 1
    for i, one in enumerate(prompts):
        alone = scene_conditioning(one, *text_side, READS)
        text, windows = unfolded(batch, i)
        assert torch.allclose(text, alone.text_BLD[0], atol=1e-5)
        assert tuple(windows) == alone.windows
        assert max(batch.windows[i][0]) == lengths[i]


def test_an_item_without_text_is_encoded_as_the_empty_negative(text_side: tuple[Any, Any]) -> None:
    batch = batch_conditioning([prompt(1, 2), None], 2, *text_side, READS)
    empty = negative_conditioning("", *text_side, READS)
    text, windows = unfolded(batch, 1)
    assert torch.allclose(text, empty.text_BLD[0], atol=1e-5)
    assert windows == [tuple(range(LENGTH))] * 2


def test_a_prompt_that_fills_all_rows_has_no_padding(text_side: tuple[Any, Any]) -> None:
    one = prompt(3, 2)
    length = len(text_side[0].encode(one.text).ids)
    for room in (length, length + 1):
        batch = batch_conditioning([one], 2, *text_side, ContextRows(room))
        alone = scene_conditioning(one, *text_side, ContextRows(room))
        assert batch.windows[0] == alone.windows
        assert batch.text_BLD.shape[1] == room


@torch.no_grad()
def test_without_padding_only_text_is_read(text_side: tuple[Any, Any]) -> None:
    tokenizer, encoder = text_side
    prompts = [prompt(i, 3) for i in range(4)]
    lengths = [len(tokenizer.encode(one.text).ids) for one in prompts]
    batch = batch_conditioning([*prompts, None], 3, tokenizer, encoder, BARE)
    assert batch.text_BLD.shape[1] == max(lengths)
    for i, (one, length) in enumerate(zip(prompts, lengths, strict=True)):
        alone = scene_conditioning(one, tokenizer, encoder, BARE)
        padded = scene_conditioning(one, tokenizer, encoder, READS)
        assert torch.equal(alone.text_BLD, padded.text_BLD[:, :length])
        assert torch.allclose(batch.text_BLD[i, :length], alone.text_BLD[0], atol=1e-5)
        assert batch.windows[i] == alone.windows
        assert alone.windows is not None
        assert padded.windows is not None
        assert alone.windows == tuple(
            tuple(row for row in window if row < length) for window in padded.windows
        )
    empty = negative_conditioning("", tokenizer, encoder, BARE)
    assert empty.text_BLD.shape[1] == 1
    assert batch.windows[4] == ((0,),) * 3


@torch.no_grad()
def test_shots_read_alone_follow_each_other_without_padding(text_side: tuple[Any, Any]) -> None:
    one = prompt(1, 3)
    text = scene_conditioning(one, *text_side, BARE, "per-shot")
    first = 0
    assert text.windows is not None
    for window, words in zip(text.windows, one.windows, strict=True):
        length = len(text_side[0].encode(words).ids)
        assert set(window) <= set(range(first, first + length))
        first += length
    assert text.text_BLD.shape[1] == first


def test_gradients_reach_the_encoder_as_one_by_one(text_side: tuple[Any, Any]) -> None:
    tokenizer, encoder = text_side
    weight = encoder.encoder.block[0].layer[0].SelfAttention.q.weight
    weight.requires_grad_(True)
    prompts = [prompt(0, 2), prompt(4, 2)]
    gradients = []
    for sets in ([prompts], [[one] for one in prompts]):
        weight.grad = None
        for some in sets:
            text = batch_conditioning(some, 2, tokenizer, encoder, READS).text_BLD
            text.square().sum().backward()  # type: ignore[no-untyped-call]
        gradients.append(weight.grad.clone())
    weight.requires_grad_(False)
    assert gradients[0].abs().max() > 0
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-5)


def test_a_prompt_that_is_too_long_is_refused(text_side: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match="the model reads 16"):
        batch_conditioning([prompt(4, 3)], 3, *text_side, ContextRows(16))


@pytest.mark.parametrize("kind", ["scene", "per-shot", "negative"])
@torch.no_grad()
def test_folded_text_gives_the_same_velocity(
    text_side: tuple[Any, Any], kind: Literal["scene", "per-shot", "negative"]
) -> None:
    shots = (LatentSpan(0, 2), LatentSpan(2, 3), LatentSpan(3, 5))
    if kind == "negative":
        text = negative_conditioning("blurred, cut off", *text_side, READS)
    else:
        text = scene_conditioning(prompt(1, 3), *text_side, READS, kind)
    torch.manual_seed(0)
    network = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        text_dim=text.text_BLD.shape[-1],
        freq_dim=32,
        ffn_dim=32,
        num_layers=2,
    ).eval()
    context = ShotContext()
    install(network, context)
    x = torch.randn(1, 4, 5, 4, 4)
    velocities = []
    for one in (text, folded(text, len(shots))):
        context.layout = ShotLayout(
            shots=shots, frame_tokens=4, windows=one.windows, sparse=kind == "scene"
        )
        velocities.append(
            network(
                hidden_states=x,
                timestep=torch.tensor([700.0]),
                encoder_hidden_states=one.text_BLD,
                return_dict=False,
            )[0]
        )
        rows = one.text_BLD.shape[1]
    assert rows < text.text_BLD.shape[1]
    torch.testing.assert_close(*velocities, atol=2e-6, rtol=1e-5)
