"""Where a model's networks lie while a film is made: one rule, from free memory. No torch here.

Tried in this order; the first whose estimated peak is within 90 % of the device's free memory, and
what it holds in main memory within 90 % of that, wins (of those that compute as the film's takes
were begun, where some were):

========  =================================================  ==============================="""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from holocine_core.errors import InputError, MachineError
from holocine_core.model.components import Packing
from holocine_core.model.devices import imagined
from holocine_core.model.hardware import multiplies_bfloat16
from holocine_core.model.host_memory import NO_NEED, HostNeed, host_need
from holocine_core.model.kernels import KERNELS, CpuKernel, kernel_here
from holocine_core.model.memory import (
    PHASES,
    STRATEGIES,
    Needs,
    Phase,
    Precision,
    Strategy,
    device_phases,
    estimate_peaks,
)
from holocine_core.model.spec import ModelSpec

__all__ = ["STRATEGIES", "Needs", "Precision", "Strategy", "estimate_peaks"]
ON_GPU: tuple[Strategy, ...] = ("resident", "swap", "fp8", "group")
"""Those of a GPU, in the order in which they are tried."""
AS_ASKED = "as asked for"
"""Why it is this one where the caller named it."""
USABLE = 0.9
"""Share of the free memory that a placement may plan with."""
FLOAT32_BYTES = 4 * 2**30
STORED_IN_FP8 = "row-scaled fp8"
"""How takes are told to be computed that the placement fp8 makes. Before it had scales, theirs said
``fp8``: what was begun so does not go on with scales."""


@dataclass(frozen=True, slots=True)
class Free:
    """Free bytes; None where they are not known."""

    device: int | None = None
    main: int | None = None


UNKNOWN = Free()


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
    phases: Mapping[Phase, int] = field(default_factory=dict)
    """Estimated peak of each phase on the device."""
    host: HostNeed = NO_NEED
    """What it asks of main memory, estimated."""
    free: Free = UNKNOWN
    """What was free when it was chosen."""

    @property
    def tightest(self) -> str:
        """The phase of the peak, in words; empty where none was estimated."""
        if not self.phases:
            return ""
        phase = max(self.phases, key=lambda phase: self.phases[phase])
        return "denoising" if phase == "high" and "low" not in self.phases else PHASES[phase]

    @property
    def deciding_bytes(self) -> int:
        """What has to fit on the device: its peak; of a CPU all that main memory is asked for."""
        if self.device != "cpu":
            return self.peak_bytes
        kept = self.host.mapped if self.strategy == "resident" else 0
        return self.host.held + kept

    @property
    def main_free(self) -> int | None:
        """Free main memory where it played a part: not where the caller named the placement."""
        return None if self.reason == AS_ASKED else self.free.main

    @property
    def is_imagined(self) -> bool:
        """Whether the device is one that was only planned for."""
        return imagined(self.device) is not None

    def require_device(self) -> None:
        """Raises InputError where the device is one that was only planned for."""
        if self.is_imagined:
            raise InputError(
                f"{self.device} is a GPU to plan for, not one to work on",
                where="--device",
                hint="`holocine plan` takes it; work on auto, cpu, cuda or cuda:N",
            )

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
    needs: Needs,
    free: Free,
    device: str,
    override: Strategy | None = None,
    *,
    begun: str | None = None,
) -> Placement:
    """The placement for one film (see the table above).

    Args:
        spec: The model.
        needs: What its takes ask for beside the weights.
        free: Memory of the device, and main memory. Where the device's is not known: swap, which
            needs the least that costs neither quality nor much speed.
        device: As :func:`pick_device` names it.
        override: A strategy to take whatever the estimate says.
        begun: How the film's takes have been computed so far (``Placement.computing``): only
            strategies that compute alike are tried then, with the same kernel, so that a stopped
            take goes on.

    Raises:
        InputError: Where ``override`` is no strategy, or fp8 for transformers from GGUF.
        MachineError: Where no strategy fits, with the numbers and the remedies.
    """
    _check_override(override, device, needs.packed)
    plain = _undecided(device, precision_of(spec, device), begun, free)

    def placed(strategy: Strategy, reason: str = "") -> Placement:
        phases = device_phases(spec, needs, plain.precision, strategy)
        return replace(
            plain,
            strategy=strategy,
            peak_bytes=max(phases.values()),
            reason=reason,
            phases=phases,
            host=host_need(spec, needs, plain.precision, strategy, device, free.main),
        )

    if needs.packed == override == "fp8":
        return placed("swap", "its files are in fp8 as they are")
    if override is not None:
        return placed(override, AS_ASKED)
    everywhere: tuple[Strategy, ...] = ("resident",) if device == "cpu" else ON_GPU
    offered = [placed(name) for name in everywhere if not (needs.packed and name == "fp8")]
    alike = [one for one in offered if one.computing == begun]
    tried = alike or offered
    if free.device is None:
        likely = (one for one in tried if device == "cpu" or one.strategy != "resident")
        return replace(next(likely), reason=f"free memory of {device} is not known")
    for one in tried:
        if _fits(one):
            why = ", as the film was begun" if alike and alike != offered else ""
            there = "" if one.is_imagined else " free"
            reason = f"{_gib(one.deciding_bytes)} of {_gib(free.device)}{there}{why}"
            return replace(one, reason=reason)
    raise _too_little(spec, tried, begun if alike else None)


def _fits(one: Placement) -> bool:
    """Whether there is room enough, by estimate. A CPU's device is the main memory."""
    device, main = one.free.device, one.free.main
    if device is not None and one.deciding_bytes > device * USABLE:
        return False
    return one.device == "cpu" or main is None or one.host.held <= main * USABLE


def _undecided(device: str, precision: Precision, begun: str | None, free: Free) -> Placement:
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
        free=free,
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


def precision_of(spec: ModelSpec, device: str) -> Precision:
    """Type that a model's weights compute in on a device (see the table above)."""
    if device != "cpu":
        return "bfloat16"
    weights = spec.weight_bytes
    whole = weights.get("text_encoder", 0) + spec.experts * weights.get("transformer", 0)
    return "float32" if whole <= FLOAT32_BYTES else "bfloat16"


def _too_little(spec: ModelSpec, tried: Sequence[Placement], begun: str | None) -> MachineError:
    """What is said where no placement fits."""
    first = tried[0]
    device, main = first.device, first.free.main
    needs = ", ".join(f"{one.strategy} {_gib(one.deciding_bytes)}" for one in tried)
    free = f"{device} has {_gib(first.free.device or 0)} free and {spec.name} needs more"
    roomy = [one for one in tried if one.deciding_bytes <= (first.free.device or 0) * USABLE]
    if roomy and main is not None:
        device = "main memory"
        needs = ", ".join(f"{one.strategy} {_gib(one.host.held)}" for one in roomy)
        free = f"{_gib(main)} of main memory are free and {spec.name} holds more there"
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
        " (--size, or --profile draft), or use a larger machine; "
        + (
            "--memory stream reads the weights from their files block by block, slowly"
            if device == "cpu"
            else "--memory NAME tries one anyway"
        ),
    )


def _gib(size: int) -> str:
    gib = size / 2**30
    return f"{gib:.1f} GiB" if gib >= 0.1 else f"{size / 2**20:.1f} MiB"
