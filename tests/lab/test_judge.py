from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from holocine_core.errors import InputError, MachineError
from holocine_core.lab.judge import train
from holocine_core.lab.judge.data import Shots, blemish
from holocine_core.lab.judge.network import (
    CONFIG,
    LOOKS,
    SIZE,
    WEIGHTS,
    Network,
    TrainedJudge,
    Trust,
    load_judge,
    looked_at,
    looks,
    save_judge,
)
from holocine_core.lab.judge.train import Settings, card, fit, loss_of, measure
from holocine_core.lab.stage.facts import FIELDS, HIDDEN, labels_of
from holocine_core.lab.stage.world import Repertoire

pytestmark = pytest.mark.slow

ACCURACY = {"wide/set": 0.9, "wide/side": 0.7, "set": 0.9, "side": 0.7}


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return Network().eval()


@pytest.mark.parametrize("frames", [1, 2, 5, 9, 12, 40, 200])
def test_looks_lie_inside_the_shot_in_order(frames: int) -> None:
    found = looks(frames)
    assert len(found) == LOOKS
    assert list(found) == sorted(found)
    assert 0 <= found[0] <= found[-1] < frames
    if frames >= 9:
        assert found[0] > 0, "a cut may come a frame late"
        assert found[-1] < frames - 1, "or a frame early"
        assert len(set(found)) == LOOKS


def test_every_field_gets_a_share_per_value(network: Network) -> None:
    judge = TrainedJudge(network, Trust(accuracy={}, least=0.8), "x")
    rng = np.random.default_rng(0)
    shots = [rng.integers(0, 255, (n, h, w, 3)).astype(np.uint8)
             for n, h, w in ((9, *SIZE), (40, *SIZE), (12, 128, 224))]  # fmt: skip
    readings = judge(shots)
    assert len(readings) == 3
    for reading in readings:
        assert {name: len(share) for name, share in reading.shares.items()} == {
            name: len(values) for name, values in FIELDS.items()
        }
        assert all(share.sum() == pytest.approx(1, abs=1e-5) for share in reading.shares.values())
    alone = judge(shots[1:2])[0]
    assert alone.shares["set"] == pytest.approx(readings[1].shares["set"], abs=1e-5)


def test_a_saved_judge_reads_the_same(network: Network, tmp_path: Path) -> None:
    save_judge(tmp_path, network, {"least": 0.8, "accuracy": ACCURACY})
    assert (tmp_path / WEIGHTS).stat().st_size < 6e6
    judge = load_judge(tmp_path)
    shot = np.random.default_rng(1).integers(0, 255, (12, *SIZE, 3)).astype(np.uint8)
    before = TrainedJudge(network, judge.trust, "x")([shot])[0]
    after = judge([shot])[0]
    for name in FIELDS:
        assert after.shares[name] == pytest.approx(before.shares[name], abs=0.02)
    assert judge.trust.reads("set", "wide")
    assert not judge.trust.reads("side", "wide"), "read too badly"
    assert not judge.trust.reads("set", "medium"), "never measured"


def test_a_judge_of_another_world_is_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no judge"):
        load_judge(tmp_path)
    save_judge(tmp_path, network, {"least": 0.8, "accuracy": ACCURACY})
    config = json.loads((tmp_path / CONFIG).read_text())
    config["fields"]["set"].reverse()
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(MachineError, match="another version of the drawn world"):
        load_judge(tmp_path)


def test_a_judge_is_asked_only_for_what_it_learned(network: Network, tmp_path: Path) -> None:
    small = Repertoire(sets=("harbour", "meadow"), weathers=("clear",))
    known = {"least": 0.8, "accuracy": ACCURACY, "within": asdict(small)}
    save_judge(tmp_path, network, known)
    assert load_judge(tmp_path, asked=small).trust.within == small
    with pytest.raises(InputError, match=r"never learned to read: street, rain$"):
        load_judge(
            tmp_path, asked=replace(small, sets=("harbour", "street"), weathers=("clear", "rain"))
        )


def test_frames_are_picked_and_scaled() -> None:
    shot = np.zeros((20, *SIZE, 3), np.uint8)
    shot[list(looks(20))[2]] = 255
    assert [float(frame.mean()) for frame in looked_at(shot)] == [0, 0, 1, 0]


def coloured(count: int, seed: int) -> Shots:
    """Shots whose colour is their time of day, and nothing else is in view."""
    rng = np.random.default_rng(seed)
    colours = np.array([[220, 60, 60], [60, 220, 60], [60, 60, 220], [200, 200, 60]])
    times = rng.integers(0, 4, count)
    frames = colours[times][:, None, None, None] + rng.integers(-30, 30, (count, LOOKS, 1, 1, 3))
    whole = np.broadcast_to(frames, (count, LOOKS, *SIZE, 3)).astype(np.uint8)
    labels = [labels_of({"time": FIELDS["time"][time]}) for time in times]
    return Shots(torch.from_numpy(whole), torch.tensor(labels), ("wide",) * count)


def test_training_learns_what_colours_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(minutes=0, batch=4)
    shots, check = coloured(64, 0), coloured(24, 1)
    network = fit(shots, settings, lambda step: step / 30, lambda text: None)
    assert measure(network, check) == {}, "too few to tell"
    monkeypatch.setattr(train, "FEWEST", len(check))
    accuracy = measure(network, check)
    assert accuracy.keys() == {"time", "wide/time"}
    assert accuracy["time"] >= 0.75, "a quarter would be chance"
    assert "| time | " in card(accuracy, settings, len(check))


def test_hidden_fields_teach_nothing(network: Network) -> None:
    logits = {name: torch.zeros(2, len(values)) for name, values in FIELDS.items()}
    labels = torch.full((2, len(FIELDS)), HIDDEN)
    labels[0, 0] = 3
    one = loss_of(logits, labels)
    assert float(one) == pytest.approx(np.log(len(FIELDS["set"])))
    logits["time"][1] += torch.tensor([5.0, 0, 0, 0])
    assert torch.equal(loss_of(logits, labels), one)


def test_blemishes_change_pictures_a_little_and_all_frames_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.linspace(0.2, 0.8, SIZE[0]).view(1, 1, 1, -1, 1)
    frames = rows.expand(12, LOOKS, 3, *SIZE).contiguous()
    changed = blemish(frames, generator)
    assert changed.shape == frames.shape
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1
    off = (changed - frames).abs().flatten(1).mean(1)
    assert 0.005 < float(off.max()) < 0.25
    assert len({round(float(one), 4) for one in off}) > 6
    means = changed.mean((2, 3, 4))
    assert (means.std(1) < 0.005).all(), "no blemish may look like motion"
