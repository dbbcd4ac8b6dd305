from __future__ import annotations

from pathlib import Path

import pytest

from tests.model.checkpoints import write_release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small release tree with the full-attention variant. Read only: copy it to change it."""
    return write_release(tmp_path_factory.mktemp("release"))
