"""Names that files on disk use for things that are called otherwise in the code. No torch here.

Films, takes, models and recipes that exist must open for ever, so what is written keeps its words.
"""

from __future__ import annotations

FOLD_MODULE = "holocine_core.model.autoencoder"
FOLD_CLASS = "AutoencoderFold"
PLACED_MODULE = "holocine_core.model.placed"
PLACED_CLASS = "PlacedWanTransformer3DModel"
VAE_PREFIX = "model."
"""Before every name of some files of Wan's VAE."""

_MODULES = {
    FOLD_MODULE: "holocine_core.model.nano_net.codec",
    PLACED_MODULE: "holocine_core.model.nano_net.positions",
}
"""Module as a pipeline's model_index.json names it -> where its classes are."""


def open_to_diffusers() -> None:
    """Let ``DiffusionPipeline.from_pretrained`` open folders that name classes of ours: diffusers
    takes such a module only where it is imported already."""
    import importlib
    import sys

    for written, home in _MODULES.items():
        sys.modules.setdefault(written, importlib.import_module(home))
