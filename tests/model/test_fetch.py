"""Fetching: published bytes or nothing, resumed, pinned, and checked again on request."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Event, FileFetching, FileReady
from holocine_core.model import fetch
from holocine_core.model.fetch import pull
from holocine_core.model.hub import Arriving, HubFile
from holocine_core.model.locate import find_model
from holocine_core.model.lockfile import LOCK_NAME, read_lock
from holocine_core.model.spec import MODELS, WAN_COMPONENTS
from holocine_core.model.verify import FileCheck, verify
from tests.model.checkpoints import ORIGINAL_WAN, WAN, write_experts

FULL = MODELS["holocine-14b-full"]
HOLOCINE = "hlwang06/HoloCine"
COMMIT = "c" * 40


@dataclass
class FolderHub:
    """A hub that is folders on this machine: one per repository."""

    homes: dict[str, Path]
    commits: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    spoil: str = ""
    fail_after: int = 10**6

    def resolve(self, repo: str, revision: str | None) -> str:
        self.asked.append((repo, revision))
        return revision or self.commits.get(repo, COMMIT)

    def files(self, repo: str, revision: str) -> tuple[HubFile, ...]:
        home = self.homes[repo]
        return tuple(
            HubFile(
                path=path.relative_to(home).as_posix(),
                size=path.stat().st_size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in sorted(home.rglob("*"))
            if path.is_file()
        )

    @contextmanager
    def open(self, repo: str, revision: str, file: HubFile, start: int) -> Iterator[Arriving]:
        if len(self.fetched) >= self.fail_after:
            raise MachineError("the line is cut", hint="try again")
        self.fetched.append(file.path)
        content = (self.homes[repo] / file.path).read_bytes()
        if file.path.endswith(self.spoil or "\0"):
            content = content[:-1] + b"?"
        half = len(content) // 2
        yield Arriving(start=0, chunks=iter((content[:half], content[half:])))


@pytest.fixture
def hub(release: Path, tmp_path: Path) -> FolderHub:
    homes = {HOLOCINE: tmp_path / "hub" / "holocine", WAN_COMPONENTS.repo: tmp_path / "hub" / "wan"}
    shutil.copytree(release / "HoloCine_dit", homes[HOLOCINE] / "HoloCine_dit")
    write_experts(homes[HOLOCINE] / "HoloCine_dit" / "sparse", "sparse")
    shutil.copytree(release / WAN, homes[WAN_COMPONENTS.repo])
    (homes[WAN_COMPONENTS.repo] / "transformer").mkdir()
    (homes[WAN_COMPONENTS.repo] / "transformer" / "huge.safetensors").write_bytes(b"not wanted")
    return FolderHub(homes)


def with_original_files(release: Path, models: Path) -> None:
    """The experts as they are published, and Wan's own files beside them; no tokenizer."""
    shutil.copytree(release, models)
    shutil.rmtree(models / WAN)
    (models / ORIGINAL_WAN).mkdir()
    for name in ("models_t5_umt5-xxl-enc-bf16.pth", "Wan2.1_VAE.pth"):
        (models / ORIGINAL_WAN / name).touch()


class TestPull:
    def test_it_brings_what_finding_looks_for(self, hub: FolderHub, models: Path) -> None:
        paths = pull(FULL, models, accept_licence=True, hub=hub)
        assert find_model(FULL.name, models_dir=models).missing == ()
        assert set(paths) == {p for p in models.rglob("*") if p.is_file()} - {models / LOCK_NAME}
        assert not any("sparse" in name or "huge" in name for name in hub.fetched)
        high = "HoloCine_dit/full/full_high_noise.safetensors"
        assert (models / high).read_bytes() == (hub.homes[HOLOCINE] / high).read_bytes()

    def test_it_tells_how_far_it_is(self, hub: FolderHub, models: Path) -> None:
        heard: list[Event] = []
        pull(FULL, models, heard.append, accept_licence=True, hub=hub)
        ready = [event for event in heard if isinstance(event, FileReady)]
        assert [event.file for event in ready if event.fetched] == hub.fetched
        last = {event.file: event for event in heard if isinstance(event, FileFetching)}
        assert len(last) == len(ready)
        assert all(event.bytes == event.of > 0 for event in last.values())

    def test_the_second_time_there_is_nothing_to_do(self, hub: FolderHub, models: Path) -> None:
        first = pull(FULL, models, accept_licence=True, hub=hub)
        hub.fetched.clear()
        heard: list[Event] = []
        assert pull(FULL, models, heard.append, accept_licence=True, hub=hub) == first
        assert hub.fetched == []
        assert [e.fetched for e in heard if isinstance(e, FileReady)] == [False] * len(first)

    def test_it_goes_on_where_it_stopped(self, hub: FolderHub, models: Path) -> None:
        hub.fail_after = 3
        with pytest.raises(MachineError, match="line is cut"):
            pull(FULL, models, accept_licence=True, hub=hub)
        assert sum(len(entry.files) for entry in read_lock(models).values()) == 3
        done, hub.fetched, hub.fail_after = list(hub.fetched), [], 100
        pull(FULL, models, accept_licence=True, hub=hub)
        assert not set(done) & set(hub.fetched)
        assert find_model(FULL.name, models_dir=models).missing == ()

    def test_the_first_commit_is_kept(self, hub: FolderHub, models: Path) -> None:
        pull(FULL, models, accept_licence=True, hub=hub)
        lock = read_lock(models)
        assert lock[HOLOCINE].revision == COMMIT
        assert lock[WAN_COMPONENTS.repo].revision == WAN_COMPONENTS.revision
        hub.commits[HOLOCINE] = "d" * 40
        hub.asked.clear()
        pull(MODELS["holocine-14b-sparse"], models, accept_licence=True, hub=hub)
        assert hub.asked == [(HOLOCINE, COMMIT), (WAN_COMPONENTS.repo, WAN_COMPONENTS.revision)]
        names = read_lock(models)[HOLOCINE].files
        assert {name.split("/")[1] for name in names} == {"full", "sparse"}

    def test_the_lock_holds_hash_and_size(self, hub: FolderHub, models: Path) -> None:
        pull(FULL, models, accept_licence=True, hub=hub)
        high = "HoloCine_dit/full/full_high_noise.safetensors"
        content = (hub.homes[HOLOCINE] / high).read_bytes()
        entry = json.loads((models / LOCK_NAME).read_text())[HOLOCINE]
        assert entry["files"][high] == {
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }

    def test_files_copied_by_hand_are_taken_up(self, hub: FolderHub, models: Path) -> None:
        shutil.copytree(hub.homes[HOLOCINE], models)
        pull(FULL, models, accept_licence=True, hub=hub)
        assert not any("HoloCine" in name for name in hub.fetched)
        assert len(read_lock(models)[HOLOCINE].files) == 2

    def test_a_file_of_ones_own_is_never_replaced(self, hub: FolderHub, models: Path) -> None:
        mine = models / "HoloCine_dit" / "full" / "full_low_noise.safetensors"
        mine.parent.mkdir(parents=True)
        mine.write_bytes(b"my own fine-tune")
        with pytest.raises(MachineError, match="is not the file that hlwang06") as raised:
            pull(FULL, models, accept_licence=True, hub=hub)
        assert raised.value.where == str(mine)
        assert "move it away" in raised.value.hint
        assert mine.read_bytes() == b"my own fine-tune"
        assert hub.fetched == []

    def test_what_arrives_damaged_does_not_stay(self, hub: FolderHub, models: Path) -> None:
        hub.spoil = "full_low_noise.safetensors"
        with pytest.raises(MachineError, match="is not the file"):
            pull(FULL, models, accept_licence=True, hub=hub)
        assert not (models / "HoloCine_dit" / "full" / hub.spoil).exists()
        hub.spoil = ""
        pull(FULL, models, accept_licence=True, hub=hub)
        assert find_model(FULL.name, models_dir=models).missing == ()

    def test_a_file_that_moved_inside_the_repository_is_found(
        self, hub: FolderHub, models: Path
    ) -> None:
        home = hub.homes[HOLOCINE]
        (home / "HoloCine_dit" / "full").rename(home / "v1")
        pull(FULL, models, accept_licence=True, hub=hub)
        assert find_model(FULL.name, models_dir=models).missing == ()
        shutil.copytree(home / "v1", home / "v2")
        with pytest.raises(MachineError, match="holds no HoloCine_dit"):
            pull(FULL, models / "again", accept_licence=True, hub=hub)

    def test_a_part_that_lacks_is_named_and_fetched_alone(
        self, hub: FolderHub, release: Path, models: Path
    ) -> None:
        """HoloCine's own page has people fetch Wan's two .pth files and no tokenizer."""
        with_original_files(release, models)
        located = find_model(FULL.name, models_dir=models)
        (lacks,) = located.missing
        assert lacks.part == "tokenizer"
        command = f"holocine models pull {FULL.name} --only tokenizer --models-dir {models}"
        assert lacks.hint == command
        with pytest.raises(InputError, match="Apache") as raised:
            pull(FULL, models, only=["tokenizer"], hub=hub)
        assert "CC BY-NC" not in raised.value.message
        assert f"{command.split(' --only')[0]} --models-dir {models} --only tokenizer" in (
            raised.value.hint
        )
        pull(FULL, models, only=["tokenizer"], accept_licence=True, hub=hub)
        assert {name.partition("/")[0] for name in hub.fetched} == {"tokenizer"}
        assert find_model(FULL.name, models_dir=models).missing == ()

    def test_what_is_there_in_another_form_is_not_fetched(
        self, hub: FolderHub, release: Path, models: Path
    ) -> None:
        with_original_files(release, models)
        heard: list[Event] = []
        paths = pull(FULL, models, heard.append, accept_licence=True, hub=hub)
        assert {name.partition("/")[0] for name in hub.fetched} == {"tokenizer"}
        ready = {event.file: event.fetched for event in heard if isinstance(event, FileReady)}
        assert ready["Wan2.1_VAE.pth"] is ready["models_t5_umt5-xxl-enc-bf16.pth"] is False
        assert models / ORIGINAL_WAN / "Wan2.1_VAE.pth" in paths
        located = find_model(FULL.name, models_dir=models)
        assert located.missing == ()
        assert located.component("vae").form == "pth"

    def test_a_part_that_no_model_has_is_refused(self, hub: FolderHub, models: Path) -> None:
        with pytest.raises(InputError, match="has no part 'tokeniser'") as raised:
            pull(FULL, models, only=["tokeniser"], accept_licence=True, hub=hub)
        assert "tokenizer, text_encoder, vae" in raised.value.hint
        assert (hub.asked, hub.fetched) == ([], [])

    def test_without_consent_nothing_is_asked(self, hub: FolderHub, models: Path) -> None:
        with pytest.raises(InputError, match="CC BY-NC-SA") as raised:
            pull(FULL, models, hub=hub)
        command = f"holocine models pull holocine-14b-full --models-dir {models} --accept-licence"
        assert command in raised.value.hint
        assert (hub.asked, hub.fetched) == ([], [])

    def test_a_full_disk_is_seen_before_the_first_byte(
        self, hub: FolderHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: usage(10, 0, 2**30))
        with pytest.raises(MachineError, match=r"are to be fetched and 1\.1 GB are free"):
            pull(FULL, models, accept_licence=True, hub=hub)
        assert hub.fetched == []

    def test_the_embedded_model_needs_nothing(self, hub: FolderHub, models: Path) -> None:
        assert pull(MODELS["nano"], models, hub=hub) == ()
        assert not models.exists()

    def test_a_damaged_lock_says_so(self, hub: FolderHub, models: Path) -> None:
        models.mkdir()
        (models / LOCK_NAME).write_text('{"a/b": {}}')
        with pytest.raises(MachineError, match="damaged") as raised:
            pull(FULL, models, accept_licence=True, hub=hub)
        assert raised.value.where == str(models / LOCK_NAME)


class TestVerify:
    @pytest.fixture
    def pulled(self, hub: FolderHub, models: Path) -> Path:
        pull(FULL, models, accept_licence=True, hub=hub)
        home = models / "HoloCine_dit" / "full"
        shutil.copy(hub.homes[HOLOCINE] / "HoloCine_dit" / "full" / "config.json", home)
        return models

    def states(self, models: Path) -> dict[str, str]:
        checks = verify(find_model(FULL.name, models_dir=models))
        return {check.path.name: check.state for check in checks if check.state != "ok"}

    def test_all_is_well_after_pulling(self, pulled: Path) -> None:
        heard: list[Event] = []
        checks = verify(find_model(FULL.name, models_dir=pulled), heard.append)
        assert {check.state for check in checks} == {"ok"}
        assert {c.path for c in checks} == {
            p for p in pulled.rglob("*") if p.is_file() and p.name != LOCK_NAME
        }
        assert heard == list(checks)

    def test_a_flipped_bit_is_found(self, pulled: Path) -> None:
        path = pulled / WAN / "text_encoder" / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[-7] ^= 1
        path.write_bytes(content)
        assert self.states(pulled) == {"model.safetensors": "changed"}

    def test_a_cut_file_is_found(self, pulled: Path) -> None:
        path = pulled / WAN / "vae" / "diffusion_pytorch_model.safetensors"
        path.write_bytes(path.read_bytes()[:-9])
        assert self.states(pulled) == {path.name: "changed"}

    def test_what_lacks_and_what_is_too_much(self, pulled: Path) -> None:
        home = pulled / "HoloCine_dit" / "full"
        (home / "full_low_noise.safetensors").rename(home / "copy.safetensors")
        assert self.states(pulled) == {
            "full_low_noise.safetensors": "missing",
            "copy.safetensors": "unexpected",
        }

    def test_without_a_lock_the_structure_is_judged(self, pulled: Path) -> None:
        (pulled / LOCK_NAME).unlink()
        assert self.states(pulled) == {}
        path = pulled / "HoloCine_dit" / "full" / "full_high_noise.safetensors"
        state = load_file(path)
        del state["head.head.bias"]
        save_file(state, path)
        (check,) = (
            c
            for c in verify(find_model(FULL.name, models_dir=pulled))
            if isinstance(c, FileCheck) and c.state != "ok"
        )
        assert (check.path, check.state) == (path, "changed")
        fault, config = check.note.split(" (as ")
        assert fault == "does not fit the network: head.head.bias is missing"
        assert config == f"{path.with_name('config.json')} says)"

    @pytest.mark.nano
    def test_the_embedded_model_is_sound(self) -> None:
        checks = verify(find_model("nano"))
        assert {check.state for check in checks} == {"ok"}
