"""The devices of a machine: their names, their free memory, by nvidia-smi. No torch here.

``cuda:24gb`` is a GPU of so much memory to plan for: none is looked at.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache

from holocine_core.errors import InputError, MachineError
from holocine_core.model.free_memory import free_main_memory
from holocine_core.model.hardware import processor_name

_IMAGINED = re.compile(r"cuda:(\d{1,4}(?:\.\d+)?)gb")
"""A GPU of so much memory, which needs not be there."""
_NVIDIA_SMI_SECONDS = 10


def pick_device(requested: str = "auto") -> str:
    """The device to work on: ``auto`` is the first GPU nvidia-smi lists, else the CPU.

    ``cuda:24gb`` is a GPU to plan for: it is taken as it is.

    Raises:
        InputError: Where ``requested`` is no device's name.
        MachineError: Where a GPU is asked for by number or name and there is none.
    """
    require_device_name(requested)
    if imagined(requested):
        return requested.lower()
    if requested == "cpu":
        return "cpu"
    number = requested.partition(":")[2]
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


def require_device_name(requested: str) -> None:
    """Raises InputError where a text is no device's name; whether it is there is not looked at."""
    kind, _, number = requested.partition(":")
    named = requested in ("auto", "cpu") or (kind == "cuda" and (not number or number.isdigit()))
    if not named and not imagined(requested):
        raise InputError(
            f"there is no device {requested!r}",
            hint="choose auto, cpu, cuda or cuda:N; cuda:24gb plans for a GPU of so much memory",
        )


def imagined(device: str) -> int | None:
    """Bytes of a GPU that is only planned for, such as ``cuda:24gb``; None for any other device.

    A card of "24 GB" has 24 GiB, as their makers count.
    """
    told = _IMAGINED.fullmatch(device.lower())
    return round(float(told[1]) * 2**30) if told else None


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
    if imagined(device):
        return f"a GPU of {device.partition(':')[2]}"
    number = int(device.partition(":")[2] or 0)
    gpus = visible_gpus()
    if not gpus or number >= len(gpus):
        return device
    answer = _nvidia_smi(f"--id={gpus[number]}", "--query-gpu=name", "--format=csv,noheader")
    return answer[0] if answer else device


def free_memory(device: str) -> int | None:
    """Free bytes of a GPU, or of main memory for ``cpu``; None where nobody says."""
    if device == "cpu":
        return free_main_memory()
    if (planned := imagined(device)) is not None:
        return planned
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
