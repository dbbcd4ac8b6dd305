"""What killed processes leave is removed, what is at work stays, and names are on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holocine_core.store.claims import sweep_claims
from holocine_core.store.files import make_folder, replace_folder, write_json
from holocine_core.store.holders import Holder, holder_text
from holocine_core.store.leases import Held, Lease
from holocine_core.store.processes import Process, this_process
from holocine_core.store.vault import Vault


@pytest.fixture
def gone() -> Process:
    """A process of this host that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = this_process()
    return Process(host=here.host, pid=ended.pid, pids=here.pids, start=f"{here.boot} 1")


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is forced to the disk, in order."""
    found: list[Path] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        found.append(Path(f"/proc/self/fd/{handle}").readlink())
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


def test_a_claim_that_was_never_whole_keeps_nobody_waiting(tmp_path: Path, gone: Process) -> None:
    (tmp_path / "lease-1.json").touch()
    (tmp_path / ".lease-1.ab12.part").write_text(holder_text(Holder(process=gone, token="ab12")))
    lease = Lease(tmp_path)
    lease.claim()
    lease.release()
    assert [path.name for path in tmp_path.iterdir()] == ["lease-2.json"]


def test_a_claim_that_was_never_whole_is_still_known_when_all_is_swept(
    tmp_path: Path, gone: Process
) -> None:
    (tmp_path / "lease-1.json").touch()
    (tmp_path / ".lease-1.ab12.part").write_text(holder_text(Holder(process=gone, token="ab12")))
    sweep_claims(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lease-1.json"]
    holder = Lease(tmp_path).holder()
    assert holder is not None
    assert holder.process == gone


def test_a_claim_that_is_being_written_is_somebodys(tmp_path: Path) -> None:
    (tmp_path / "lease-1.json").touch()
    mine = Holder(process=this_process(), token="ab12")
    (tmp_path / ".lease-1.ab12.part").write_text(holder_text(mine))
    with pytest.raises(Held, match=str(os.getpid())):
        Lease(tmp_path).claim()


def test_half_written_files_of_the_living_stay(tmp_path: Path, gone: Process) -> None:
    vault = Vault(tmp_path)
    clips = tmp_path / "clips"
    clips.mkdir()
    left, living = clips / f".a.{gone.pid}.part.mp4", clips / f".a.{os.getpid()}.part.mp4"
    lease = tmp_path / ".versions-lease-3.0123456789012345.part"
    for path in (left, living, lease):
        path.touch()
    with vault.locked("test"):
        pass
    assert not left.exists()
    assert living.exists()
    assert lease.exists(), "another process may be about to give it its name"


def test_progress_that_nothing_tells_of_is_removed(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    with vault.locked("test"):
        kept = vault.keep("progress", "a-1", lambda path: path.write_bytes(b"x") and None, {})
        vault.keep("progress", "b-1", lambda path: path.write_bytes(b"x") and None, {})
    vault.path("progress", "b-1").with_suffix(".json").unlink()
    with vault.locked("test"):
        pass
    names = {path.name for path in (tmp_path / "progress").iterdir()}
    assert names == {kept.path.name, "a-1.json"}


def test_folders_that_are_made_are_on_the_disk(tmp_path: Path, flushed: list[Path]) -> None:
    make_folder(tmp_path / "a" / "b")
    assert set(flushed) == {tmp_path, tmp_path / "a"}
    flushed.clear()
    make_folder(tmp_path / "a" / "b")
    assert flushed == []


def test_a_record_and_a_kept_file_are_on_the_disk_with_their_names(
    tmp_path: Path, flushed: list[Path]
) -> None:
    write_json(tmp_path / "versions.json", {})
    assert flushed[-1] == tmp_path
    vault = Vault(tmp_path / "work")
    flushed.clear()
    vault.keep("clips", "a", lambda path: path.write_bytes(b"x") and None, {})
    assert {tmp_path, tmp_path / "work", tmp_path / "work" / "clips"} <= set(flushed)


def test_a_folder_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, flushed: list[Path]
) -> None:
    part = tmp_path / ".model.part"
    (part / "vae").mkdir(parents=True)
    (part / "vae" / "weights").write_bytes(b"x")
    replace_folder(part, tmp_path / "model")
    assert {part, part / "vae", part / "vae" / "weights"} <= set(flushed[:-1])
    assert flushed[-1] == tmp_path
    assert (tmp_path / "model" / "vae" / "weights").read_bytes() == b"x"


def test_a_folder_that_holds_records_of_others_is_swept_too(tmp_path: Path) -> None:
    """Versions lie in the work folder, and are noted once."""
    killed = (
        "import os, sys; from pathlib import Path; from holocine_core.store.files import atomic\n"
    )
    killed += "with atomic(Path(sys.argv[1])): os._exit(1)"
    (tmp_path / "versions").mkdir()
    record = tmp_path / "versions" / "0001.json"
    subprocess.run([sys.executable, "-c", killed, str(record)], check=False)
    assert list((tmp_path / "versions").iterdir()) != []
    with Vault(tmp_path).locked("render"):
        assert list((tmp_path / "versions").iterdir()) == []
