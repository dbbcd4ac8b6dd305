"""Workers of one folder may have other numbers of cores: the films are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from holocine_core.film.planning import plan_film
from holocine_core.request import Request
from holocine_core.sample.generator import Generator

pytestmark = [pytest.mark.slow, pytest.mark.nano]
SCENE = """
profile: draft
profiles: {draft: {steps: 2}}
seed: 3
global: The old library in the evening, clear weather.
frames: 17
cuts: [9]
shots: [Wide shot of the library., Close shot of the library.]
"""


@pytest.mark.parametrize("kernel", ["products", "fused-erf"])
def test_threads_change_no_bit(
    kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLOCINE_CPU_ATTENTION", kernel)
    path = tmp_path / "film.yaml"
    path.write_text(SCENE)
    plan = plan_film(path, Request(out=tmp_path / "film.mp4"))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(Generator(plan).denoise(plan.takes[0]))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
