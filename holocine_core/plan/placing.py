"""Where a film's networks will lie, by what its takes ask for and what is free. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from holocine_core.errors import InputError, MachineError, Problem
from holocine_core.model.components import LocatedModel, packing
from holocine_core.model.decode_cost import vae_encode_bytes
from holocine_core.model.devices import free_memory, imagined
from holocine_core.model.host_memory import homes_of
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.lora.size import lora_sizes
from holocine_core.model.memory import Needs
from holocine_core.model.placement import (
    AS_ASKED,
    STRATEGIES,
    USABLE,
    Free,
    Placement,
    Strategy,
    choose_placement,
    precision_of,
)
from holocine_core.model.spec import ModelSpec
from holocine_core.plan.state import begun_in
from holocine_core.plan.values import Take
from holocine_core.store.vault import Vault
from holocine_core.units import memory

CHUNK = 4
"""Frames that the VAE decodes in one go."""
STILL = 5
"""Frames of a picture while it is encoded: the second latent frame of a still clip is kept."""
_SECONDS = {"swap": "in every take", "group": "in every pass of every step"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a film is made on.

    Attributes:
        device: As ``pick_device`` names it.
        memory: The placement that is asked for, or ``auto``.
        gpus: That make it together.
    """

    device: str
    memory: str
    gpus: int = 1

    @property
    def free(self) -> Free:
        """What is free there; of a GPU that is only planned for, nothing of its machine's."""
        main = None if imagined(self.device) else free_memory("cpu")
        return Free(free_memory(self.device), main)


def place(
    located: LocatedModel,
    takes: Sequence[Take],
    loras: Sequence[LoraFile],
    machine: Machine,
    vault: Vault,
) -> tuple[Placement, list[Problem]]:
    """Where the networks will lie, and what is in the way: too little memory, missing files.

    Where nothing fits it is the placement that needs least.
    """
    spec, device, asked = located.spec, machine.device, machine.memory
    missing = [
        Problem(f"{spec.name} lacks its {file.part}: {file.path.name}", str(file.path), file.hint)
        for file in located.missing
    ]
    if asked not in ("auto", *STRATEGIES):
        raise InputError(
            f"there is no placement '{asked}'", hint=f"one of auto, {', '.join(STRATEGIES)}"
        )
    override = None if asked == "auto" else cast(Strategy, asked)
    needs, free = needs_of(located, takes, loras, machine), machine.free
    closest: Strategy = "resident" if device == "cpu" else "group"
    any_of_them = choose_placement(spec, needs, free, device, closest)
    begun = begun_in(takes, any_of_them, vault)
    try:
        placement = choose_placement(spec, needs, free, device, override, begun=begun)
        return placement, missing
    except MachineError as error:
        alike = [name for name in STRATEGIES if any_of_them.computing_in(name) == begun]
        least = closest if not alike or closest in alike else alike[-1]
        placement = choose_placement(spec, needs, free, device, least, begun=begun)
        placement = replace(placement, reason="does not fit, the least that could be tried")
        return placement, [Problem(error.message, error.where, error.hint), *missing]


def needs_of(
    located: LocatedModel, takes: Sequence[Take], loras: Sequence[LoraFile], machine: Machine
) -> Needs:
    """What a film's takes ask for beside the weights of its networks."""
    spec, cpu = located.spec, machine.device == "cpu"
    of_shots = dict.fromkeys(one.lora for take in takes for one in take.loras)
    return Needs(
        denoise_bytes=max(take.cost.activation_bytes for take in takes),
        decode_bytes=max(take.cost.decode_bytes for take in takes),
        encode_bytes=max(_encode_bytes(take, spec, cpu=cpu) for take in takes),
        frame_bytes=max(_frame_bytes(take, spec) for take in takes),
        loras=lora_sizes([*loras, *of_shots]),
        homes=homes_of(located, precision_of(spec, machine.device)),
        takes=len(takes),
        processes=machine.gpus,
        packed=packing(located.components),
    )


def _encode_bytes(take: Take, spec: ModelSpec, *, cpu: bool) -> int:
    """Most memory beside the VAE while it encodes what a take is given; 0 where that is nothing."""
    frames = take.timeline.frames if take.upscaled else STILL if take.pictures else 0
    if not frames:
        return 0
    width, height = take.sampling.width, take.sampling.height
    return vae_encode_bytes(width, height, frames, spec.vae, cpu=cpu)


def _frame_bytes(take: Take, spec: ModelSpec) -> int:
    """Frames and latents in main memory: the chunk that goes to the encoder, and as it was made; a
    draft's as a whole, before and after it is enlarged."""
    pixels = 3 * take.sampling.width * take.sampling.height
    latents = take.timeline.latent_frames * spec.shape.latent_channels * 4
    latents *= (take.sampling.width // spec.spatial_stride) * (
        take.sampling.height // spec.spatial_stride
    )
    drafts = 4 * take.timeline.frames * pixels if take.upscaled else 0
    return 4 * CHUNK * pixels + 8 * latents + drafts


def memory_warnings(placement: Placement) -> Iterator[Problem]:
    """What of memory is told though it keeps nobody from rendering.

    Args:
        placement: As it was chosen.
    """
    strategy, host, free = placement.strategy, placement.host, placement.free
    if placement.reason == AS_ASKED:
        for device, need, room in (
            (placement.device, placement.deciding_bytes, free.device),
            ("main memory", host.held, None if placement.device == "cpu" else free.main),
        ):
            if room is not None and need > room * USABLE:
                yield Problem(
                    f"--memory {strategy} asks for {memory(need)} of {device}, of which "
                    f"{memory(room)} are free",
                    device,
                    "`--memory auto` takes a placement that fits, where there is one",
                )
    if free.main is None or strategy not in _SECONDS:
        return
    left = max(0, free.main - host.held)
    if host.mapped > left:
        yield Problem(
            f"{strategy} reads {memory(host.mapped)} of weights {_SECONDS[strategy]}, and main "
            f"memory has room for {memory(left)} of them: the rest comes from the disk each time",
            "main memory",
            "free main memory, or put the weights on a fast disk",
        )
