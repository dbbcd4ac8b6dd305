from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from holocine_core.store.tensors import write_tensors


def test_files_are_for_whom_the_mask_allows(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    before = os.umask(0o027)
    try:
        write_tensors(path, {"a": torch.arange(6).view(2, 3).T}, {"format": "pt"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert torch.equal(load_file(path)["a"], torch.arange(6).view(2, 3).T)


def test_refusals_keep_the_systems_number(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="os error") as refused:
        write_tensors(tmp_path / "nowhere" / "a.safetensors", {"a": torch.zeros(1)})
    assert refused.value.errno == errno.ENOENT
