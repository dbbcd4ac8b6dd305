"""Whether a machine has what a film's takes ask for beside memory: its GPU, and room on the disk.

May import: plan, store, model.torch_device.
"""

from __future__ import annotations

import shutil

from holocine_core.errors import MachineError
from holocine_core.model.torch_device import require_gpu
from holocine_core.plan.before import needed_parts
from holocine_core.plan.values import Plan, Take
from holocine_core.store.vault import Vault, disk_errors
from holocine_core.units import memory

LEAST_CLIP_BYTES = 0.5
"""Of a pixel in a take's lossless clip: few films take less, most two to six times as much
(fleet/forecast.py tells what was measured)."""
LATENT_BYTES = 4


def require_networks(plan: Plan) -> None:
    """Find out before the work whether the GPU is there that networks are to work on.

    Raises:
        MachineError: Torch sees no GPU.
    """
    vault = Vault(plan.work)
    if any(needed_parts(take, vault) for take in plan.takes):
        require_gpu(plan.device)


def require_disk(plan: Plan) -> None:
    """Find out before the work whether the disk is sure to be full before the work's end.

    Raises:
        MachineError: The takes that lack need more than is free where the work folder lies.
    """
    vault = Vault(plan.work)
    need = round(sum(_bytes(plan, take, vault) for take in plan.takes))
    if not need:
        return
    with disk_errors("look at the work folder's disk", plan.work):
        free = shutil.disk_usage(plan.work).free
    if need > free:
        raise MachineError(
            f"the film's takes need {memory(need)} of disk or more, and {memory(free)} are free",
            where=str(plan.work),
            hint="free some space, or give the film a work folder on another disk with --work",
        )


def _bytes(plan: Plan, take: Take, vault: Vault) -> float:
    """What is still to be written of a take, at least."""
    if vault.find("clips", take.clip_key) is not None:
        return 0
    spec, size = plan.model.spec, take.sampling
    clip = LEAST_CLIP_BYTES * size.width * size.height * take.timeline.frames
    if vault.find("latents", take.latents_key) is not None:
        return clip
    cells = (size.width // spec.spatial_stride) * (size.height // spec.spatial_stride)
    latents = spec.shape.latent_channels * take.timeline.latent_frames * cells
    return clip + LATENT_BYTES * latents
