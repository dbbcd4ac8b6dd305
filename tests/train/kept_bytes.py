"""Counts what a pass of training takes, forward and back: on the CPU in a run, and as on a GPU
without numbers, with the rules of CUDA's autocast and attention that keeps no weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from diffusers import WanTransformer3DModel
from torch import Tensor
from torch.overrides import TorchFunctionMode

from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.cost import Geometry
from holocine_core.model.spec import ModelSpec
from holocine_core.train.lora import add_matrices
from holocine_core.train.recipe import Lora
from tests.model.device_bytes import LiveBytes

HALF = torch.bfloat16


class _Flash(torch.autograd.Function):
    """Attention's memory: queries, keys, values, output, and a number of every query and head."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        sums = torch.empty(q.shape[:-1], dtype=torch.float32, device=q.device)
        ctx.save_for_backward(q, k, v, out, sums)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return tuple(torch.empty_like(one) for one in ctx.saved_tensors[:3])


class CudaAutocast(TorchFunctionMode):
    """Casts as CUDA's autocast does, where a Wan transformer meets its lists."""

    narrow = frozenset({F.linear, F.conv3d, torch.conv3d})
    wide = frozenset({F.layer_norm, F.rms_norm, torch.layer_norm, torch.rms_norm})

    def __init__(self) -> None:
        super().__init__()
        self.active = False
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        to = HALF if func in self.narrow else torch.float32 if func in self.wide else None
        if to is not None:
            args = tuple(self.cast(one, to) for one in args)
            kwargs = {name: self.cast(one, to) for name, one in (kwargs or {}).items()}
        return func(*args, **(kwargs or {}))

    def cast(self, value: Any, to: torch.dtype) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.dtype == to:
            return value
        if not (to == HALF and value.is_leaf and value.requires_grad):
            return value.to(to)
        # A weight's narrow copy is kept until autocast ends.
        return self.kept.setdefault(id(value), (value, value.to(to)))[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A pass's bytes.

    Attributes:
        tokens: Video tokens of it.
        moving: Numbers that are trained.
        peak: Most bytes beside weights and their gradients.
    """

    tokens: int
    moving: int
    peak: int


def count_pass(
    spec: ModelSpec,
    latents: Geometry,
    *,
    train: str,
    bf16: bool,
    device: str = "cpu",
    checkpoint: bool = False,
    batch: int = 1,
    rank: int = 16,
) -> Counted:
    """A pass of a network of a model's dimensions, forward and back.

    Args:
        spec: The model.
        latents: Of each clip.
        train: ``lora`` or ``full``.
        bf16: Whether under autocast.
        device: ``cpu``, or ``meta`` for what a GPU would hold.
        checkpoint: Whether blocks keep only what enters them.
        batch: Clips.
        rank: Of the LoRA.
    """
    assert device == "cpu" or not (bf16 and checkpoint), "the pretended autocast ends too early"
    shape = spec.shape
    with torch.device(device):
        net = WanTransformer3DModel(
            num_layers=shape.layers,
            num_attention_heads=shape.heads,
            attention_head_dim=shape.width // shape.heads,
            ffn_dim=shape.ffn,
            text_dim=shape.text_width,
        )
    net.requires_grad_(train == "full")
    if train == "lora":
        _narrow(net if bf16 else None)
        add_matrices(net, Lora(rank=rank), 0)
    if checkpoint:
        net.enable_gradient_checkpointing()
    context = ShotContext()
    install(net.train(), context, "auto" if device == "cpu" else "varlen")
    context.layout = ShotLayout(
        shots=latents.shots,
        frame_tokens=latents.rows * latents.columns // shape.patch**2,
        windows=None,
        sparse=spec.attention == "sparse",
    )
    trained = [one for one in net.parameters() if one.requires_grad]
    for one in trained:
        one.grad = torch.zeros_like(one)
    size = (batch, shape.latent_channels, latents.frames, latents.rows, latents.columns)
    live = LiveBytes()
    with live, _kernels(device) as mode:
        video = torch.zeros(size, device=device)
        text = torch.zeros(batch, spec.text_tokens, shape.text_width, device=device)
        with _autocast(device, mode, bf16=bf16):
            out = net(video, torch.zeros(batch, device=device), text, return_dict=False)[0]
        loss = (out.float() - torch.zeros_like(video)).square().mean()
        del out
        loss.backward()
    tokens = batch * latents.frames * latents.rows * latents.columns // shape.patch**2
    return Counted(tokens=tokens, moving=sum(one.numel() for one in trained), peak=live.peak)


def _narrow(net: Any) -> None:
    """Weights that only stand still, stored as they compute."""
    for name, parameter in () if net is None else net.named_parameters():
        if not any(kept in name for kept in net._keep_in_fp32_modules):
            parameter.data = parameter.data.to(HALF)


@contextlib.contextmanager
def _kernels(device: str) -> Iterator[CudaAutocast]:
    """While this is open, attention is a GPU's where nothing is computed."""
    mode = CudaAutocast()

    def attend(query: Tensor, key: Tensor, value: Tensor, *also: Any, **more: Any) -> Tensor:
        taken = (query, key, value)
        if mode.active:
            taken = tuple(mode.cast(one, HALF) for one in taken)
        attended: Tensor = _Flash.apply(*taken)  # type: ignore[no-untyped-call]
        return attended

    if device == "cpu":
        yield mode
        return
    with (
        patch("torch.nn.functional.scaled_dot_product_attention", attend),
        patch("torch.nn.attention.varlen.varlen_attn", attend),
    ):
        yield mode


@contextlib.contextmanager
def _autocast(device: str, mode: CudaAutocast, *, bf16: bool) -> Iterator[None]:
    if device == "cpu" or not bf16:
        with torch.autocast("cpu", dtype=HALF, enabled=bf16):
            yield
        return
    with mode:
        mode.active = True
        yield
    mode.active = False
    mode.kept.clear()
