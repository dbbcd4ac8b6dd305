"""What a run leaves: models and LoRAs that others load unchanged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanPipeline
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from holocine_core.errors import InputError, Interrupted
from holocine_core.events import Event, TrainStepDone
from holocine_core.lab.learned import world_of
from holocine_core.lab.stage.world import Repertoire
from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.components import LocatedModel
from holocine_core.model.folders import locate_folder
from holocine_core.model.headers import read_header
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.tiny import write_tiny
from holocine_core.model.vocabulary import Vocabulary, read_vocabulary, write_vocabulary
from holocine_core.model.weights import load_component
from holocine_core.production import render_film
from holocine_core.request import Request
from holocine_core.script.timeline import LatentSpan
from holocine_core.train import networks
from holocine_core.train.checkpoints import RECIPE, Checkpoints
from holocine_core.train.export import export, told_by
from holocine_core.train.networks import open_networks
from holocine_core.train.recipe import Recipe
from holocine_core.train.recipe_start import Start
from holocine_core.train.run import train
from tests.conftest import Write
from tests.train.conftest import MakeRecipe, new_model

pytestmark = pytest.mark.slow

FILM = """
profiles: {standard: {size: 32x32, steps: 2, guidance: 1.5}}
frames: 9
cuts: [5]
global: A red room.
shots: [A door opens., It closes.]
"""


def steps_of(events: list[Event]) -> int:
    return sum(isinstance(event, TrainStepDone) for event in events)


def average(recipe: Recipe) -> dict[str, Tensor]:
    found = Checkpoints(Path(recipe.out), recipe).latest(lambda event: None, dict)
    assert found is not None
    kind = "average" if recipe.ema else "weights"  # Without a decay they are one.
    prefix = f"{kind}.transformer."
    return {n.removeprefix(prefix): t for n, t in found.tensors.items() if n.startswith(prefix)}


def answer(transformer: Any) -> Tensor:
    """What a transformer says to fixed inputs."""
    context = ShotContext()
    install(transformer, context)
    context.layout = ShotLayout(
        shots=(LatentSpan(0, 2), LatentSpan(2, 3)), frame_tokens=4, sparse=True
    )
    rng = torch.Generator().manual_seed(1)
    channels, text = transformer.config.in_channels, transformer.config.text_dim
    with torch.no_grad():
        out: Tensor = transformer(
            hidden_states=torch.randn(1, channels, 3, 4, 4, generator=rng),
            timestep=torch.tensor([400.0]),
            encoder_hidden_states=torch.randn(1, 16, text, generator=rng),
            return_dict=False,
        )[0]
    return out


def test_the_exported_model_is_the_average_in_bf16_and_films(
    recipe: MakeRecipe, write: Write, tmp_path: Path
) -> None:
    made = recipe(parts=["transformer", "text_encoder"])
    done = train(made, device="cpu")
    assert done.model is not None
    located = locate_folder(done.model)
    loaded = load_component(located.component("transformer"), torch.float32).state_dict()
    expected = average(made)
    assert loaded.keys() == expected.keys()
    types = read_header(located.component("transformer").paths[0])
    for name, value in loaded.items():
        short = types[name].dtype == "BF16"
        stored = expected[name].bfloat16().float() if short else expected[name]
        assert torch.equal(value, stored), name
    assert types["blocks.0.scale_shift_table"].dtype == "F32"
    assert types["blocks.0.attn1.to_q.weight"].dtype == "BF16"
    film = render_film(
        write(FILM), tmp_path / "film.mp4", Request(model=str(done.model), device="cpu")
    )
    assert film.frames == 9


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_card_says_what_the_model_was_trained_for(
    recipe: MakeRecipe, model: Path, share: float
) -> None:
    done = train(recipe(model=new_model(model), clean_shots=share), device="cpu")
    assert done.model is not None
    spec = locate_folder(done.model).spec
    assert spec.clean_shots is (share > 0)
    assert spec.guide_summaries is True, "as the recipe's card says by default"


def test_a_model_tells_the_world_it_learned(
    recipe: MakeRecipe, model: Path, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    shutil.copytree(model, start)
    had = Vocabulary(taught={}, words=frozenset(), nearest={"crimson": "red"}, origin="vectors")
    write_vocabulary(start / "tokenizer", had)
    small = Repertoire(sets=("kitchen",), weathers=("clear",))
    made = recipe()
    stage = {"world": small, "data": None, "scenes": 8}
    phases = tuple(phase.model_copy(update=stage) for phase in made.phases)
    made = made.model_copy(update={"phases": phases, "model": Start(folder=str(start))})
    model = open_networks(made, start, torch.device("cpu"))
    export(made, model, 3, tmp_path / "out")
    located = locate_folder(tmp_path / "out")
    assert world_of(located) == small
    assert world_of(locate_folder(start)) == Repertoire()
    learned = read_vocabulary(located)
    assert learned is not None
    assert {"kitchen", "stove"} <= learned.words
    assert not {"harbour", "boat", "snow", "station"} & learned.words
    assert (learned.nearest, learned.origin) == (had.nearest, "vectors")
    assert any("kitchen" in phrase for phrase in learned.taught["places"])
    assert not any("harbour" in phrase for phrase in learned.taught["places"])


def test_only_trained_parts_change_and_word_vectors_stay(recipe: MakeRecipe, model: Path) -> None:
    done = train(recipe(parts=["text_encoder"]), device="cpu")
    assert done.model is not None
    before, after = (locate_folder(folder).identity() for folder in (model, done.model))
    assert {name for name in before if before[name] != after[name]} == {"text_encoder"}
    weights = [
        load_component(locate_folder(folder).component("text_encoder"), torch.float32).state_dict()
        for folder in (model, done.model)
    ]
    # The model's own file is float32, the exported one bfloat16.
    changed = {n for n in weights[0] if not torch.equal(weights[0][n].bfloat16(), weights[1][n])}
    assert "shared.weight" not in changed
    assert any(name.endswith("SelfAttention.q.weight") for name in changed)


@pytest.fixture(scope="module")
def two_experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two") / "experts"
    write_tiny(folder, experts=2)
    return folder


LORA = {"train": "lora", "lora": {"rank": 3, "alpha": 6}, "ema": 0.0, "precision": "bf16"}


def test_a_lora_loads_in_the_renderer_and_in_diffusers_alike(
    recipe: MakeRecipe, model: Path
) -> None:
    done = train(recipe(**LORA, optimizer={"lr": 0.05}), device="cpu")
    path = done.model
    assert path is not None
    assert path.name == "lora.safetensors"
    part = locate_folder(model).component("transformer")

    bare = answer(load_component(part, torch.float32))
    ours = load_component(part, torch.float32)
    apply_loras(ours, "transformer", [LoraFile(path=path)])
    pipeline = WanPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipeline.load_lora_weights(str(path.parent), weight_name=path.name)
    assert (answer(ours) - bare).abs().max() > 1e-3
    assert torch.allclose(answer(ours), answer(pipeline.transformer), atol=1e-5)
    with safe_open(path, "pt") as opened:
        assert Recipe.model_validate_json(opened.metadata()["holocine_recipe"]).lora.rank == 3


def test_the_lora_file_is_what_was_trained(recipe: MakeRecipe, model: Path) -> None:
    made = recipe(**LORA | {"precision": "float32"}, optimizer={"lr": 0.05})
    done = train(made, device="cpu")
    assert done.model is not None
    networks = open_networks(made, model, torch.device("cpu"))
    trained = average(made)
    with torch.no_grad():
        for name, parameter in networks.transformer.named_parameters():
            if name in trained:
                parameter.copy_(trained[name].bfloat16())
    part = locate_folder(model).component("transformer")
    loaded = load_component(part, torch.float32)
    apply_loras(loaded, "transformer", [LoraFile(path=done.model)])
    assert torch.allclose(answer(networks.transformer), answer(loaded), atol=1e-5)


def test_a_recipes_alpha_is_the_strength_that_is_trained(recipe: MakeRecipe, model: Path) -> None:
    for alpha, scale in ((6, 2.0), (None, 1.0)):
        made = recipe(train="lora", lora={"rank": 3, "alpha": alpha})
        networks = open_networks(made, model, torch.device("cpu"))
        layer = networks.transformer.blocks[0].attn1.to_q
        assert list(layer.scaling.values()) == [scale]


def test_one_expert_of_two_is_trained(recipe: MakeRecipe, two_experts: Path) -> None:
    start = {"folder": str(two_experts)}
    with pytest.raises(InputError, match="two experts") as refused:
        train(recipe(model=start), device="cpu")
    assert "expert: high" in refused.value.hint
    done = train(recipe(model=start, expert="low"), device="cpu")
    assert done.model is not None
    before, after = (locate_folder(folder).identity() for folder in (two_experts, done.model))
    assert {name for name in before if before[name] != after[name]} == {"transformer_2"}


def test_one_recipe_trains_both_experts(recipe: MakeRecipe, two_experts: Path) -> None:
    start = {"folder": str(two_experts)}
    rates = {"high": {"lr": 0.002}}
    made = recipe(model=start, expert="both", experts=rates, checkpoints={"every": 2})
    events: list[Event] = []
    with pytest.raises(Interrupted):  # In the middle of the second expert.
        train(made, device="cpu", emit=events.append, should_stop=lambda: steps_of(events) == 8)
    done = train(made, device="cpu", emit=events.append)
    assert (done.step, done.steps) == (12, 12)
    assert done.files == (Path(made.out) / "model",)
    assert done.model is not None
    before, after = (locate_folder(folder).identity() for folder in (two_experts, done.model))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"transformer", "transformer_2"}
    told = [told_by(done.model / part) for part in ("transformer", "transformer_2")]
    recipes = [json.loads(one[RECIPE]) for one in told]
    assert [one["expert"] for one in recipes] == ["high", "low"]
    assert [one["optimizer"]["lr"] for one in recipes] == [0.002, 0.01]
    # As two recipes of their own would.
    alone = recipe(model=start, expert="high", out=f"{made.out}-high", optimizer={"lr": 0.002})
    high = train(alone, device="cpu").model
    assert high is not None
    weights = "transformer/diffusion_pytorch_model.safetensors"
    mine, its = load_file(done.model / weights), load_file(high / weights)
    assert all(torch.equal(mine[name], its[name]) for name in its)
    # Called again it makes nothing else of it.
    again = train(made, device="cpu").model
    assert again is not None
    assert locate_folder(again).identity() == after


def test_loras_of_both_experts_are_files_of_their_own(
    recipe: MakeRecipe, two_experts: Path
) -> None:
    made = recipe(
        model={"folder": str(two_experts)},
        train="lora",
        lora={"rank": 2},
        expert="both",
    )
    done = train(made, device="cpu")
    names = ["lora-high.safetensors", "lora-low.safetensors"]
    assert [path.name for path in done.files] == names


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_an_expert_that_is_done_is_not_opened_again(
    recipe: MakeRecipe, two_experts: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What moves no weight may change while the second expert learns."""
    both = {"model": {"folder": str(two_experts)}, "expert": "both", "train": kind}
    both["lora"] = {"rank": 2}
    made = recipe(**both)
    told: list[Event] = []

    def stop() -> bool:
        return steps_of(told) >= 8

    with pytest.raises(Interrupted):
        train(made, device="cpu", emit=told.append, should_stop=stop)
    opened: list[str] = []
    load = networks.load_component

    def listen(files: Any, *args: Any) -> Any:
        opened.append(files.name)
        return load(files, *args)

    monkeypatch.setattr(networks, "load_component", listen)
    changed = recipe(**both, checkpoints={"every": 3})
    done = train(changed, device="cpu")
    assert done.step == done.steps == 12
    assert "transformer" not in opened
    assert len(done.files) == (2 if kind == "lora" else 1)
    with pytest.raises(InputError, match="begun with another recipe: shift"):
        train(recipe(**both, shift=2.0), device="cpu")


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_damaged_product_of_the_first_expert_is_written_anew(
    recipe: MakeRecipe, two_experts: Path, kind: str
) -> None:
    made = recipe(model={"folder": str(two_experts)}, expert="both", train=kind, lora={"rank": 2})
    told: list[Event] = []
    with pytest.raises(Interrupted):
        train(made, device="cpu", emit=told.append, should_stop=lambda: steps_of(told) >= 8)
    weights = "high/model/transformer/diffusion_pytorch_model.safetensors"
    product = Path(made.out) / (weights if kind == "full" else "lora-high.safetensors")
    before = product.read_bytes()
    product.write_bytes((2**44).to_bytes(8, "little") + before[8:])
    assert train(made, device="cpu").step == 12
    assert product.read_bytes() == before


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_an_export_while_the_first_expert_learns(
    recipe: MakeRecipe, two_experts: Path, kind: str
) -> None:
    made = recipe(model={"folder": str(two_experts)}, expert="both", train=kind, lora={"rank": 2})
    told: list[Event] = []
    with pytest.raises(Interrupted):
        train(made, device="cpu", emit=told.append, should_stop=lambda: steps_of(told) >= 3)
    done = train(made, device="cpu", export="latest")
    name = "model-0000003" if kind == "full" else "lora-0000003.safetensors"
    assert done.files == (Path(made.out) / "high" / name,)
    assert done.step == 3


def test_a_model_of_one_transformer_has_no_experts(recipe: MakeRecipe) -> None:
    with pytest.raises(InputError, match="one transformer, not two experts"):
        train(recipe(expert="both"), device="cpu")


def test_a_lora_is_trained_on_a_model_by_its_name(
    recipe: MakeRecipe, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release as it is published lies in no pipeline folder; the table knows its files."""
    asked: list[str] = []

    def find(name: str, models_dir: Path | None = None) -> LocatedModel:
        asked.append(name)
        return locate_folder(model)

    monkeypatch.setattr(networks, "find_model", find)
    named = recipe(model={"folder": "holocine-14b-sparse"}, train="lora", lora={"rank": 2})
    assert train(named, device="cpu").model is not None
    assert set(asked) == {"holocine-14b-sparse"}


def test_every_checkpoint_can_be_exported(recipe: MakeRecipe) -> None:
    made = recipe(checkpoints={"every": 4, "export": True})
    train(made, device="cpu")
    for name in ("model-0000004", "model"):
        locate_folder(Path(made.out) / name).require()


def test_a_model_fine_tuned_on_clips_still_tells_the_world_it_learned(
    recipe: MakeRecipe, model: Path, tmp_path: Path
) -> None:
    small = Repertoire(sets=("kitchen",), weathers=("clear",))
    clips = recipe(model={"folder": str(model)})
    stage = {"world": small, "data": None, "scenes": 8}
    phases = tuple(phase.model_copy(update=stage) for phase in clips.phases)
    drawn = clips.model_copy(update={"phases": phases})
    export(drawn, open_networks(drawn, model, torch.device("cpu")), 3, tmp_path / "drawn")
    tuned = clips.model_copy(update={"model": Start(folder=str(tmp_path / "drawn"))})
    tuning = open_networks(tuned, tmp_path / "drawn", torch.device("cpu"))
    export(tuned, tuning, 3, tmp_path / "tuned")
    assert world_of(locate_folder(tmp_path / "tuned")) == small
    both = drawn.model_copy(update={"phases": (*drawn.phases, *clips.phases)})
    export(both, open_networks(both, model, torch.device("cpu")), 3, tmp_path / "both")
    assert world_of(locate_folder(tmp_path / "both")) == small


@pytest.mark.parametrize(
    "said",
    [
        {"holocine_recipe": "no JSON", "holocine_step": "3"},
        {"holocine_recipe": "[]", "holocine_step": "3"},
        {"holocine_recipe": '{"seed": 1}'},
        {"holocine_recipe": '{"seed": 1}', "holocine_step": "3", "holocine_before": "{}"},
    ],
)
def test_weights_that_say_nonsense_of_their_making_are_refused_at_the_start(
    recipe: MakeRecipe, model: Path, tmp_path: Path, said: dict[str, str]
) -> None:
    strange = tmp_path / "strange"
    shutil.copytree(model, strange)
    (weights,) = (strange / "transformer").glob("*.safetensors")
    save_file(load_file(weights), weights, {"format": "pt", **said})
    made = recipe(model={"folder": str(strange)})
    events: list[Event] = []
    with pytest.raises(InputError, match="how they were trained can not be read") as refused:
        train(made, device="cpu", emit=events.append)
    assert refused.value.where == str(strange / "transformer")
    assert not steps_of(events)
