"""Where a codec begins: the best linear one, from the blocks' own statistics.

Letters: N block, P number of a block (4 frames of 8x8 pixels, 3 colours), C latent channel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.model.nano_net.codec import FOLDED, RGB, STRIDE, AutoencoderFold

_EVENNESS = 0.5
"""Latents carry each principal component with this power of its spread. At 0 faint details would be
as loud in the latents as the light itself, and a generator would spend itself on them; at 1 they
would drown in its errors. At 0.5 a given error of the latents changes the picture least."""


@torch.no_grad()
def begin(network: AutoencoderFold, vectors_NP: Tensor, seed: int) -> None:
    """Set both linear ways to the principal components of ``vectors_NP``.

    Components are mixed by a random rotation, so that all channels vary alike: dividing each by its
    spread afterwards changes no component's share.
    """
    channels = network.config["z_dim"]
    mean = vectors_NP.mean(0)
    around = vectors_NP - mean
    spreads, components = torch.linalg.eigh((around.T @ around).double() / len(around))
    basis = components[:, -channels:]
    variance = spreads[-channels:].clamp_min(1e-9)
    carried = variance**_EVENNESS
    scale = (carried / carried.mean() / variance).sqrt()
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(channels, channels, generator=generator).double())[0]
    into = rotation @ (scale[:, None] * basis.T)
    out_of = (basis / scale) @ rotation.T
    _set(network.encoder.linear, into.float(), -(into.float() @ mean))
    ordered, middle = _for_two_steps(out_of.float()), _for_two_steps(mean[:, None])
    _set(network.decoder.linear, ordered, middle[:, 0])


def _set(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    assert layer.bias is not None
    layer.weight.copy_(weight[:, :, None, None])
    layer.bias.copy_(bias)


def _for_two_steps(columns_PC: Tensor) -> Tensor:
    """Blocks as ``pixel_unshuffle`` by 8 orders them, in the order that the decoder's two shuffles,
    by 4 and by 2, take them."""
    images = F.pixel_shuffle(columns_PC.T[:, :, None, None], STRIDE)
    assert images.shape[1] == RGB * FOLDED
    ordered = F.pixel_unshuffle(F.pixel_unshuffle(images, 2), STRIDE // 2)
    return ordered[:, :, 0, 0].T
