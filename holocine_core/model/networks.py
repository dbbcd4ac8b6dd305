"""Holds a model's networks while a film is made: each loaded once, memory as the placement says.

Weights that leave the device are not copied back: they have not changed, so the module is pointed
at the tensors it was loaded with again (memory-mapped from the file where nothing had to change
its type). Weights may therefore be changed in the ``on_load`` hook and nowhere else, and there
only by giving a parameter other data: what lies in a file is mapped to be read only.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from holocine_core.errors import MachineError
from holocine_core.events import Emit, ModelLoaded, ignore
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.devices import free_memory
from holocine_core.model.failures import out_of_memory
from holocine_core.model.fp8 import store_in_fp8
from holocine_core.model.host_memory import pins
from holocine_core.model.lean import import_whole
from holocine_core.model.placement import Placement
from holocine_core.model.torch_device import require_gpu
from holocine_core.model.weights import load_component, require_mapped

OnLoad = Callable[[str, nn.Module], None]
"""Called with a part's name and network once it is loaded, before it is placed: for LoRA."""
_TRANSFORMERS = ("transformer", "transformer_2")
TOGETHER_BYTES = 2**30
"""Networks of which all together have fewer are no question of memory."""


def _change_nothing(part: str, network: nn.Module) -> None:
    """The hook of those who add nothing."""


class Networks:
    """The networks of one model, placed as ``placement`` says.

    Args:
        located: The model's files; only those of the parts that are used have to be there.
        placement: Device, precision and strategy.
        emit: Receives one ModelLoaded per part and loading.
        on_load: Sees every network between loading and placing.

    Raises:
        MachineError: Where the device is a GPU and torch sees none.
    """

    def __init__(
        self,
        located: LocatedModel,
        placement: Placement,
        *,
        emit: Emit = ignore,
        on_load: OnLoad = _change_nothing,
    ) -> None:
        self.located = located
        self.placement = placement
        self.device = torch.device(placement.device)
        self.dtype: torch.dtype = getattr(torch, placement.precision)
        self._emit = emit
        self._on_load = on_load
        self.given: dict[str, Any] = {}
        """Parts that someone else opened and placed: they are used as they are."""
        self._networks: dict[str, nn.Module] = {}
        self._away: dict[str, _Away] = {}
        require_gpu(placement.device)

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the parts in memory, wherever they lie."""
        return tuple(self._networks)

    @torch.inference_mode(False)
    def use(self, part: str) -> Any:
        """The network of ``part``, ready to run on the device.

        Unless everything is resident, the other networks leave the device first, and the text
        encoder leaves memory altogether: it has done its work. Where it is asked for again, as for
        a further film, the others make way for it: no placement has room for all.

        Raises:
            MachineError: Where files are missing or damaged, or the device's memory runs out.
        """
        if part in self.given:
            return self.given[part]
        if self.placement.strategy != "resident":
            for other in self.loaded:
                if other == "text_encoder" != part:
                    self.release(other)
                elif other != part:
                    self._bring_home(other)
        if part not in self._networks:
            if part == "text_encoder" and self._bytes(part, *self.loaded) > TOGETHER_BYTES:
                for other in self.loaded:
                    self.release(other)
            self._load(part)
        if part not in self._away and not self._moves_itself(part):
            self._send(part)
        return self._networks[part]

    def _bytes(self, *parts: str) -> int:
        """What the files of some parts take up."""
        return sum(self.located.component(part).bytes for part in parts)

    def release(self, part: str) -> None:
        """Forget a network and free its memory; using it again loads it again."""
        self._networks.pop(part, None)
        self._away.pop(part, None)
        self._free()

    def _load(self, part: str) -> None:
        started = time.perf_counter()
        files = self.located.component(part)
        if self.placement.strategy == "stream":
            # With the first expert the second one too: that is opened at half of the steps.
            also = _TRANSFORMERS if part in _TRANSFORMERS else ()
            for one in dict.fromkeys((part, *also)):
                if one in self.located.components:
                    require_mapped(self.located.component(one), self.dtype)
        network = load_component(files, self.dtype, read_only=True, keep_fp8=True)
        self._on_load(part, network)
        network.eval().requires_grad_(False)
        if self.placement.strategy == "fp8" and part in _TRANSFORMERS and files.form != "gguf":
            store_in_fp8(network, self.dtype)
        if self._moves_itself(part):
            pass_by_blocks(network, files, self.device)
        self._networks[part] = network
        self._emit(
            ModelLoaded(
                model=self.located.spec.name,
                part=part,
                seconds=time.perf_counter() - started,
                placement=self.placement.strategy,
            )
        )

    def _moves_itself(self, part: str) -> bool:
        return self.placement.strategy == "group" and part in (*_TRANSFORMERS, "text_encoder")

    def _send(self, part: str) -> None:
        away = _Away(self._networks[part])
        try:
            away.send(self.device)
        except RuntimeError as full:
            if not out_of_memory(full):
                raise
            away.bring_home()
            self._free()
            raise MachineError(
                f"{self.device} has too little memory for the {part} of {self.located.spec.name}",
                where=str(self.device),
                hint="close what else uses it, or choose a placement that needs less:"
                " swap, fp8 or group",
            ) from full
        self._away[part] = away

    def _bring_home(self, part: str) -> None:
        away = self._away.pop(part, None)
        if away is not None:
            away.bring_home()
            self._free()

    def _free(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            # Pinned pages are kept for what is pinned next: never again, once a network has gone.
            torch.accelerator.empty_host_cache()


class _Away:
    """A network on a device, and the tensors it left in main memory."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._left: dict[Tensor, Tensor] = {}

    @torch.inference_mode(False)
    @torch.no_grad()
    def send(self, device: torch.device) -> None:
        for tensor in self._tensors():
            self._left[tensor] = tensor.data
            tensor.data = _copied(tensor.data, device)

    @torch.inference_mode(False)
    @torch.no_grad()
    def bring_home(self) -> None:
        for tensor in self._tensors():
            home = self._left.get(tensor)
            # A tensor that came later has no twin at home.
            tensor.data = tensor.data.to("cpu") if home is None else home
        self._left.clear()

    def _tensors(self) -> Iterator[Tensor]:
        yield from self._network.parameters()
        yield from self._network.buffers()


def _copied(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.to(device)


def pass_by_blocks(network: Any, files: ComponentFiles, device: torch.device) -> None:
    """Keep a network in main memory and let its blocks visit the device one after another.

    The next block travels while one computes. Main memory is pinned for that where the network
    takes less than half of it; else each block is pinned as it leaves.
    """
    import_whole()
    from diffusers.hooks import apply_group_offloading

    held = sum(parameter.nbytes for parameter in network.parameters())
    streams = device.type == "cuda"
    by_block = files.name in _TRANSFORMERS
    apply_group_offloading(
        network,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="block_level" if by_block else "leaf_level",
        num_blocks_per_group=1 if by_block else None,
        use_stream=streams,
        low_cpu_mem_usage=streams and not pins(held, free_memory("cpu")),
    )
