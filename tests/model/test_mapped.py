"""Weights where they lie in their files: larger than memory, and as their header says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holocine_core.errors import MachineError
from holocine_core.model.headers import read_header
from holocine_core.model.weights import read_state_dict

LIMITED = """
import json, resource, sys
from pathlib import Path
from holocine_core.errors import MachineError
from holocine_core.model.weights import read_state_dict

path = Path(sys.argv[1])
header = json.dumps(
    {
        "last": {"dtype": "F32", "shape": [2], "data_offsets": [2**33 + 2, 2**33 + 10]},
        "large": {"dtype": "BF16", "shape": [2**32], "data_offsets": [0, 2**33]},
        "one": {"dtype": "BF16", "shape": [], "data_offsets": [2**33, 2**33 + 2]},
    }
).encode()
header += b" " * (-len(header) % 8)
with path.open("wb") as file:  # Nothing but its ends takes room.
    file.write(len(header).to_bytes(8, "little") + header)
    file.seek(2**33, 1)
    file.write(b"\\x80\\x3f" + b"\\0\\0\\x80\\x3f" + b"\\0\\0\\0\\x40")
resource.setrlimit(resource.RLIMIT_DATA, (2**32, 2**32))
try:
    read_state_dict(path)
except MachineError as error:
    print("refused" if "memory ran out" in str(error) else error)
state = read_state_dict(path, read_only=True)
print(float(state["one"]), state["last"].tolist(), float(state["large"][123]), len(state))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits count mappings there")
def test_a_file_larger_than_memory_is_mapped_where_it_is_only_read(tmp_path: Path) -> None:
    """As 28 GB on a machine of 24: the system counts what may be written as memory."""
    path = tmp_path / "large.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    path.unlink(missing_ok=True)
    assert done.stdout.splitlines() == ["refused", "1.0 [1.0, 2.0] 0.0 3"], done.stderr


def written(path: Path, *spans: Any, shape: tuple[int, ...] = (2,)) -> Path:
    """A file of float32 tensors of a shape at these places, and twelve numbers."""
    listed = {
        str(i): {"dtype": "F32", "shape": shape, "data_offsets": span}
        for i, span in enumerate(spans)
    }
    header = json.dumps(listed).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(max(map(max, spans))))
    return path


@pytest.mark.parametrize(
    "spans",
    [
        ([0, 8], [8, 16, 24]),
        ([0, 8], [16, 24]),
        ([0, 8], [4, 12]),
        ([0, 8], [8, 12]),
        ([0, 8], [8, 24]),
        ([-8, 8],),
        (["0", "x"],),
    ],
    ids=["three ends", "gap", "overlap", "short", "long", "before the file", "words"],
)
def test_a_header_that_cannot_be_is_a_damaged_file(tmp_path: Path, spans: Any) -> None:
    path = tmp_path / "weights.safetensors"
    if isinstance(spans[0][0], str):
        written(path, [0, 8])
        path.write_bytes(path.read_bytes().replace(b"[0, 8]", b'["x",1]'))
    else:
        written(path, *spans)
    with pytest.raises(MachineError, match="damaged"):
        read_state_dict(path, read_only=True)


def test_a_header_tells_where_tensors_lie(tmp_path: Path) -> None:
    path = written(tmp_path / "weights.safetensors", [0, 8], [8, 16])
    first, second = read_header(path).values()
    assert (first.stop, second.stop) == (second.start, path.stat().st_size)
