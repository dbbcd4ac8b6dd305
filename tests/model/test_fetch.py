"""Fetching: published bytes or nothing, resumed, pinned, and checked again on request."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Event
from holocine_core.model import fetch
from holocine_core.model.fetch import FileFetching, FileReady, pull
from holocine_core.model.hub import HubFile, HuggingFaceHub, OnBytes
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

    def download(
        self, repo: str, revision: str, path: str, folder: Path, on_bytes: OnBytes
    ) -> None:
        if len(self.fetched) >= self.fail_after:
            raise MachineError("the line is cut", hint="try again")
        self.fetched.append(path)
        content = (self.homes[repo] / path).read_bytes()
        if path.endswith(self.spoil or "\0"):
            content = content[:-1] + b"?"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        on_bytes(len(content) // 2)
        on_bytes(len(content) - len(content) // 2)


@pytest.fixture
def hub(release: Path, tmp_path: Path) -> FolderHub:
    homes = {HOLOCINE: tmp_path / "hub" / "holocine", WAN_COMPONENTS.repo: tmp_path / "hub" / "wan"}
    shutil.copytree(release / "HoloCine_dit", homes[HOLOCINE] / "HoloCine_dit")
    write_experts(homes[HOLOCINE] / "HoloCine_dit" / "sparse", "sparse")
    shutil.copytree(release / WAN, homes[WAN_COMPONENTS.repo])
    (homes[WAN_COMPONENTS.repo] / "transformer").mkdir()
    (homes[WAN_COMPONENTS.repo] / "transformer" / "huge.safetensors").write_bytes(b"not wanted")
    return FolderHub(homes)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


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
        assert (check.path, check.state, check.note) == (
            path,
            "changed",
            "does not fit the network: head.head.bias is missing",
        )

    @pytest.mark.nano
    def test_the_embedded_model_is_sound(self) -> None:
        checks = verify(find_model("nano"))
        assert {check.state for check in checks} == {"ok"}


class Server(BaseHTTPRequestHandler):
    """As much of the hub's web interface as fetching uses, for one repository at one commit."""

    files: dict[str, bytes]
    fail_with: tuple[int, str] = (0, "")
    """A status and the hub's own code for the reason."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        name = self.path.split("?")[0]
        if self.fail_with[0]:
            self.answer(b"{}", code=self.fail_with[0])
        elif name.startswith("/api/models/one/model/tree/"):
            self.answer(json.dumps([self.entry(path) for path in self.files]).encode())
        elif name.startswith("/api/models/one/model"):
            self.answer(json.dumps({"id": "one/model", "sha": COMMIT}).encode())
        elif (path := name.removeprefix(f"/one/model/resolve/{COMMIT}/")) in self.files:
            self.answer(self.files[path], etag=hashlib.sha256(self.files[path]).hexdigest())
        else:
            self.answer(b"{}", code=404)

    def entry(self, path: str) -> dict[str, object]:
        content = self.files[path]
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, object] = {
            "type": "file",
            "path": path,
            "size": len(content),
            "oid": blob,
        }
        if path.endswith(".safetensors"):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
        return entry

    def answer(self, content: bytes, *, code: int = 200, etag: str = "none") -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Error-Code", self.fail_with[1])
        self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Server]]]:
    handler = type("Handler", (Server,), {"files": {}})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", handler
    httpd.shutdown()
    httpd.server_close()


class TestHuggingFaceHub:
    @pytest.fixture(autouse=True)
    def _online(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    SPEC = replace(
        FULL,
        sources=(
            replace(
                FULL.sources[0],
                repo="one/model",
                files=("weights/a.safetensors", "notes/*"),
                folder="there",
            ),
        ),
    )

    def test_it_fetches_over_the_hubs_own_interface(
        self, server: tuple[str, type[Server]], models: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        address, handler = server
        handler.files = {"weights/a.safetensors": bytes(range(256)) * 64, "notes/b.json": b"{}"}
        heard: list[Event] = []
        hub = HuggingFaceHub(address)
        paths = pull(self.SPEC, models, heard.append, accept_licence=True, hub=hub)
        assert [path.relative_to(models / "there").as_posix() for path in paths] == list(
            handler.files
        )
        assert [path.read_bytes() for path in paths] == list(handler.files.values())
        assert read_lock(models)["one/model"].revision == COMMIT
        progress = [event for event in heard if isinstance(event, FileFetching)]
        assert progress[-1].of == 2
        assert {e.bytes for e in progress if e.file.startswith("weights")} >= {256 * 64}
        out = capfd.readouterr()
        assert (out.out, out.err) == ("", "")

    @pytest.mark.parametrize(
        ("code", "reason", "says"),
        [
            (404, "RepoNotFound", "does not know"),
            (404, "RevisionNotFound", "does not know"),
            (403, "GatedRepo", "accepted its terms"),
            (500, "", "can not be fetched"),
        ],
    )
    def test_a_hub_that_refuses_is_a_machine_error(
        self, code: int, reason: str, says: str, server: tuple[str, type[Server]], models: Path
    ) -> None:
        address, handler = server
        handler.fail_with = (code, reason)
        with pytest.raises(MachineError, match=says) as raised:
            pull(self.SPEC, models, accept_licence=True, hub=HuggingFaceHub(address))
        assert raised.value.hint

    def test_no_network_is_a_machine_error(self, models: Path) -> None:
        hub = HuggingFaceHub("http://127.0.0.1:9")
        with pytest.raises(MachineError, match="one/model can not be fetched") as raised:
            pull(self.SPEC, models, accept_licence=True, hub=hub)
        assert "connection" in raised.value.hint
        assert not models.exists()

    def test_offline_mode_is_a_machine_error(
        self, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(MachineError, match="HF_HUB_OFFLINE is set"):
            pull(self.SPEC, models, accept_licence=True, hub=HuggingFaceHub())
