"""Where a codec begins: the best linear one, from the blocks' own statistics.

Letters: N block, P number of a block (4 frames of 8x8 pixels, 3 colours), C latent channel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.model.autoencoder import FOLDED, RGB, STRIDE, AutoencoderFold

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
    around = (vectors_NP - mean).double()
    spreads, components = torch.linalg.eigh(around.T @ around / len(around))
    basis = components[:, -channels:]
    variance = spreads[-channels:].clamp_min(1e-9)
    carried = variance**_EVENNESS
    scale = (carried / carried.mean() / variance).sqrt()
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(channels, channels, generator=generator).double())[0]
    into = rotation @ (scale[:, None] * basis.T)
    out_of = (basis / scale) @ rotation.T
    encoder, decoder = network.encoder.linear, network.decoder.linear
    encoder.weight.copy_(into.float()[:, :, None, None])
    encoder.bias.copy_(-(into.float() @ mean))
    decoder.weight.copy_(_for_two_steps(out_of.float())[:, :, None, None])
    decoder.bias.copy_(_for_two_steps(mean[:, None])[:, 0])


def _for_two_steps(columns_PC: Tensor) -> Tensor:
    """Blocks as ``pixel_unshuffle`` by 8 orders them, in the order that the decoder's two shuffles,
    by 4 and by 2, take them."""
    images = F.pixel_shuffle(columns_PC.T[:, :, None, None], STRIDE)
    assert images.shape[1] == RGB * FOLDED
    ordered = F.pixel_unshuffle(F.pixel_unshuffle(images, 2), STRIDE // 2)
    return ordered[:, :, 0, 0].T
