"""Low-rank matrices beside a transformer's layers, by peft, saved as diffusers saves them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import nn

from holocine_core.errors import InputError
from holocine_core.model.parallel import Team
from holocine_core.store.files import atomic
from holocine_core.store.tensors import same_weights, write_tensors
from holocine_core.store.vault import disk_errors
from holocine_core.train.recipe import Lora
from holocine_core.train.sharding import whole_on_leader

ADAPTER = "default"
PREFIX = "transformer"
"""diffusers saves one file per expert, both under this name."""


def add_matrices(transformer: Any, settings: Lora, seed: int) -> None:
    """Freeze a transformer and add trainable matrices that change nothing at first.

    Raises:
        InputError: A target names no linear layer.
    """
    linear = [n for n, module in transformer.named_modules() if isinstance(module, nn.Linear)]
    for target in settings.targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            raise InputError(
                f"no linear layer of the transformer is called {target}",
                hint="`lora.targets` are ends of names such as attn2.to_k or ffn.net.2",
            )
    transformer.requires_grad_(False)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha or settings.rank,
        target_modules=list(settings.targets),
        lora_dropout=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer.add_adapter(config, adapter_name=ADAPTER)
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def write_lora(
    transformer: Any,
    path: Path,
    metadata: Mapping[str, str],
    team: Team | None = None,
    replacing: Callable[[], None] = lambda: None,
) -> None:
    """Write the matrices as one file that diffusers and `holocine render --lora` load.

    Args:
        transformer: With the matrices of :func:`add_matrices`.
        path: A ``.safetensors`` file; it appears whole.
        metadata: What else its header says.
        team: The ranks that part the weights among them; the leader writes.
        replacing: Called before a file that holds something else is replaced.
    """
    config = transformer.peft_config[ADAPTER].to_dict()
    settings = {
        f"{PREFIX}.{name}": sorted(value) if isinstance(value, set) else value
        for name, value in config.items()
    }
    header = {
        **metadata,
        LORA_ADAPTER_METADATA_KEY: json.dumps(settings, indent=2, sort_keys=True, default=str),
    }
    state = get_peft_model_state_dict(transformer, adapter_name=ADAPTER)
    named = {f"{PREFIX}.{name}": value for name, value in state.items()}
    tensors = whole_on_leader(named, team, lambda name: torch.bfloat16)
    if team is not None and not team.leads:
        return

    with disk_errors("write the LoRA", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as part:
            write_tensors(part, tensors, header)
            same = False
            with suppress(FileNotFoundError, ValueError):  # None is there, or a damaged one.
                same = same_weights(part, path)
            if same:
                shutil.copyfile(path, part)  # In whatever order it says so.
            elif path.exists():
                replacing()
