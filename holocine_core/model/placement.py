"""Where a model's networks lie while a film is made: one rule, from free memory. No torch here.

Tried in this order; the first whose estimated peak is within 90 % of the device's free memory wins
(of those that compute as the film's takes were begun, where some were):

========  =====================================================  ===============================
strategy  on the device                                          estimated peak
========  =====================================================  ===============================
resident  every network, once the text encoder has gone          experts + VAE + activations
swap      one network at a time, the others in main memory       the largest + activations
fp8       as swap, the transformers' matrices in 8-bit floats    0.55 of a transformer, or the
          with a scale for each row                              text encoder, + activations
group     as swap, but transformer and text encoder pass         three blocks of a transformer,
          through the device block by block                      or a quarter of the encoder,
                                                                 + activations
========  =====================================================  ===============================

fp8 costs a little quality, group costs speed. Files that come in fp8 stay so in every placement,
and fp8 is swap for them. On the CPU there is nothing to choose: resident; but
``stream`` can be asked for there: weights stay in their files and are mapped into memory, so that
what is not at work can be let go again, for machines in which a 14B does not fit.
Weights compute in bfloat16 on a GPU; on the CPU in float32 up to 4 GiB of weights, so that small
models are exact and fast there, and in bfloat16 above. The VAE is float32 everywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from holocine_core.errors import InputError, MachineError
from holocine_core.model.components import Packing
from holocine_core.model.hardware import multiplies_bfloat16, processor_name
from holocine_core.model.kernels import KERNELS, CpuKernel, kernel_here
from holocine_core.model.spec import ModelSpec

Strategy = Literal["resident", "swap", "fp8", "group", "stream"]
Precision = Literal["bfloat16", "float32"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
ON_GPU: tuple[Strategy, ...] = ("resident", "swap", "fp8", "group")
"""Those of a GPU, in the order in which they are tried."""
USABLE = 0.9
"""Share of the free memory that a placement may plan with."""
FLOAT32_BYTES = 4 * 2**30
STORED_IN_FP8 = "row-scaled fp8"
"""How takes are told to be computed that the placement fp8 makes. Before it had scales, theirs said
``fp8``: what was begun so does not go on with scales."""
_FP8_SHARE = 0.55
_ENCODER_GROUP_SHARE = 0.25
_BLOCKS_AT_ONCE = 3
"""The block at work, the next one on its way, and what surrounds the blocks."""
_NVIDIA_SMI_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a model's networks are placed, and why."""

    strategy: Strategy
    device: str
    precision: Precision
    peak_bytes: int
    """Estimated peak on the device, activations included."""
    reason: str
    bf16: bool = False
    """Whether float32 is multiplied in bfloat16, where a processor is faster so."""
    kernel: CpuKernel = KERNELS[0]
    """How a processor does that."""

    @property
    def computing(self) -> str:
        """How numbers are computed: the same take, computed otherwise, differs in its last bits."""
        return self.computing_in(self.strategy)

    def computing_in(self, strategy: Strategy, kernel: CpuKernel | None = None) -> str:
        """How they are computed in another strategy, or with another kernel."""
        stored = STORED_IN_FP8 if strategy == "fp8" else self.precision
        kernel = kernel or self.kernel
        named = "" if kernel == KERNELS[0] else f" ({kernel})"
        products = f", products in bfloat16{named}" if self.bf16 else ""
        return f"{self.device.partition(':')[0]}, {self.precision}{products}, weights in {stored}"

    def kernel_of(self, computing: str | None) -> CpuKernel:
        """The kernel with which numbers are computed so; its own where there is none."""
        ways = ((self.computing_in(s, k), k) for s in STRATEGIES for k in KERNELS)
        return next((kernel for way, kernel in ways if way == computing), self.kernel)


def choose_placement(
    spec: ModelSpec,
    activation_bytes: int,
    free_bytes: int | None,
    device: str,
    override: Strategy | None = None,
    *,
    packed: Packing | None = None,
    begun: str | None = None,
) -> Placement:
    """The placement for one film (see the table above).

    Args:
        spec: The model.
        activation_bytes: Peak memory of one forward pass besides weights.
        free_bytes: Free memory of the device; None where it is not known: then swap, which needs
            the least that costs neither quality nor much speed.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        override: A strategy to take whatever the estimate says.
        packed: How the transformers come packed: they are not stored in fp8 then, and those that
            come in fp8 take ``swap`` for it.
        begun: How the film's takes have been computed so far (``Placement.computing``): only
            strategies that compute alike are tried then, with the same kernel, so that a stopped
            take goes on.

    Raises:
        InputError: Where ``override`` is no strategy, or fp8 for transformers from GGUF.
        MachineError: Where no strategy fits, with the numbers and the remedies.
    """
    _check_override(override, device, packed)
    precision = precision_of(spec, device)
    peaks = estimate_peaks(spec, activation_bytes, precision)
    plain = _undecided(device, precision, begun)

    def placed(strategy: Strategy, reason: str) -> Placement:
        return replace(plain, strategy=strategy, peak_bytes=peaks[strategy], reason=reason)

    if packed == override == "fp8":
        return placed("swap", "its files are in fp8 as they are")
    if override is not None:
        return placed(override, "as asked for")
    everywhere: tuple[Strategy, ...] = ("resident",) if device == "cpu" else ON_GPU
    offered = tuple(name for name in everywhere if not (packed and name == "fp8"))
    alike = tuple(name for name in offered if placed(name, "").computing == begun)
    if free_bytes is None:
        likely = (name for name in alike or offered if device == "cpu" or name != "resident")
        return placed(next(likely), f"free memory of {device} is not known")
    for strategy in alike or offered:
        if peaks[strategy] <= free_bytes * USABLE:
            why = ", as the film was begun" if alike and alike != offered else ""
            return placed(strategy, f"{_gib(peaks[strategy])} of {_gib(free_bytes)} free{why}")
    held = {name: peaks[name] for name in alike or offered}
    raise _too_little(spec, device, free_bytes, held, begun if alike else None)


def _undecided(device: str, precision: Precision, begun: str | None) -> Placement:
    """A placement of which only the way of computing is known: the one of takes begun before, where
    it is one of this machine's."""
    bf16 = device == "cpu" and precision == "float32" and multiplies_bfloat16()
    plain = Placement(
        strategy="resident",
        device=device,
        precision=precision,
        peak_bytes=0,
        reason="",
        bf16=bf16,
        kernel=kernel_here() if bf16 else KERNELS[0],
    )
    return replace(plain, kernel=plain.kernel_of(begun))


def _check_override(override: str | None, device: str, packed: Packing | None) -> None:
    if override is not None and override not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise InputError(f"there is no placement {override!r}", hint=f"choose one of {known}")
    if packed == "gguf" and override == "fp8":
        raise InputError(
            "GGUF files are packed already and are not stored in fp8",
            hint="choose another placement, or the safetensors files",
        )
    if override == "stream" and device != "cpu":
        raise InputError(
            "stream is a placement of the CPU", hint="`group` needs the least memory of a GPU"
        )
    if override == "stream" and packed == "gguf":
        raise InputError(
            "GGUF files are unpacked into memory and can't be streamed from their file",
            hint="use the safetensors files",
        )


def estimate_peaks(
    spec: ModelSpec, activation_bytes: int, precision: Precision
) -> dict[Strategy, int]:
    """Estimated peak bytes on the device per strategy, activations included."""
    wider = 2 if precision == "float32" else 1
    encoder = spec.weight_bytes.get("text_encoder", 0) * wider
    transformer = spec.weight_bytes.get("transformer", 0) * wider
    vae = spec.weight_bytes.get("vae", 0)
    blocks = transformer * _BLOCKS_AT_ONCE // spec.shape.layers
    weights: dict[Strategy, int] = {
        "resident": max(encoder, spec.experts * transformer + vae),
        "swap": max(encoder, transformer, vae),
        "fp8": max(encoder, int(transformer * _FP8_SHARE), vae),
        "group": max(int(encoder * _ENCODER_GROUP_SHARE), min(transformer, blocks), vae),
        "stream": min(transformer, blocks),
    }
    return {strategy: held + activation_bytes for strategy, held in weights.items()}


def pick_device(requested: str = "auto") -> str:
    """The device to work on: ``auto`` is the first GPU nvidia-smi lists, else the CPU.

    Raises:
        InputError: Where ``requested`` is no device's name.
        MachineError: Where a GPU is asked for by number or name and there is none.
    """
    kind, _, number = requested.partition(":")
    if requested == "cpu":
        return "cpu"
    if requested != "auto" and (kind != "cuda" or (number and not number.isdigit())):
        raise InputError(
            f"there is no device {requested!r}", hint="choose auto, cpu, cuda or cuda:N"
        )
    gpus = visible_gpus()
    if requested == "auto":
        return "cuda" if gpus else "cpu"
    if gpus is not None and int(number or 0) >= len(gpus):
        count = f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''}" if gpus else "no GPU"
        raise MachineError(
            f"{requested} was asked for and nvidia-smi lists {count}",
            where=requested,
            hint="`holocine doctor` shows what this machine has; --device cpu works everywhere",
        )
    return requested


def visible_gpus() -> tuple[str, ...] | None:
    """Names (numbers or UUIDs for nvidia-smi) of the GPUs this process may use.

    CUDA_VISIBLE_DEVICES is heeded. None where nvidia-smi is not there or does not answer.
    """
    listed = _nvidia_smi("--query-gpu=index", "--format=csv,noheader")
    if listed is None:
        return None
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return tuple(listed)
    names: list[str] = []
    for name in (entry.strip() for entry in chosen.split(",")):
        # CUDA ignores everything from the first name it does not know.
        if not name or name.startswith("-") or (name.isdigit() and name not in listed):
            break
        names.append(name)
    return tuple(names)


@cache
def machine_name(device: str) -> str:
    """What a device is called: the GPU's name, or the processor's with its cores."""
    if device == "cpu":
        return processor_name()
    number = int(device.partition(":")[2] or 0)
    gpus = visible_gpus()
    if not gpus or number >= len(gpus):
        return device
    answer = _nvidia_smi(f"--id={gpus[number]}", "--query-gpu=name", "--format=csv,noheader")
    return answer[0] if answer else device


def free_memory(device: str) -> int | None:
    """Free bytes of a GPU, or of main memory for ``cpu``; None where nobody says."""
    if device == "cpu":
        return _available_main_memory(Path("/proc/meminfo"))
    number = int(device.partition(":")[2] or 0)
    gpus = visible_gpus()
    if not gpus or number >= len(gpus):
        return None
    answer = _nvidia_smi(
        f"--id={gpus[number]}", "--query-gpu=memory.free", "--format=csv,noheader,nounits"
    )
    if not answer or not answer[0].isdigit():
        return None
    return int(answer[0]) * 2**20


def precision_of(spec: ModelSpec, device: str) -> Precision:
    """Type that a model's weights compute in on a device (see the table above)."""
    if device != "cpu":
        return "bfloat16"
    weights = spec.weight_bytes
    whole = weights.get("text_encoder", 0) + spec.experts * weights.get("transformer", 0)
    return "float32" if whole <= FLOAT32_BYTES else "bfloat16"


def _too_little(
    spec: ModelSpec,
    device: str,
    free_bytes: int,
    peaks: Mapping[Strategy, int],
    begun: str | None,
) -> MachineError:
    needs = ", ".join(f"{name} {_gib(peak)}" for name, peak in peaks.items())
    free = f"{device} has {_gib(free_bytes)} free and {spec.name} needs more"
    if begun is not None:
        return MachineError(
            f"{free} to go on as its takes were begun ({begun}): {needs}",
            where=device,
            hint="free this memory and run the same command again; --memory NAME begins the"
            " unfinished takes anew in another placement",
        )
    return MachineError(
        f"{free} in every placement: {needs}",
        where=device,
        hint="close what else uses this memory, shorten the scene or make the frame smaller"
        " (--profile draft), or use a larger machine; "
        + (
            "--memory stream reads the weights from their files block by block, slowly"
            if device == "cpu"
            else "--memory NAME tries one anyway"
        ),
    )


def _nvidia_smi(*arguments: str) -> list[str] | None:
    """Its answer line by line; None where it is not installed, fails or hangs."""
    binary = shutil.which("nvidia-smi")
    if binary is None:
        return None

    try:
        done = subprocess.run(
            [binary, *arguments],
            capture_output=True,
            text=True,
            timeout=_NVIDIA_SMI_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _available_main_memory(meminfo: Path) -> int | None:
    if not meminfo.is_file():
        return None
    for line in meminfo.read_text(encoding="ascii").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) * 1024
    return None


def _gib(size: int) -> str:
    gib = size / 2**30
    return f"{gib:.1f} GiB" if gib >= 0.1 else f"{size / 2**20:.1f} MiB"
