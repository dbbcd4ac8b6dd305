from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.model.tiny import write_tiny
from tests.model.checkpoints import write_release


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random pipeline folder. Read only: copy it to change it."""
    folder = tmp_path_factory.mktemp("tiny") / "pipeline"
    write_tiny(folder)
    return folder


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small release tree with the full-attention variant. Read only: copy it to change it."""
    return write_release(tmp_path_factory.mktemp("release"))
