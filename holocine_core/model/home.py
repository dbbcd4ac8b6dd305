"""Where downloaded models lie, and the command that brings what lacks. No torch here."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from holocine_core.store.hashes import cache_folder

MODELS_VARIABLE = "HOLOCINE_MODELS"


def models_folder(models_dir: Path | None = None) -> Path:
    """Where downloaded models lie: the argument, HOLOCINE_MODELS or the user's cache folder."""
    if models_dir is not None:
        return models_dir.expanduser()
    named = os.environ.get(MODELS_VARIABLE)
    if named:
        return Path(named).expanduser()
    return cache_folder() / "models"


def pull_command(name: str, root: Path, only: str = "") -> str:
    """What brings a model's files to where they were looked for.

    Args:
        name: Of the table.
        root: The models folder, or the release tree that a user named.
        only: The one part that lacks; empty for all.
    """
    words = ["holocine", "models", "pull", name, *(("--only", only) if only else ())]
    try:
        usual = models_folder()
    except RuntimeError:  # No home.
        usual = None
    if root != usual:
        words += ["--models-dir", str(root)]
    return shlex.join(words)
