"""Scenes of the stage, drawn once: the same latents from every process, every time."""

from __future__ import annotations

import errno
import multiprocessing
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from holocine_core.errors import Interrupted, MachineError
from holocine_core.events import Event, LatentsDrawn, Stop, ignore
from holocine_core.lab import latent_cache as caches
from holocine_core.lab.clips import StageDataset
from holocine_core.lab.latent_cache import Drawing, LatentCache, layout_of
from holocine_core.lab.scenes import DrawnAhead
from holocine_core.lab.stage.facts import labels_of
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS, SHOT_LENGTHS, sample_scene
from holocine_core.lab.stage.view import in_view
from holocine_core.lab.stage.world import Repertoire
from holocine_core.model.folders import locate_folder
from holocine_core.model.weights import load_component
from holocine_core.sample.vae import encode_frames
from holocine_core.train.data.loader import MAKERS
from holocine_core.train.recipe import GROUP

pytestmark = pytest.mark.slow

SHORT = (8, 9)


@pytest.fixture(scope="module")
def drawing(model: Path) -> Drawing:
    return Drawing(
        vae=locate_folder(model).component("vae"),
        identity="codec",
        height=32,
        width=32,
        latent_frames=SHORT,
    )


@pytest.fixture(scope="module")
def filled(drawing: Drawing, tmp_path_factory: pytest.TempPathFactory) -> LatentCache:
    cache = LatentCache(tmp_path_factory.mktemp("latents"), drawing)
    cache.fill([3], emit=ignore, should_stop=lambda: False)
    return cache


def test_a_group_is_its_scenes_drawn_and_encoded(filled: LatentCache, drawing: Drawing) -> None:
    layout = layout_of(3, SHORT, SHOT_LENGTHS)
    assert SHORT[0] <= sum(layout) <= SHORT[1]
    latents = filled.read(3)
    vae = load_component(drawing.vae, torch.float32)
    assert latents.shape[0] == GROUP
    for member in (0, GROUP - 1):
        frames = draw(sample_scene(3 * GROUP + member, layout), 32, 32).numpy()
        assert torch.equal(latents[member], encode_frames(vae, frames)[0].half())


def test_a_small_world_has_latents_of_its_own(drawing: Drawing, tmp_path: Path) -> None:
    small = replace(drawing, world=Repertoire(sets=("kitchen",)))
    assert small.key != drawing.key
    cache = LatentCache(tmp_path, small)
    cache.fill([3], emit=ignore, should_stop=lambda: False)
    clips = StageDataset(cache, [3]).batch(0, range(GROUP), epoch=0)
    layout = cache.layout(3)
    scene = cache.scene(3 * GROUP, layout)
    assert scene.place.set == "kitchen"
    vae = load_component(drawing.vae, torch.float32)
    drawn = encode_frames(vae, draw(scene, 32, 32).numpy())[0].half()
    assert torch.equal(clips.latents_BCFHW[0], drawn)
    assert clips.facts_BSF is not None
    assert clips.facts_BSF[0, 0].tolist() == labels_of(in_view(scene, scene.shots[0]))


def test_drawn_groups_are_found_again_and_only_the_rest_is_drawn(
    filled: LatentCache, drawing: Drawing
) -> None:
    again = LatentCache(filled.folder.parent, drawing)
    assert again.missing([3, 4]) == [4]
    other = Drawing(vae=drawing.vae, identity="other", height=32, width=32, latent_frames=SHORT)
    assert LatentCache(filled.folder.parent, other).missing([3]) == [3]


def test_a_stop_keeps_what_is_drawn(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "draw_scenes", lambda *a: torch.zeros(8, 2, 8, 4, 4).half().numpy())
    cache = LatentCache(tmp_path, drawing)
    told: list[Event] = []
    with pytest.raises(Interrupted):
        cache.fill([0, 1], emit=told.append, should_stop=lambda: len(told) == 1)
    assert cache.missing([0, 1]) == [1]
    cache.fill([0, 1], emit=told.append, should_stop=lambda: False)
    assert [e.scenes for e in told if isinstance(e, LatentsDrawn)] == [GROUP, GROUP]
    assert not cache.missing([0, 1])


@pytest.fixture(scope="module")
def large(drawing: Drawing) -> Drawing:
    return replace(drawing, group=2 * GROUP)


@pytest.fixture(scope="module")
def by_processes(large: Drawing, tmp_path_factory: pytest.TempPathFactory) -> LatentCache:
    """Two large groups; a process takes seconds to begin."""
    cache = LatentCache(tmp_path_factory.mktemp("processes"), large)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caches, "FEW", 0)
        cache.fill([1, 2], emit=ignore, should_stop=lambda: False)
    return cache


def test_a_process_draws_the_same(
    by_processes: LatentCache, large: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "FEW", 9)
    cache = LatentCache(tmp_path, large)
    cache.fill([1], emit=ignore, should_stop=lambda: False)
    assert torch.equal(by_processes.read(1), cache.read(1))


def test_shards_hold_neighbours(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        caches, "draw_scenes", lambda d, group, *a: torch.full((8, 1), group).half().numpy()
    )
    monkeypatch.setattr(caches, "FEW", 9)
    monkeypatch.setattr(caches, "SHARD", 2 * GROUP)
    cache = LatentCache(tmp_path, drawing)
    cache.fill([3, 5, 6, 7], emit=ignore, should_stop=lambda: False)
    assert sorted(p.stem for p in cache.folder.glob("*.safetensors")) == [
        "0000003-0000003",
        "0000005-0000006",
        "0000007-0000007",
    ]
    assert [float(cache.read(group)[0, 0]) for group in (3, 5, 6, 7)] == [3, 5, 6, 7]


def test_captions_are_told_afresh_in_every_epoch(filled: LatentCache) -> None:
    clips = StageDataset(filled, [3])
    assert clips.sizes == [GROUP]
    batches = [clips.batch(0, [1, 5], epoch) for epoch in (0, 0, 1)]
    texts = [tuple(prompt.text for prompt in batch.prompts) for batch in batches]
    assert texts[0] == texts[1]
    assert all(a != b for a, b in zip(texts[0], texts[2], strict=True))
    shots = {len(batch.shots[0]) for batch in batches}
    assert shots == {len(layout_of(3, SHORT, SHOT_LENGTHS))}
    assert {len(prompt.captions) for batch in batches for prompt in batch.prompts} == shots
    assert torch.equal(batches[0].latents_BCFHW[1], filled.read(3)[5])


def test_a_large_group_shares_a_layout_and_is_drawn_in_parts(
    by_processes: LatentCache, large: Drawing
) -> None:
    layout = large.layout(2)
    latents = by_processes.read(2)
    assert latents.shape[0] == 2 * GROUP
    assert StageDataset(by_processes, [1, 2]).sizes == [2 * GROUP] * 2
    vae = load_component(large.vae, torch.float32)
    for member in (0, 2 * GROUP - 1):
        frames = draw(sample_scene(4 * GROUP + member, layout), 32, 32).numpy()
        assert torch.equal(latents[member], encode_frames(vae, frames)[0].half())


def test_a_phase_is_drawn_beside_another(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def drawn(
        _: Drawing, groups: list[int], spare: int, should_stop: Stop
    ) -> Iterator[tuple[int, object]]:
        """Stands in for the processes."""
        assert spare == MAKERS + 1
        for group in groups:
            assert go_on.wait(20)
            yield group, torch.zeros(8, 2, 8, 4, 4).half().numpy()
            if should_stop():
                return

    monkeypatch.setattr(caches, "_drawn", drawn)
    cache, told = LatentCache(tmp_path, drawing), list[Event]()
    ahead = DrawnAhead([(cache, [0, 1])])
    assert cache.missing([0, 1]) == [0, 1]
    go_on.set()
    ahead.wait(told.append, lambda: False)
    assert not cache.missing([0, 1])

    def stop() -> bool:
        threading.Timer(0.2, go_on.set).start()
        return True

    go_on.clear()
    stopped = DrawnAhead([(cache, [2, 3])])
    with pytest.raises(Interrupted):
        stopped.wait(told.append, stop)
    assert cache.missing([2, 3]) == [3]


def test_held_out_scenes_are_whole_groups() -> None:
    assert HELD_OUT_SEEDS % GROUP == 0


def test_comments_of_the_stage_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "__init__.py").write_text("")
    source = tmp_path / "paint.py"

    def identity(text: str) -> str:
        source.write_text(text)
        monkeypatch.setattr(
            caches.holocine_core.lab.stage, "__file__", str(tmp_path / "__init__.py")
        )
        return caches.stage_identity()

    before = identity('"""Draws."""\nx = 1\n')
    assert identity('"""Paints."""\n\n# One.\nx = 1\n') == before
    assert identity('"""Draws."""\nx = 2\n') != before


def test_damaged_latents_are_told_and_drawn_anew(drawing: Drawing, tmp_path: Path) -> None:
    cache = LatentCache(tmp_path, drawing)
    cache.fill([3], emit=ignore, should_stop=lambda: False)
    whole = cache.read(3).clone()  # What was read still lies in the file.
    (shard,) = cache.folder.glob("*.safetensors")
    for at in (-3, 20):
        raw = bytearray(shard.read_bytes())
        raw[at] ^= 1
        shard.write_bytes(raw)
        with pytest.raises(MachineError, match="what was kept is damaged") as told:
            cache.read(3)
        assert told.value.where == f"{shard}.damaged"
        again = LatentCache(tmp_path, drawing)
        again.fill([3], emit=ignore, should_stop=lambda: False)
        assert torch.equal(again.read(3), whole)


def test_a_stop_waits_for_no_process_and_keeps_what_is_done(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "FEW", 0)
    large = replace(drawing, height=128, width=224, latent_frames=(31, 31))
    cache = LatentCache(tmp_path, large)
    asked = time.monotonic() + 1  # Processes are still beginning.
    with pytest.raises(Interrupted):
        cache.fill([1, 2, 3], emit=ignore, should_stop=lambda: time.monotonic() > asked)
    assert time.monotonic() - asked < 3
    small, told = LatentCache(tmp_path, drawing), list[Event]()
    with pytest.raises(Interrupted):
        small.fill(range(1, 60), emit=told.append, should_stop=lambda: bool(told))
    assert 1 <= 59 - len(small.missing(range(1, 60))) < 59


def test_a_stop_comes_between_two_scenes(drawing: Drawing, tmp_path: Path) -> None:
    asked = iter([False, False, True])
    cache = LatentCache(tmp_path, drawing)
    with pytest.raises(Interrupted):
        cache.fill([1], emit=ignore, should_stop=lambda: next(asked))
    assert cache.missing([1]) == [1]
    assert not list(cache.folder.glob("*.safetensors"))


def test_what_is_drawn_is_kept_now_and_then(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a kill takes little, however long a shard takes to fill."""
    monkeypatch.setattr(caches, "draw_scenes", lambda *a: torch.zeros(8, 2, 8, 4, 4).half().numpy())
    monkeypatch.setattr(caches, "KEEP_S", 0.0)
    cache = LatentCache(tmp_path, drawing)
    held: list[int] = []

    def look(event: Event) -> None:
        held.append(len(list(cache.folder.glob("*.safetensors"))))

    monkeypatch.setattr(caches, "FEW", 9)
    cache.fill([1, 2, 3], emit=look, should_stop=lambda: False)
    assert held == [0, 1, 2]


def test_a_killed_process_takes_nothing_that_is_finished(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "FEW", 0)
    before = {child.pid for child in multiprocessing.active_children()}
    cache, told = LatentCache(tmp_path, drawing), list[Event]()

    def kill(event: Event) -> None:
        told.append(event)
        if len(told) == 2:
            worker = next(c for c in multiprocessing.active_children() if c.pid not in before)
            worker.kill()

    with pytest.raises(MachineError, match="ended by the system") as raised:
        cache.fill(range(1, 60), emit=kill, should_stop=lambda: False)
    assert "finished scenes are kept" in (raised.value.hint or "")
    assert len(cache.missing(range(1, 60))) == 59 - len(told)


def test_whatever_ends_the_drawing_leaves_what_is_finished(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "draw_scenes", lambda *a: torch.zeros(8, 2, 8, 4, 4).half().numpy())
    monkeypatch.setattr(caches, "FEW", 9)
    cache, told = LatentCache(tmp_path, drawing), list[Event]()

    def stop(event: Event) -> None:
        told.append(event)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.fill([1, 2, 3], emit=stop, should_stop=lambda: False)
    assert cache.missing([1, 2, 3]) == [3]


def test_what_can_not_be_written_is_tried_once(
    drawing: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "draw_scenes", lambda *a: torch.zeros(8, 2, 8, 4, 4).half().numpy())
    monkeypatch.setattr(caches, "KEEP_S", 0.0)
    tried: list[Path] = []

    def full(path: Path, *_: object) -> None:
        tried.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caches, "write_tensors", full)
    with pytest.raises(MachineError, match="the disk is full"):
        LatentCache(tmp_path, drawing).fill([1], emit=ignore, should_stop=lambda: False)
    assert len(tried) == 1
