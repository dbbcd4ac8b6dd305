"""Captions with what they say, and an encoder that learns to read them."""

from __future__ import annotations

import copy
import itertools
import json
import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer

from holocine_core.errors import InputError
from holocine_core.lab.stage.caption import tell
from holocine_core.lab.stage.facts import HIDDEN
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.lab.stage.view import left_to_right
from holocine_core.lab.stage.world import Person
from holocine_core.lab.words import encoder
from holocine_core.lab.words.encoder import Reader, Settings, learn, loss_of, rows_of, teach
from holocine_core.lab.words.pages import ONE, SIDE, SOME, Page, page
from holocine_core.model.components import ComponentFiles, part_in_folder
from holocine_core.model.locate import find_model, load_tokenizer
from holocine_core.model.nano_net.text import read_vectors
from holocine_core.model.nano_net.tokenizer import START
from holocine_core.model.spec import MODELS
from holocine_core.model.weights import load_component
from holocine_core.shipped.names import WORDS

pytestmark = pytest.mark.slow

NANO = Path(encoder.__file__).parents[2] / "model" / MODELS["nano"].name


def some_of(text: Page, item: int, shot: int) -> dict[str, set[str]]:
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
            seen = tell(scene, random.Random(f"reading x {seed}")).said.order
            for number, who in enumerate(seen):
                member = scene.cast[who]
                looks = {member.top_colour} if isinstance(member, Person) else set()
                assert said[f"{number} person top_colour"] <= looks
                assert said[f"{number} person action"] <= {r.action for r in people if r.who == who}
                acts = any(role.who == who for role in truth.roles)
                roles = left_to_right(truth)
                stands = {"left" if roles[0].who == who else "right"} if len(roles) == 2 else set()
                assert said[f"{number} {SIDE}"] == (stands if acts else set())
                assert said[f"{number} in"] == ({"the shot"} if acts else set())
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
        torch.testing.assert_close(before[:, 1], after[:, 1])


def test_an_encoder_learns_to_read_and_keeps_its_words(tmp_path: Path) -> None:
    told: list[str] = []
    losses: list[float] = []

    def note(one: object, some: object, text: Page) -> torch.Tensor:
        loss = loss_of(one, some, text)  # type: ignore[arg-type]
        losses.append(float(loss.detach()))
        return loss

    settings = Settings(steps=40, batch=4, checked=16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "loss_of", note)
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


@torch.no_grad()
def test_nano_reads_whose_a_colour_is() -> None:
    part = part_in_folder(NANO / "text_encoder", "text_encoder", hint="")
    assert isinstance(part, ComponentFiles)
    encoder = load_component(part, torch.float32)
    tokenizer = Tokenizer.from_file(str(NANO / "tokenizer" / "tokenizer.json"))
    colours = ("red", "blue", "green", "yellow", "orange", "purple")
    rows = torch.empty(2, len(colours), len(colours), encoder.config.d_model)
    for i, j in itertools.product(range(6), repeat=2):
        caption = (
            f"A harbour by day. [character1] is a woman in a {colours[i]} coat. [character2] is "
            f"a man in a {colours[j]} coat, with dark skin. This scene contains 2 shots."
        )
        encoded = tokenizer.encode(caption)
        hidden = encoder(input_ids=torch.tensor([encoded.ids])).last_hidden_state[0]
        for who, colour in enumerate((colours[i], colours[j])):
            places = [at for at, one in enumerate(encoded.tokens) if one.endswith(colour)]
            rows[who, i, j] = hidden[places[0 if who == 0 else -1]]
    # What the colour itself adds is left out; whose it is must be told alike by all the others.
    alike = []
    for i in range(6):
        others = [k for k in range(6) if k != i]
        first, second = rows[0][others].mean((0, 1)), rows[1][:, others].mean((0, 1))
        of_first, of_second = rows[0, i].mean(0), rows[1, :, i].mean(0)
        axis = first - second
        alike.append(float((of_first - of_second) @ axis / axis.square().sum()))
    assert min(alike) > 0
    assert sum(alike) / len(alike) > 0.5


def test_a_frozen_encoder_stays_as_it_is_while_a_reader_learns() -> None:
    located = find_model(MODELS["nano"].name)
    encoder = load_component(located.component("text_encoder"), torch.float32)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    settings = Settings(steps=3, batch=2, lr=0.01, noise=0.0, frozen=True)
    reader = learn(encoder, load_tokenizer(located), settings, lambda told: None)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        untaught = Reader(encoder.config.d_model)
    assert not torch.equal(reader.somes.weight, untaught.somes.weight)


@pytest.mark.nano
def test_what_an_encoder_says_can_be_held_while_it_learns() -> None:
    located = find_model(MODELS["nano"].name)
    before = load_component(located.component("text_encoder"), torch.float32)
    tokenizer = load_tokenizer(located)
    text = page(range(8), 2, "held")
    moved = []
    for keep in (0.0, 1000.0):
        encoder = copy.deepcopy(before)
        learn(encoder, tokenizer, Settings(steps=25, batch=2, keep=keep), lambda told: None)
        with torch.no_grad():
            rows, _ = rows_of(encoder, tokenizer, text)
            were, _ = rows_of(before, tokenizer, text)
        moved.append(float((rows - were).square().mean()))
    assert 0 < moved[1] < 0.2 * moved[0]


@pytest.mark.nano
def test_nanos_words_are_those_of_the_table_that_ships() -> None:
    located = find_model(MODELS["nano"].name)
    table = read_vectors(WORDS.files()["nano-words"])
    tokenizer = load_tokenizer(located)
    ids = [tokenizer.token_to_id(w if "-" in w else START + w) for w in table.words]
    rows = load_component(located.component("text_encoder"), torch.float32).shared.weight[
        torch.tensor(ids)
    ]
    assert torch.equal(rows, table.vectors)


@torch.no_grad()
def test_nano_reads_who_stands_left() -> None:
    located = find_model(MODELS["nano"].name)
    encoder = load_component(located.component("text_encoder"), torch.float32)
    tokenizer = load_tokenizer(located)

    def rows(does: str, left: int, right: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows of both in a shot's prompt: who is named first, and who after."""
        caption = (
            "A harbour by day. [character1] is a woman in a red coat. [character2] is a man in a "
            "blue shirt. This scene contains 2 shots. [per shot caption] Close-up of [character1]. "
            f"[shot cut] Medium shot of [character{left}] and [character{right}]. {does}"
        )
        encoded = tokenizer.encode(caption)
        hidden = encoder(input_ids=torch.tensor([encoded.ids])).last_hidden_state[0]
        first, second = (
            hidden[encoded.char_to_token(caption.rindex(f"character{who}"))]
            for who in (left, right)
        )
        return first, second

    # What tells first from second in some prompts tells it in another.
    prompts = ("They talk.", "They laugh together.", "Both are dancing.", "The camera is still.")
    found = {p: [rows(p, *order) for order in ((1, 2), (2, 1))] for p in prompts}
    for prompt in prompts:
        axis = torch.stack(
            [one - two for other in prompts if other != prompt for one, two in found[other]]
        ).mean(0)
        assert all((one - two) @ axis > 0.5 * axis.square().sum() for one, two in found[prompt])
