"""A size or a rate far from what a model was made for is warned of, once."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from holocine_core.model.spec import MODELS
from holocine_core.plan.unusual import unusual
from holocine_core.sampling import Profile
from holocine_core.script.reader import read
from tests.conftest import Write

TEXT = "scenes:\n  - {seconds: 2, shots: [A lamp is lit.]}\n"


@pytest.mark.parametrize(
    ("model", "size", "fps", "told"),
    [
        ("nano", (224, 128), 15, []),
        ("nano", (256, 144), 16, []),
        ("nano", (1920, 1088), 15, ["224x128, and this film is 1920x1088"]),
        ("nano", (128, 224), 15, ["this film is 128x224"]),
        ("nano", (224, 128), 60, ["15 frames per second, and this film has 60"]),
        ("nano", (64, 32), 5, ["this film is 64x32", "this film has 5"]),
        ("holocine-14b-full", (480, 272), 15, []),
        ("holocine-14b-full", (1280, 720), 15, []),
        ("holocine-14b-full", (3840, 2160), 15, ["and 1280x720, and this film is 3840x2160"]),
    ],
)
def test_what_a_model_was_not_made_for(
    write: Write, model: str, size: tuple[int, int], fps: int, told: list[str]
) -> None:
    small = Profile(width=224, height=128, steps=4, guidance=2, shift=5)
    known = {**MODELS, "nano": replace(MODELS["nano"], fps=15, profiles={"standard": small})}
    spec, manuscript = known[model], read(write(f"size: {size[0]}x{size[1]}\n{TEXT}"))
    found = list(unusual(manuscript, spec, size, Fraction(fps)))
    assert len(found) == len(told)
    assert all(words in one.message for words, one in zip(told, found, strict=True))
    unknown = replace(spec, sources=(), embedded="")
    assert not list(unusual(manuscript, unknown, size, Fraction(fps)))
