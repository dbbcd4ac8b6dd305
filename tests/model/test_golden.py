"""Both mechanisms agree with the release's network code, through the loader users use."""

from __future__ import annotations

import pytest
from torch.nn.attention import varlen

from holocine_core.script.timeline import TextSpan
from tests.model.golden_cases import (
    KEYS,
    OUTPUTS,
    TENSORS,
    TOLERANCE,
    Loaded,
    case,
    error,
    load_golden,
    ranges_of,
    timeline_of,
)
from tests.model.oracle import python_varlen


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_golden(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_golden(tmp_path_factory.mktemp("checkpoints"), "varlen")


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_golden(tmp_path_factory.mktemp("checkpoints"), "masked")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("key", KEYS)
def test_agrees_with_the_reference(key: str, output: str, network: Loaded) -> None:
    assert error(key, output, network) < TOLERANCE


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("key", KEYS)
def test_the_packed_engine_agrees_with_the_reference(
    key: str, output: str, packed: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(varlen, "varlen_attn", python_varlen)
    assert error(key, output, packed) < TOLERANCE


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("key", KEYS)
def test_the_masked_engine_agrees_with_the_reference(key: str, output: str, hidden: Loaded) -> None:
    assert error(key, output, hidden) < TOLERANCE


@pytest.mark.parametrize("key", KEYS)
def test_each_mechanism_matters(key: str, network: Loaded) -> None:
    """The cases tell the mechanisms apart: another mechanism's output is far off."""
    differ = [
        float((TENSORS[f"{key}.{a}"] - TENSORS[f"{key}.{b}"]).norm() / TENSORS[f"{key}.{a}"].norm())
        for a, b in (("sparse", "full"), ("full", "unwindowed"))
    ]
    expected_apart = differ[:1] if len(case(key)["cut_frames"]) == 0 else differ
    assert min(expected_apart) > 10 * TOLERANCE


@pytest.mark.parametrize("key", KEYS)
def test_token_ranges_are_the_references(key: str) -> None:
    positions, ranges = case(key)["positions"], ranges_of(key)
    assert ranges.global_ == TextSpan(*positions["global"])
    assert ranges.shots == tuple(TextSpan(*span) for span in positions["shots"])


@pytest.mark.parametrize("key", KEYS)
def test_latent_shots_are_the_references(key: str) -> None:
    shots = [shot for shot, span in enumerate(timeline_of(key).latent_spans) for _ in span]
    assert shots == case(key)["shot_indices"]
