"""A device without one: memory of torch's `meta` tensors, which have sizes and no numbers.

Networks pass through the code that places them on a GPU; what is alive is counted, weights
included: what lies in a file, what is the process's own, and what is on the device. Nothing is
computed, so that sizes may be real ones.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal
from unittest.mock import patch

import torch
from diffusers.hooks import group_offloading
from diffusers.hooks.group_offloading import ModuleGroup
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from holocine_core.model import networks as placing
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.cost import Geometry
from holocine_core.model.memory import EXPERTS, Phase, Strategy
from holocine_core.model.networks import Networks
from holocine_core.model.placement import Placement, Precision
from holocine_core.model.weights import empty_network

Place = Literal["file", "main", "device"]


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors that operations made and that are still alive: on the device,
    unless :meth:`at` says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.place: Place = "device"
        self.now: dict[Place, int] = {"file": 0, "main": 0, "device": 0}
        self.peaks = dict(self.now)
        self._known: dict[int, tuple[Place, int]] = {}

    @property
    def peak(self) -> int:
        """On the device."""
        return self.peaks["device"]

    def begin(self) -> None:
        """Peaks are counted from here on."""
        self.peaks = dict(self.now)

    @contextmanager
    def at(self, place: Place) -> Iterator[None]:
        """While this is open, what is made lies there."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._watch((args, kwargs), count=False)
        out = func(*args, **(kwargs or {}))
        self._watch(out, count=True)
        return out

    def _watch(self, values: Any, *, count: bool) -> None:
        for tensor in tree_leaves(values):
            if not isinstance(tensor, Tensor):
                continue
            storage = tensor.untyped_storage()
            key = storage._cdata
            if key not in self._known:
                size = storage.nbytes() if count else 0
                self._known[key] = self.place, size
                self.now[self.place] += size
                self.peaks[self.place] = max(self.peaks[self.place], self.now[self.place])
                weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        place, size = self._known.pop(key)
        self.now[place] -= size


@contextmanager
def fused_attention() -> Iterator[None]:
    """Attention that keeps no score matrix, as on a GPU; only shapes matter here."""

    def fused(query: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return torch.empty_like(query)

    with (
        patch("torch.nn.functional.scaled_dot_product_attention", fused),
        patch("torch.nn.attention.varlen.varlen_attn", fused),
    ):
        yield


def hollow(files: ComponentFiles, dtype: torch.dtype, live: LiveBytes) -> Any:
    """A part's network as it is loaded from a file in its type, without numbers: what is float32
    whatever the others are leaves the file."""
    wide = torch.float32
    with live.at("file"):
        with torch.device("meta"):
            network = empty_network(files)
        stored = wide if files.name == "vae" else dtype
        _cast(network, lambda name: stored)
    kept = frozenset(network._keep_in_fp32_modules if files.name in EXPERTS else ())
    _cast(network, lambda name: wide if kept.intersection(name.split(".")) else stored)
    if files.name == "text_encoder":
        network.set_input_embeddings(network.shared)
    return network.eval().requires_grad_(False)


def _cast(network: nn.Module, dtype_of: Callable[[str], torch.dtype]) -> None:
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype_of(name))


@contextmanager
def pretended(live: LiveBytes) -> Iterator[None]:
    """While this is open, networks have no numbers, and the device is what is on none."""
    left: dict[Tensor, Tensor] = {}

    def load(files: ComponentFiles, dtype: torch.dtype, **also: Any) -> Any:
        return hollow(files, dtype, live)

    def copied(tensor: Tensor, device: torch.device) -> Tensor:
        return torch.empty_like(tensor)

    def visits(group: Any, tensor: Tensor, source: Tensor, stream: Any) -> None:
        if tensor not in left:  # What is there already is not moved again.
            left[tensor] = tensor.data
            tensor.data = copied(source, source.device)

    def leaves(group: Any) -> None:
        of_modules = (t for m in group.modules for t in (*m.parameters(), *m.buffers()))
        for tensor in (*of_modules, *group.parameters, *group.buffers):
            tensor.data = left.pop(tensor, tensor.data)

    into_main = placing.Networks._load

    def loading(networks: Networks, part: str) -> None:
        with live.at("main"):
            into_main(networks, part)

    with ExitStack() as stack:
        for what, name, by in (
            (placing, "load_component", load),
            (placing, "_copied", copied),
            (group_offloading, "TorchDeviceBackend", lambda device: None),
            (ModuleGroup, "_transfer_tensor_to_device", visits),
            (ModuleGroup, "_offload_to_memory", leaves),
            (Networks, "_load", loading),
        ):
            stack.enter_context(patch.object(what, name, by))
        yield


class Pass:
    """One film's phases, one after the other.

    Args:
        located: The model; of its files only the configs are read on the meta device.
        strategy: Of the placement.
        latents: Of the take.
        change: What is laid over each expert, before it is placed.
        device: ``meta``, or a GPU.
        precision: Of the weights.
    """

    def __init__(
        self,
        located: LocatedModel,
        strategy: Strategy,
        latents: Geometry,
        change: Callable[[nn.Module], None] = lambda network: None,
        device: str = "meta",
        precision: Precision = "bfloat16",
    ) -> None:
        self._located = located
        self._latents = latents
        self._change = change
        self._device = torch.device(device)
        self._dtype: torch.dtype = getattr(torch, precision)
        self._context = ShotContext()
        placement = Placement(
            strategy=strategy, device=device, precision=precision, peak_bytes=0, reason=""
        )
        self.networks = Networks(located, placement, on_load=self._prepare)

    def _prepare(self, part: str, network: Any) -> None:
        if part in EXPERTS:
            self._change(network)
            install(network, self._context, "varlen")

    def phases(self) -> Iterator[tuple[Phase, Callable[[], None]]]:
        """Each phase's name and what computes it; its network is there already, and so are all that
        the second take finds there."""
        works: tuple[tuple[Phase, str, Callable[[], None]], ...] = (
            ("text", "text_encoder", self._encode),
            ("high", "transformer", lambda: self._denoise("transformer")),
            ("low", "transformer_2", lambda: self._denoise("transformer_2")),
            ("decode", "vae", self._decode),
        )
        for phase, part, work in works:
            if phase == "high" and self.networks.placement.strategy == "resident":
                for other in (*EXPERTS, "vae"):
                    self.networks.use(other)
            self.networks.use(part)
            yield phase, work
            if part == "text_encoder":
                self.networks.release(part)

    @torch.no_grad()
    def _encode(self) -> None:
        encoder = self.networks.use("text_encoder")
        rows = self._located.spec.text_tokens
        encoder(torch.zeros(1, rows, dtype=torch.long, device=self._device))

    @torch.no_grad()
    def _denoise(self, part: str) -> None:
        network, spec, latents = self.networks.use(part), self._located.spec, self._latents
        self._context.layout = ShotLayout(
            shots=latents.shots,
            frame_tokens=latents.rows * latents.columns // spec.shape.patch**2,
            windows=None,
            sparse=spec.attention == "sparse",
        )
        there: dict[str, Any] = {"dtype": self._dtype, "device": self._device}
        size = (1, spec.shape.latent_channels, latents.frames, latents.rows, latents.columns)
        text = torch.zeros(1, spec.text_tokens, spec.shape.text_width, **there)
        time = torch.zeros(1, device=self._device)
        network(torch.zeros(size, **there), time, text, return_dict=False)

    @torch.no_grad()
    def _decode(self) -> None:
        vae, latents = self.networks.use("vae"), self._latents
        frames = min(3, latents.frames)
        size = (1, vae.config.z_dim, frames, latents.rows, latents.columns)
        noise = torch.zeros(size, device=self._device)
        vae.clear_cache()
        for index in range(frames):
            vae._conv_idx = [0]
            pixels = vae.decoder(
                vae.post_quant_conv(noise[:, :, index : index + 1]),
                feat_cache=vae._feat_map,
                feat_idx=vae._conv_idx,
                first_chunk=index == 0,
            )
        del pixels
        vae.clear_cache()


def measured(passing: Pass) -> dict[Phase, tuple[int, int]]:
    """Most bytes on the device in each phase, and most of the process's own in main memory by its
    end, without numbers."""
    found: dict[Phase, tuple[int, int]] = {}
    live = LiveBytes()
    with live, pretended(live), fused_attention():
        for phase, work in passing.phases():
            live.begin()
            work()
            found[phase] = live.peak, live.peaks["main"]
    return found
