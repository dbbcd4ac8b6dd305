"""Whether torch has the device that was chosen without it."""

from __future__ import annotations

import os

from holocine_core.errors import MachineError


def require_gpu(device: str) -> None:
    """Raises MachineError where a device is a GPU and torch sees none."""
    if not device.startswith("cuda"):
        return
    # nvidia-smi, which free memory was read from, counts GPUs in this order.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    import torch

    if not torch.cuda.is_available():
        raise MachineError(
            f"torch {torch.__version__} sees no GPU",
            where=device,
            hint="`holocine doctor` shows what this machine has; --device cpu works everywhere",
        )
