"""Tensors into a safetensors file, with the operating system's refusals as OSError."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file.

    Raises:
        OSError: With the system's number where safetensors tells it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(whole, path, dict(metadata) if metadata is not None else None)
        # safetensors keeps files to their owner; those of a cluster's other users may be wanted.
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)
    except SafetensorError as failed:
        found = re.search(r"os error (\d+)", str(failed))
        number = int(found[1]) if found else None
        raise OSError(number, str(failed)) from failed
