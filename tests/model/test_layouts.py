"""Folders as people have them: each films with the right files, or is refused by name."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.model.fitting import model_problems
from holocine_core.model.locate import find_model
from tests.model.layout_cases import LAYOUTS
from tests.model.layouts import Layout, write_layout


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_taken_for_what_it_is(layout: Layout, tiny: Path, tmp_path: Path) -> None:
    root = tmp_path / "Downloads"
    folder = write_layout(layout, root, tiny / "tokenizer" / "tokenizer.json")
    started = time.perf_counter()
    if layout.says:
        with pytest.raises(InputError, match=layout.says) as raised:
            find_model(str(folder))
        assert raised.value.hint
        assert Path(raised.value.where).exists()
        return
    located = find_model(str(folder))
    assert time.perf_counter() - started < 5  # A fifth of a second where nothing else runs.
    stock = folder.resolve().name
    assert located.spec.name == (stock if layout.variant == "stock" else layout.variant)
    assert sorted({file.part for file in located.missing}) == sorted(layout.lacks)
    if layout.parts:
        assert {p: files.paths[0].name for p, files in located.components.items()} == layout.parts
        assert model_problems(located, frozenset(located.components)) == []
    for file in located.missing:
        assert re.search(r"holocine models pull|--expert-|^fetch .*safetensors", file.hint)
