"""LoRAs of single shots: their tokens change as under the whole LoRA, all others not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.attention.segments import Windows
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.lora.per_shot import ShotLoras
from holocine_core.model.lora.places import SHARED
from holocine_core.script.timeline import LatentSpan
from tests.model.test_lora import (
    ALL,
    IN_BLOCKS,
    comfy_style,
    distance,
    merged,
    network,
    pairs_for,
    written,
)

SHOTS = (LatentSpan(0, 1), LatentSpan(1, 3), LatentSpan(3, 4))
APART: Windows = ((0, 1), (2, 3), (4, 5))
"""No row of text is read by two shots."""
PER_TOKEN = {name: sizes for name, sizes in ALL.items() if not name.startswith(SHARED)}


def layout(windows: Windows = APART) -> ShotLayout:
    """Shots that don't see each other: what changes in one cannot reach another."""
    return ShotLayout(shots=SHOTS, frame_tokens=4, windows=windows, sparse=True, summaries=False)


@torch.no_grad()
def filmed(net: WanTransformer3DModel, context: ShotContext, windows: Windows = APART) -> Tensor:
    """The network's output [C, F, H, W] on a fixed scene."""
    context.layout = layout(windows)
    generator = torch.Generator().manual_seed(3)
    out: Tensor = net(
        torch.randn(1, 16, 4, 4, 4, generator=generator),
        torch.tensor([700]),
        torch.randn(1, 6, 32, generator=generator),
        return_dict=False,
    )[0]
    return out[0]


def plain(net: WanTransformer3DModel, windows: Windows = APART) -> Tensor:
    context = ShotContext()
    install(net, context)
    return filmed(net, context, windows)


def with_shots(
    net: WanTransformer3DModel, files: dict[LoraFile, tuple[int, ...]], *whole: LoraFile
) -> tuple[ShotContext, ShotLoras]:
    context = ShotContext()
    shots = ShotLoras(context)
    apply_loras(net, "transformer", whole, tuple(files), shots)
    install(net, context)
    shots.shots = files
    return context, shots


@pytest.mark.parametrize("layers", [IN_BLOCKS, PER_TOKEN], ids=["blocks", "all that tokens pass"])
def test_a_shot_takes_all_of_its_lora_and_others_nothing(
    tmp_path: Path, layers: dict[str, tuple[str, int, int]]
) -> None:
    pairs = pairs_for(layers, seed=1)
    lora = LoraFile(path=written(tmp_path / "a.safetensors", comfy_style(pairs)), weight=0.6)
    without, everywhere = plain(network()), plain(merged(network(), pairs, 0.6))
    net = network()
    context, _ = with_shots(net, {lora: (1,)})
    out = filmed(net, context)
    assert distance(out[:, 1:3], everywhere[:, 1:3]) < 1e-5
    assert torch.equal(out[:, :1], without[:, :1])
    assert torch.equal(out[:, 3:], without[:, 3:])
    assert distance(everywhere[:, 1:3], without[:, 1:3]) > 1e-2


def test_text_that_shots_share_is_read_unchanged(tmp_path: Path) -> None:
    layers = {name: IN_BLOCKS[name] for name in IN_BLOCKS if ".attn2.to_k" in name}
    lora = LoraFile(path=written(tmp_path / "a", comfy_style(pairs_for(layers, seed=2))))
    lora = LoraFile(path=lora.path.rename(tmp_path / "a.safetensors"))
    together: Windows = ((0, 1, 2, 3, 4, 5),) * 3
    net = network()
    context, shots = with_shots(net, {lora: (1,)})
    assert torch.equal(filmed(net, context, together), plain(network(), together))
    assert not torch.equal(filmed(net, context), plain(network()))
    shots.shots = {lora: (0, 1, 2)}
    assert not torch.equal(filmed(net, context, together), plain(network(), together))


def test_two_shots_two_files_beside_the_films(tmp_path: Path) -> None:
    first, second, film = (pairs_for(IN_BLOCKS, seed) for seed in (3, 4, 5))
    files = [
        LoraFile(path=written(tmp_path / f"{name}.safetensors", comfy_style(pairs)))
        for name, pairs in (("first", first), ("second", second), ("film", film))
    ]
    net = network()
    context, shots = with_shots(net, {files[0]: (0,), files[1]: (2,)}, files[2])
    out = filmed(net, context)
    base = merged(network(), film, 1.0)
    for pairs, frames in ((first, slice(0, 1)), (None, slice(1, 3)), (second, slice(3, 4))):
        by_hand = plain(base if pairs is None else merged(base, pairs, 1.0))
        assert distance(out[:, frames], by_hand[:, frames]) < 1e-5
    shots.shots = {}
    assert distance(filmed(net, context), plain(base)) < 1e-5


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"diffusion_model.time_embedding.0": 256}, "time_embedder.linear_1"),
        ({"diffusion_model.blocks.0.norm3": None}, "blocks.0.norm2.weight"),
    ],
)
def test_what_shots_share_is_not_changed_for_one(
    tmp_path: Path, extra: dict[str, int | None], named: str
) -> None:
    state = comfy_style(pairs_for(IN_BLOCKS, seed=6))
    ((stem, inputs),) = extra.items()
    if inputs is None:
        state[f"{stem}.diff"] = torch.ones(24)
    else:
        state |= {f"{stem}.lora_down.weight": torch.ones(2, inputs)}
        state |= {f"{stem}.lora_up.weight": torch.ones(24, 2)}
    lora = LoraFile(path=written(tmp_path / "a.safetensors", state))
    with pytest.raises(InputError, match=f"all shots of a scene share: .*{named}") as caught:
        with_shots(network(), {lora: (0,)})
    assert "`lora:` of the film" in caught.value.hint
    apply_loras(network(), "transformer", [lora])  # The whole film may have it.
