"""A device's failures, as errors that say what to do."""

from __future__ import annotations

import contextlib
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError

from holocine_core.errors import HolocineError, MachineError

# How libraries below torch say that memory is full, in their plain RuntimeErrors.
_FULL = (
    "out of memory",
    "can't allocate memory",
    "Cannot allocate memory",
    "ALLOC_FAILED",
    "unable to find an engine to execute this computation",
)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's or the main memory is full."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _FULL)


@contextlib.contextmanager
def device_errors(doing: str, hint: str) -> Iterator[None]:
    """Turn running out of memory, and a device that fails, into a MachineError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if out_of_memory(error):
            raise MachineError(f"memory ran out while {doing}", hint=hint) from error
        if isinstance(error, torch.AcceleratorError):
            told = str(error).partition("\n")[0]
            raise MachineError(
                f"the device failed while {doing}: {told}",
                hint="run the same command again, in a new process: what is finished is kept",
            ) from error
        raise


@contextlib.contextmanager
def misread(path: Path) -> Iterator[None]:
    """Around a library that reads a weight file: what is not as it should be ends there in
    whatever error it meets.

    Raises:
        MachineError: It did.
    """
    try:
        yield
    except HolocineError:
        raise
    except pickle.UnpicklingError:
        raise  # Says that it would have run something.
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
        struct.error,
        zipfile.BadZipFile,
    ) as broken:
        if out_of_memory(broken):
            raise MachineError(
                f"memory ran out while {path.name} was opened",
                where=str(path),
                hint="free some memory; if there is enough, the file promises more than it holds",
            ) from broken
        raise MachineError(
            f"{path.name} is damaged: {str(broken).strip():.300}",
            where=str(path),
            hint="fetch it again; `holocine models verify` checks every file of a model",
        ) from broken
