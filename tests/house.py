"""The rooms of holocine_core, what each may import, and the words we use: one source for the test
that holds the table and for the pages that show it.

    python -m tests.house    writes both into CONTRIBUTING.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
OPEN_TO_ALL = ("errors", "events", "sampling")


@dataclass(frozen=True)
class Room:
    """A folder or file of holocine_core.

    Attributes:
        makes: What enters and what leaves.
        may: Rooms it imports, or single modules of them: ``model.card``; beside OPEN_TO_ALL.
    """

    makes: str
    may: Sequence[str] = ()


_TORCH_FREE = tuple(
    f"model.{name}"
    for name in (
        "card", "components", "cost", "decode_cost", "devices", "fitting", "host_memory", "kernels",
        "locate", "lockfile", "lora.experts", "lora.file", "lora.fitting", "lora.numbers",
        "lora.size", "memory", "placement", "spec", "vocabulary",
    )
)  # fmt: skip
ROOMS: Mapping[str, Room] = {
    "errors": Room("what can go wrong: a message, a place, a next step"),
    "events": Room("what is told while work goes on"),
    "units": Room("numbers in words: bytes, times, counts"),
    "sampling": Room("how takes are denoised: the one declaration of its settings"),
    "request": Room(
        "what a caller asks for beside the screenplay", ["model.components", "model.lora.file"]
    ),
    "script": Room("YAML file -> validated screenplay, timing, prompt", ["units"]),
    "adapt": Room("a script or shot list -> a screenplay's text", ["script"]),
    "shipped": Room("a name -> what ships under it: recipes, suites, templates"),
    "store": Room("fingerprint -> stored file; whole files, hashes, leases, the log of a render"),
    "edit": Room(
        "clips -> stitched film, storyboard, page",
        ["script.rates", "script.screenplay", "script.shot_names", "script.timeline", "store"],
    ),
    "model": Room(
        "model's name -> files, cost, networks",
        ["script.prompt", "script.timeline", "store", "units"],
    ),
    "plan": Room(
        "screenplay and request -> plan",
        ["script", "request", "store", "units", "edit.delivery", *_TORCH_FREE],
    ),
    "sample": Room(
        "planned take -> latents -> frames",
        ["script.pictures", "script.prompt", "script.timeline", "store", "model", "plan.passes",
         "plan.values"],
    ),
    "film": Room(
        "clips -> a film on disk that says what made it; opened again, its versions, its cuts",
        ["script", "request", "plan", "store", "edit", "units", "model.kernels",
         "model.torch_device"],
    ),
    "keeping": Room(
        "a take at work -> what is kept of it, and where it goes on",
        ["plan.before", "plan.values", "script.timeline", "model.hardware", "film.provenance",
         "store", "edit", "sample"],
    ),
    "render": Room(
        "plan -> film, in one function",
        ["plan.pace", "plan.values", "film", "store", "keeping", "sample.generator",
         "sample.studio"],
    ),
    "fleet": Room(
        "planned films -> those that are this worker's turn, each once; how all stand",
        ["request", "plan.pace", "plan.values", "film", "store", "model.kernels",
         "model.devices", "model.rank_numbers"],
    ),
    "config": Room(
        "holocine.toml and HOLOCINE_* -> what holds for a screenplay, and who said it",
        ["request", "script.screenplay", "script.yaml_source", "store.files", "film.naming",
         "model.devices", "model.home", "model.memory", "model.spec"],
    ),
    "api": Room(
        "the Python face: all that the command line does, typed, opened when it is used",
        ["request", "adapt", "script", "store", "edit", "model", "plan", "sample", "film",
         "keeping", "render", "fleet", "config", "train", "ingest", "evaluate", "lab", "doctor",
         "units", "shipped"],
    ),
    "doctor": Room(
        "what a render needs -> what of it works on this machine",
        ["request", "units", "edit", "model.hardware", "model.kernels", "model.devices",
         "model.presence", "film", "render"],
    ),
    "production": Room(
        "screenplay's path -> film: the former face, for one release",
        ["request", "plan.values", "film", "keeping", "render"],
    ),
    "train": Room(
        "recipe -> model: samples, loop, checkpoints, export",
        ["script", "request", "units", "model", "plan.values", "sample", "store", "edit.ffmpeg",
         "film", "render", "shipped"],
    ),
    "ingest": Room(
        "footage -> samples: screenplays beside clips, with what was set aside and what is asked",
        ["script", "store", "edit", "model.spec", "model.locate", "train.recipe_file",
         "evaluate.cuts", "units"],
    ),
    "evaluate": Room(
        "films -> numbers, a film's page",
        ["script", "request", "model.weights", "store", "edit", "plan.values", "film", "keeping",
         "render", "sample.studio"],
    ),
    "lab": Room(
        "all that only the drawn world needs: stage, judge, words, codec, suites; nothing imports "
        "it, training opens it by name",
        ["script", "request", "store", "edit", "model", "plan.values", "sample", "film", "train",
         "evaluate", "shipped"],
    ),
}  # fmt: skip

GLOSSARY: Sequence[tuple[str, str]] = (
    ("screenplay, scene", "the YAML file; what one diffusion pass makes"),
    ("shot, cut", "one caption and its length; the first frame of a shot but the first"),
    ("plan", "every take that a render needs, with seed, timeline, fingerprint and reason"),
    ("take", "one rendered scene: latents, clip, sidecars"),
    ("version", "an edited state of a film that can be picked again"),
    ("profile", "a named set of sampling settings: draft, standard, final, or one of your own"),
    ("latents", "what the network denoises and the VAE decodes"),
    ("negative prompt", "what guidance leads away from"),
    ("classifier-free guidance", "`without + scale * (with_text - without)`: `sample.guidance`"),
    ("known latents", "what stays while the rest is denoised: in reshoot, extend, key frames"),
    ("upscaled start", "denoising that begins at a later step, from an enlarged draft"),
    ("placement, offload", "where weights are while a device works"),
    ("positions", "where a token stands in the picture"),
    ("components", "a pipeline's networks and tokenizer, as diffusers calls them"),
    ("EMA", "the moving average of trained weights, which is what is exported"),
    ("fingerprint, provenance", "what changes the picture; all else about how it was made"),
    ("intact", "a file whose hash is right"),
    ("vault", "the work folder: fingerprint -> file with its sidecar"),
)  # fmt: skip


def may_import(room: str, module: str) -> bool:
    """Whether a room may import a module, named below holocine_core: ``model.card``."""
    allowed = (room, *OPEN_TO_ALL, *ROOMS[room].may)
    return any(module == one or module.startswith(f"{one}.") for one in allowed)


def rooms_table() -> str:
    """Markdown."""
    lines = ["| Room | Makes | May import |", "|---|---|---|"]
    for name, room in ROOMS.items():
        may = ", ".join(f"`{one}`" for one in room.may) or "-"
        lines.append(f"| `{name}` | {room.makes} | {may} |")
    return "\n".join(lines)


def glossary() -> str:
    """Markdown."""
    lines = ["| Word | Means |", "|---|---|"]
    return "\n".join([*lines, *(f"| {word} | {means} |" for word, means in GLOSSARY)])


def page(text: str) -> str:
    """CONTRIBUTING with both tables as they are here."""
    for name, table in (("rooms", rooms_table()), ("glossary", glossary())):
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}{table}\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
