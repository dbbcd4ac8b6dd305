"""One studio for many films, and how far it is from the command to the network."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from diffusers import WanTransformer3DModel

from holocine_cli.app import main
from holocine_core.errors import MachineError
from holocine_core.events import Event, ModelLoaded
from holocine_core.film.planning import plan_film
from holocine_core.model.lora.file import LoraFile, ShotLora
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.studio import Studio, networks_of
from holocine_core.sample.texts import _key
from tests.conftest import SMALL
from tests.render.conftest import Listener, fails_once

MOST_FRAMES = 8
ROOT = Path(__file__).parents[2]
NETWORKS = ("text_encoder", "transformer", "transformer_2", "vae")


def planned(folder: Path, name: str, text: str = SMALL, **asked: Any) -> Plan:
    path = folder / f"{name}.yaml"
    path.write_text(text.lstrip("\n"))
    return plan_film(path, Request(out=folder / f"{name}.mp4", **asked))


def loaded(listener: Listener) -> list[str]:
    return sorted(event.part for event in listener.of(ModelLoaded))


def three(folder: Path) -> list[Plan]:
    return [
        planned(folder, "a"),
        planned(folder, "b", SMALL.replace("{mara} smiles.", "{mara} laughs.")),
        planned(folder, "c", seed=8),
    ]


@pytest.mark.slow
def test_three_films_load_each_network_once_and_are_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "together").mkdir()
    (tmp_path / "alone").mkdir()
    listener = Listener()
    plans = three(tmp_path / "together")
    with Studio(plans) as studio:
        for plan in plans:
            render(plan, listener, studio=studio)
    assert loaded(listener) == sorted(NETWORKS)
    alone = Listener()
    for plan, other in zip(plans, three(tmp_path / "alone"), strict=True):
        render(other, alone)
        assert plan.out.read_bytes() == other.out.read_bytes()
    assert loaded(alone) == sorted(NETWORKS * 3)


@pytest.mark.slow
def test_seeds_in_a_loop_read_their_text_once(tmp_path: Path) -> None:
    listener = Listener()
    with Studio() as studio:
        for seed in range(3):
            render(planned(tmp_path, f"s{seed}", seed=seed), listener, studio=studio)
    assert loaded(listener) == sorted(NETWORKS)


def test_loras_of_the_film_and_of_shots_count_for_what_is_shared(tmp_path: Path) -> None:
    plan = planned(tmp_path, "a")
    lora = LoraFile(path=tmp_path / "style.safetensors")
    assert networks_of(replace(plan, loras=(lora,))) != networks_of(plan)
    first = plan.takes[0]
    told = {**first.ingredients, "shot_lora": [["content", 1.0, "both", (0,)]]}
    shot = replace(first, loras=(ShotLora(lora=lora, shots=(0,)),), ingredients=told)
    assert networks_of(replace(plan, takes=(shot, *plan.takes[1:]))) != networks_of(plan)


def test_texts_are_told_apart_by_all_that_is_read(tmp_path: Path) -> None:
    keys = [
        _key(planned(tmp_path, "k", text).takes[1])
        for text in (
            SMALL,
            SMALL.replace("guidance: 2", "guidance: 1"),
            SMALL.replace("style: Cut paper.", "style: Ink."),
            SMALL.replace("seed: 5", "seed: 5\nnegative: blurry"),
            SMALL.replace("seed: 5", "seed: 5\ntext: per-shot"),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == _key(planned(tmp_path, "other", SMALL.replace("seed: 5", "seed: 6")).takes[1])


@pytest.mark.slow
def test_another_model_or_lora_is_opened_anew(tmp_path: Path, tiny: Path) -> None:
    plan = planned(tmp_path, "a")
    assert networks_of(plan) == networks_of(planned(tmp_path, "b", seed=3))
    other = replace(plan.model, folder=tmp_path)
    assert networks_of(replace(plan, model=other)) != networks_of(plan)
    swapped = replace(plan.placement, strategy="swap")
    assert networks_of(replace(plan, placement=swapped)) != networks_of(plan)
    changed = {**plan.takes[0].ingredients, "lora": [["another content", 1.0, "both"]]}
    taught = replace(plan.takes[0], ingredients=changed)
    assert networks_of(replace(plan, takes=(taught, *plan.takes[1:]))) != networks_of(plan)
    listener = Listener()
    with Studio() as studio:
        render(plan, listener, studio=studio)
        again = planned(tmp_path, "c", seed=3)
        render(replace(again, placement=swapped), listener, studio=studio)
    assert loaded(listener).count("vae") == 2


@pytest.mark.slow
def test_after_an_error_the_networks_are_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from holocine_core.sample import generator

    plans, listener = three(tmp_path), Listener()
    fails_once(monkeypatch, generator, "decode_latents", MemoryError("out of memory"))
    with Studio(plans) as studio:
        with pytest.raises(MachineError, match="memory ran out"):
            render(plans[0], listener, studio=studio)
        render(plans[0], listener, studio=studio)
    assert loaded(listener).count("vae") == 2


@pytest.mark.slow
def test_the_text_encoder_is_not_loaded_beside_large_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holocine_core.model.networks.TOGETHER_BYTES", 0)
    listener = Listener()
    with Studio() as studio:
        render(planned(tmp_path, "a"), listener, studio=studio)
        other = planned(tmp_path, "b", SMALL.replace("{mara} smiles.", "{mara} laughs."))
        render(other, listener, studio=studio)
    assert loaded(listener).count("transformer") == 2, "they made way for it"


@pytest.mark.slow
def test_the_command_line_films_many_by_one_studio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for plan in three(tmp_path):
        assert not plan.out.exists()
    opened: list[Event] = []
    real = Studio.generator

    def watched(self: Studio, plan: Plan, emit: Any) -> Any:
        def both(event: Event) -> None:
            opened.append(event)
            emit(event)

        return real(self, plan, both)

    monkeypatch.setattr(Studio, "generator", watched)
    assert main(["render", "a.yaml", "b.yaml", "c.yaml"]) == 0
    parts = sorted(event.part for event in opened if isinstance(event, ModelLoaded))
    assert parts == sorted(NETWORKS)
    told = capsys.readouterr().err
    assert told.count("the weights are random") == 1, "what all are warned of is told once"
    assert [f"film {n} of 3: {name}.mp4" in told for n, name in enumerate("abc", 1)] == [True] * 3


def test_it_is_not_far_from_the_command_to_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SMALL.lstrip("\n"))
    stacks: list[list[str]] = []
    real = WanTransformer3DModel.forward

    def counted(self: Any, **given: Any) -> Any:
        stacks.append(
            [
                f"{Path(frame.filename).stem}.{frame.name}"
                for frame in traceback.extract_stack()
                if Path(frame.filename).is_relative_to(ROOT)
                and Path(frame.filename).relative_to(ROOT).parts[0].startswith("holocine_")
            ]
        )
        return real(self, **given)

    monkeypatch.setattr(WanTransformer3DModel, "forward", counted)
    assert main(["render", "a.yaml"]) == 0
    assert stacks[0][0] == "app.main"
    assert max(map(len, stacks)) <= MOST_FRAMES, stacks[0]
