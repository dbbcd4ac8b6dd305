"""Captions with what they say, and an encoder that learns to read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from holocine_core.errors import InputError
from holocine_core.model.spec import MODELS
from holocine_core.stage.facts import HIDDEN
from holocine_core.stage.sample import sample_scene
from holocine_core.stage.world import Person
from holocine_core.train import reading
from holocine_core.train.reading import ONE, SOME, Reader, Settings, loss_of, page, teach

NANO = Path(reading.__file__).parents[1] / "model" / MODELS["nano"].name


def some_of(text: reading.Page, item: int, shot: int) -> dict[str, set[str]]:
    """Values said of every field of ``SOME``."""
    row = iter(text.some_BSV[item, shot].tolist())
    return {name: {v for v in values if next(row)} for name, values in SOME.items()}


def test_a_page_knows_what_its_captions_say() -> None:
    seeds = range(40)
    text = page(seeds, 3, "x")
    silent = 0
    for item, seed in enumerate(seeds):
        scene = sample_scene(seed, (3, 3, 3))
        caption = text.prompts[item].text
        assert caption.count("[shot cut]") == 2
        for shot, truth in enumerate(scene.shots):
            people = [r for r in truth.roles if isinstance(scene.cast[r.who], Person)]
            true = {name: str(getattr(scene.place, name, "")) for name in ONE}
            true |= {name: str(getattr(truth, name)) for name in ("size", "angle", "movement")}
            true["people"] = str(len(people))
            for column, (name, values) in enumerate(ONE.items()):
                label = int(text.one_BSQ[item, shot, column])
                silent += label == HIDDEN
                assert label == HIDDEN or values[label] == true[name]
            said = some_of(text, item, shot)
            looks = {str(one.top_colour) for one in scene.cast if isinstance(one, Person)}
            assert said["person top_colour"] <= looks
            assert said["person action"] <= {role.action for role in people}
    assert 0.2 < silent / text.one_BSQ.numel() < 0.8
    again, other = page(seeds, 3, "x"), page(seeds, 3, "y")
    assert [p.text for p in again.prompts] == [p.text for p in text.prompts]
    assert [p.text for p in other.prompts] != [p.text for p in text.prompts]


def test_the_reader_hears_only_the_rows_that_a_shot_reads() -> None:
    torch.manual_seed(0)
    reader = Reader(16)
    rows = torch.randn(1, 5, 16)
    is_open = torch.tensor([[[True, True, False, False, False], [True, False, True, True, False]]])
    one, some = reader(rows, is_open)
    assert [logits.shape[-1] for logits in one] == [len(values) for values in ONE.values()]
    changed = rows.clone()
    changed[:, 1] += 3
    one_after, some_after = reader(changed, is_open)
    for before, after in ((some, some_after), (one[0], one_after[0])):
        assert not torch.equal(before[:, 0], after[:, 0])
        assert torch.equal(before[:, 1], after[:, 1])


def test_an_encoder_learns_to_read_and_keeps_its_words(tmp_path: Path) -> None:
    told: list[str] = []
    losses: list[float] = []

    def note(one: object, some: object, text: reading.Page) -> torch.Tensor:
        loss = loss_of(one, some, text)  # type: ignore[arg-type]
        losses.append(float(loss.detach()))
        return loss

    settings = Settings(steps=40, batch=4, checked=16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "loss_of", note)
        measured = teach(NANO, tmp_path / "read", settings, told.append)
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])
    assert 0 < measured["trained words"]["understood"] < 1
    assert "160 scenes read" in told[-2]
    before = load_file(NANO / "text_encoder" / "model.safetensors")
    after = load_file(tmp_path / "read" / "text_encoder" / "model.safetensors")
    assert before.keys() == after.keys()
    assert torch.equal(before["shared.weight"].float(), after["shared.weight"])
    moved = {n for n in before if not torch.equal(before[n].float(), after[n])}
    assert any(name.endswith("SelfAttention.q.weight") for name in moved)
    with safe_open(tmp_path / "read" / "text_encoder" / "model.safetensors", "pt") as opened:
        (*_, run) = json.loads(opened.metadata()["holocine_reading"])
    assert (run["steps"], run["measured"]) == (40, measured)
    tokenizer = (NANO / "tokenizer" / "tokenizer.json").read_bytes()
    assert (tmp_path / "read" / "tokenizer" / "tokenizer.json").read_bytes() == tokenizer


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text encoder"):
        teach(tmp_path, tmp_path / "read", Settings(steps=1), print)
