"""Diffusers' Wan classes without all that comes along with them.

``from diffusers import WanTransformer3DModel`` imports forty other transformers, peft, scipy's
distributions, transformers and torch's compiler: three quarters of what a small film's render does
before its first step (``python -m benchmarks.startup``). :func:`import_lean` imports the two Wan
classes while diffusers believes that none of this is installed, then puts everything back, so that
whoever asks for the rest later gets it. Modules that were told so keep what they were told until
:func:`import_whole`, which LoRAs and placements that offload call.

Only processes that are holocine's own do this: in a notebook diffusers belongs to others too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from holocine_core.errors import InputError

VARIABLE = "HOLOCINE_IMPORTS"
"""``lean`` or ``whole``; whole where it is not set. The command line sets it to lean."""
_CHOICES = ("lean", "whole")
_FLAGS = ("_peft_available", "_scipy_available", "_transformers_available")
"""Of ``diffusers.utils.import_utils``: what it believes to be installed."""
_CROWDED = ("diffusers.models.transformers", "diffusers.models.autoencoders")
"""Packages whose ``__init__`` imports every model of theirs."""
_BELIEVERS = ("diffusers.loaders.lora_base", "diffusers.hooks.layerwise_casting")
"""Modules of ours to use that act on a flag as they are imported."""
_told_so: set[str] = set()
"""Those that were imported while the flags were down."""
_done: list[str] = []
"""Packages that were imported lean."""


def wanted() -> bool:
    """Whether this process asked for lean imports.

    Raises:
        InputError: It asked for something else.
    """
    asked = os.environ.get(VARIABLE, "whole")
    if asked not in _CHOICES:
        raise InputError(f"{VARIABLE} is lean or whole, not {asked!r}", where=VARIABLE)
    return asked == "lean"


def is_lean() -> bool:
    """Whether :func:`import_lean` has imported anything in this process."""
    return bool(_done)


def import_lean() -> None:
    """Import the Wan classes alone, where this process asked for it and diffusers isn't there yet.

    Raises:
        InputError: The process asked for something unknown.
    """
    if not wanted() or "diffusers" in sys.modules:
        return
    import torch

    with _without_compiler(torch):
        import diffusers.utils.import_utils as known

        if not all(hasattr(known, flag) for flag in _FLAGS):
            return  # Another version of diffusers: import it as it wants to be.
        with _flags_down(known), _uncrowded(), _hidden("transformers"):
            import diffusers.models.autoencoders.autoencoder_kl_wan
            import diffusers.models.transformers.transformer_wan  # noqa: F401
        _told_so.update(name for name in _BELIEVERS if name in sys.modules)
        _rely_on_peft(relied=False)
        _done.append("diffusers")
    # Libraries stay: a collection, whenever networks are let go, needs not pass over them again.
    gc.freeze()


def import_whole() -> None:
    """Import again what believed that peft, scipy and transformers are not installed."""
    if not _told_so:
        return
    while _told_so:
        importlib.reload(sys.modules[_told_so.pop()])
    _rely_on_peft(relied=True)


def unipc_scheduler() -> Any:
    """diffusers' UniPC scheduler; without scipy's distributions, which only beta sigmas ask, where
    imports are lean."""
    import diffusers.utils.import_utils as known

    with _flags_down(known) if is_lean() else contextlib.nullcontext():
        from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    return UniPCMultistepScheduler


def _rely_on_peft(*, relied: bool) -> None:
    """Whether every forward pass of a transformer looks for adapters to scale, for which diffusers
    imports peft; networks without LoRAs have none."""
    import diffusers.utils
    from diffusers.utils.constants import USE_PEFT_BACKEND

    diffusers.utils.USE_PEFT_BACKEND = relied and USE_PEFT_BACKEND


@contextlib.contextmanager
def _without_compiler(torch: Any) -> Iterator[None]:
    """While this is open, ``torch._dynamo`` marks functions that it is not to compile, and that is
    all it does."""
    name = "torch._dynamo"
    if name in sys.modules:
        yield
        return
    stand_in = ModuleType(name)
    stand_in.__path__ = []
    stand_in.disable = _unmarked  # type: ignore[attr-defined]
    stand_in.allow_in_graph = _unmarked  # type: ignore[attr-defined]
    sys.modules[name] = torch._dynamo = stand_in
    try:
        yield
    finally:
        del sys.modules[name], torch._dynamo


def _unmarked(function: Any = None, *_: object, **__: object) -> Any:
    return _unmarked if function is None else function


@contextlib.contextmanager
def _flags_down(known: ModuleType) -> Iterator[None]:
    held = {flag: getattr(known, flag) for flag in _FLAGS}
    vars(known).update(dict.fromkeys(_FLAGS, False))
    try:
        yield
    finally:
        vars(known).update(held)


@contextlib.contextmanager
def _hidden(name: str) -> Iterator[None]:
    """While this is open, a package that is not imported yet cannot be: some do not ask a flag."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


@contextlib.contextmanager
def _uncrowded() -> Iterator[None]:
    """While this is open, modules of the crowded packages are imported without their siblings."""
    (root,) = sys.modules["diffusers"].__path__
    for name in _CROWDED:
        bare = ModuleType(name)
        bare.__path__ = [str(Path(root).joinpath(*name.split(".")[1:]))]
        sys.modules[name] = bare
    try:
        yield
    finally:
        for name in _CROWDED:
            del sys.modules[name]
