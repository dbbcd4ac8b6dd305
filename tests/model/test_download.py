"""A download that was cut off goes on inside the file; what it goes on with is the same file."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from huggingface_hub import constants

from holocine_core.errors import MachineError, TakenOver
from holocine_core.events import Event, FileFetching, FileReady, Warned
from holocine_core.model import download, fetch, patience
from holocine_core.model.lockfile import LockedFile, lock_file, read_lock
from holocine_core.store.leases import Lease
from tests.model.fake_hub import FakeHub, left
from tests.model.pulling import BIG, CONTENT, FILES, REPO, SMALL, bring, refused

pytestmark = pytest.mark.usefixtures("online")
HALF = 2**20
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def stopped(hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A pull that ended inside the large file; how many bytes are here."""
    hub.cuts = [HALF] + [0] * 9
    with monkeypatch.context() as patch:
        patch.setattr(patience, "WAITS_S", ())
        patch.setattr(download, "Patience", lambda emit: patience.Patience(emit, ()))
        refused(lambda: bring(hub, models))
    hub.cuts.clear()
    (part,) = left(models)
    return part.stat().st_size


def warned(heard: list[Event]) -> str:
    return "\n".join(one.message for one in heard if isinstance(one, Warned))


class TestOn:
    def test_a_call_goes_on_inside_the_file(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = stopped(hub, models, monkeypatch)
        assert here == HALF
        path = bring(hub, models)
        assert path.read_bytes() == CONTENT
        (models / "plain").touch()
        assert path.stat().st_mode == (models / "plain").stat().st_mode
        assert [request.start for request in hub.of(BIG)] == [0, HALF]
        assert sum(request.sent for request in hub.of(BIG)) == len(CONTENT)
        assert left(models) == []

    def test_a_lost_line_is_taken_up_within_the_call(self, hub: FakeHub, models: Path) -> None:
        hub.cuts = [HALF, HALF, 0, 0, HALF // 2]
        heard: list[Event] = []
        assert bring(hub, models, heard.append).read_bytes() == CONTENT
        starts = [request.start for request in hub.of(BIG)]
        assert starts == [0, HALF, 2 * HALF, 2 * HALF, 2 * HALF, 2 * HALF + HALF // 2]
        assert sum(request.sent for request in hub.of(BIG)) == len(CONTENT)
        told = [one for one in heard if isinstance(one, Warned)]
        assert len(told) == 5
        assert f"1.0 MB of 3.1 MB of {BIG} are here" in told[0].message
        assert "the line to localhost" in told[0].message

    def test_a_line_that_stays_lost_is_told(self, hub: FakeHub, models: Path) -> None:
        hub.cuts = [HALF] + [0] * 99
        error = refused(lambda: bring(hub, models))
        assert f"1.0 MB of 3.1 MB of {BIG} are here" in error.hint
        assert "run the same command again" in error.hint
        assert len(hub.of(BIG)) == 1 + len(patience.WAITS_S)

    def test_a_whole_file_without_its_name_needs_no_byte(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        (part,) = left(models)
        part.write_bytes(CONTENT)
        hub.requests.clear()
        assert bring(hub, models).read_bytes() == CONTENT
        assert hub.of(BIG) == []

    def test_a_file_without_a_byte(self, hub: FakeHub, models: Path) -> None:
        hub.repos[REPO][SMALL] = b""
        bring(hub, models)
        assert (models / "there" / SMALL).read_bytes() == b""
        assert hub.of(SMALL) == []

    def test_progress_begins_with_what_is_here(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        heard: list[Event] = []
        bring(hub, models, heard.append)
        told = [one for one in heard if isinstance(one, FileFetching) and one.file == BIG]
        assert min(one.bytes for one in told) == HALF
        assert (told[-1].bytes, told[-1].of) == (len(CONTENT), len(CONTENT))

    def test_a_hub_without_ranges_sends_all_and_it_is_told(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        hub.ranges = False
        heard: list[Event] = []
        assert bring(hub, models, heard.append).read_bytes() == CONTENT
        assert "does not go on inside files" in warned(heard)

    def test_a_line_to_such_a_hub_that_is_lost_costs_no_byte(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        hub.ranges, hub.cuts = False, [2**18, 0, HALF + 2**18] + [0] * 99
        refused(lambda: bring(hub, models))
        assert left(models)[0].stat().st_size == HALF + 2**18
        assert left(models)[0].read_bytes() == CONTENT[: HALF + 2**18]

    def test_any_number_of_lost_lines_is_taken_up_while_bytes_come(
        self, hub: FakeHub, models: Path
    ) -> None:
        hub.cuts = [2**18] * 11
        assert bring(hub, models).read_bytes() == CONTENT
        assert len(hub.of(BIG)) == 12 > len(patience.WAITS_S) + 1

    def test_a_hub_that_tells_no_lengths(self, hub: FakeHub, models: Path) -> None:
        hub.lengths, hub.cuts = False, [HALF, HALF]
        assert bring(hub, models).read_bytes() == CONTENT
        assert [request.start for request in hub.of(BIG)] == [0, HALF, 2 * HALF]

    def test_what_huggingface_hub_has_is_not_asked_for(
        self, hub: FakeHub, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "cache" / "models--one--model" / "snapshots" / hub.commit
        (home / BIG).parent.mkdir(parents=True)
        (home / BIG).write_bytes(CONTENT)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        assert bring(hub, models).read_bytes() == CONTENT
        assert hub.of(BIG) == []


class TestTheSameFile:
    def test_of_another_version_nothing_is_gone_on_with(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        changed = bytes(reversed(CONTENT))
        hub.repos[REPO][BIG] = changed
        heard: list[Event] = []
        assert bring(hub, models, heard.append).read_bytes() == changed
        assert f"bytes of another version of {BIG} were here: 1.0 MB, removed" in warned(heard)
        assert [request.start for request in hub.of(BIG)][-1] == 0
        assert left(models) == []

    def test_bytes_that_were_altered_here_are_found_and_fetched_anew(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        (part,) = left(models)
        part.write_bytes(bytes(HALF))
        heard: list[Event] = []
        assert bring(hub, models, heard.append).read_bytes() == CONTENT
        assert "is not the file that one/model publishes" in warned(heard)
        assert [request.start for request in hub.of(BIG)] == [0, HALF, 0]

    def test_a_longer_one_than_the_file_is_fetched_anew(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        (part,) = left(models)
        part.write_bytes(CONTENT + b"more")
        assert bring(hub, models).read_bytes() == CONTENT

    @pytest.mark.parametrize("how", ["another hash", "fewer bytes", "more bytes"])
    def test_a_hub_that_offers_another_file_than_it_lists(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        here = stopped(hub, models, monkeypatch)
        if how == "another hash":
            hub.etag = "0" * 64
        else:
            hub.etag = SHA256
            hub.sends[BIG] = CONTENT[:-9] if how == "fewer bytes" else CONTENT + b"more"
        error = refused(lambda: bring(hub, models))
        assert "offers another file" in error.message
        assert (SHA256[:12] if how == "another hash" else "not 3,145,735") in error.message
        assert left(models)[0].stat().st_size == here

    def test_a_hub_that_begins_elsewhere_than_asked(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        hub.strays = 7
        error = refused(lambda: bring(hub, models))
        assert f"bytes from {HALF + 7} on, not from {HALF}" in error.message
        assert left(models)[0].stat().st_size == HALF

    def test_more_bytes_than_are_listed(self, hub: FakeHub, models: Path) -> None:
        hub.lengths, hub.sends[BIG] = False, CONTENT + CONTENT
        assert "more bytes of weights" in refused(lambda: bring(hub, models)).message
        assert left(models)[0].stat().st_size <= len(CONTENT)

    def test_damage_on_the_way_leaves_nothing(self, hub: FakeHub, models: Path) -> None:
        hub.sends[BIG] = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
        error = refused(lambda: bring(hub, models))
        assert "is not the file that one/model publishes" in error.message
        assert left(models) == []
        assert not (models / "there" / BIG).exists()


class TestSweeping:
    def orphan(self, models: Path, name: str, age: float) -> Path:
        path = models / "there" / ".cache" / "huggingface" / "download" / "weights" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
        then = time.time() - age
        os.utime(path, (then, then))
        return path

    def test_what_killed_downloads_of_earlier_versions_left_goes(
        self, hub: FakeHub, models: Path
    ) -> None:
        bring(hub, models)  # All is there: even then.
        left_behind = self.orphan(models, f"kZo.{SHA256}.0a1b2c3d.incomplete", 3600)
        at_work = self.orphan(models, f"kZo.{SHA256}.1a1b2c3d.incomplete", 5)
        anothers = self.orphan(models, f"kZo.{SHA256}.incomplete", 3600)
        heard: list[Event] = []
        bring(hub, models, heard.append)
        assert [one.exists() for one in (left_behind, at_work, anothers)] == [False, True, True]
        assert "what a killed download left: 1.0 kB, removed" in warned(heard)

    def test_what_is_begun_of_a_file_that_came_in_another_way_goes(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopped(hub, models, monkeypatch)
        (models / "there" / BIG).write_bytes(CONTENT)
        hub.requests.clear()
        bring(hub, models)
        assert left(models) == []
        assert hub.of(BIG) == []


class TestDisk:
    def test_a_disk_that_gets_full_keeps_what_is_here(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room, write = HALF + 5, os.write

        def limited(handle: int, content: bytes) -> int:
            nonlocal room
            if not room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = write(handle, bytes(content)[:room])
            room -= written
            return written

        with monkeypatch.context() as patch:
            patch.setattr(download.os, "write", limited)
            error = refused(lambda: bring(hub, models))
        assert error.message == f"the disk is full: 1.0 MB of 3.1 MB of {BIG} are here"
        assert error.hint.startswith("free 2.1 MB there and run the same command again")
        assert left(models)[0].stat().st_size == HALF + 5
        assert bring(hub, models).read_bytes() == CONTENT
        assert [request.start for request in hub.of(BIG)] == [0, HALF + 5]

    def test_what_is_here_needs_no_more_room(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = stopped(hub, models, monkeypatch)
        lacks = len(CONTENT) - here + len(FILES[SMALL])
        asked: list[int] = []
        monkeypatch.setattr(
            "holocine_core.model.fetch._check_space", lambda where, needed: asked.append(needed)
        )
        bring(hub, models)
        assert asked == [lacks]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_can_not_be_written(self, hub: FakeHub, models: Path) -> None:
        models.mkdir()
        models.chmod(0o555)
        try:
            error = refused(lambda: bring(hub, models))
        finally:
            models.chmod(0o755)
        assert "Permission denied" in error.message


class TestTwoAtOnce:
    def test_the_second_waits_and_fetches_nothing_again(self, hub: FakeHub, models: Path) -> None:
        """Two threads of one process are two holders of a lease."""
        heard: list[list[Event]] = [[], []]
        failed: list[BaseException] = []
        waits = threading.Event()
        hub.on_piece = lambda request: waits.wait(20) and None

        def work(number: int) -> None:
            def tell(event: Event) -> None:
                heard[number].append(event)
                if isinstance(event, Warned):
                    waits.set()

            try:
                bring(hub, models, tell)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert (models / "there" / BIG).read_bytes() == CONTENT
        assert len(hub.of(BIG)) == len(hub.of(SMALL)) == 1
        waited = [one for one in heard if "another pull is at work in this folder" in warned(one)]
        assert len(waited) == 1
        ready = [one.fetched for one in waited[0] if isinstance(one, FileReady)]
        assert ready == [False, False]
        assert not list(models.glob("*pull-*"))

    def test_a_folder_that_is_lost_is_written_no_more(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(download, "_TOLD_S", 0.0)

        def take_over(request: object) -> None:
            (mine,) = models.glob("pull-*.json")
            told = mine.read_text().replace('"token": "', '"token": "0')
            mine.with_name("pull-9.json").write_text(told)
            hub.on_piece = lambda request: None

        hub.on_piece = take_over
        with pytest.raises(TakenOver, match="taken over"):
            bring(hub, models)
        assert not (models / "there" / BIG).exists()
        assert left(models)[0].stat().st_size < len(CONTENT)

    def test_the_second_takes_the_commit_that_the_first_has_taken(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def first(where: Path, emit: object) -> AbstractContextManager[Callable[[], None]]:
            lock_file(where, REPO, "d" * 40, SMALL, LockedFile(sha256="", size=-1))
            return nullcontext(lambda: None)

        models.mkdir()
        monkeypatch.setattr(fetch, "_in_turn", first)
        bring(hub, models)
        assert f"/{REPO}/resolve/{'d' * 40}/{BIG}" in hub.asked
        assert {one.revision for one in read_lock(models).values()} == {"d" * 40}

    def test_nothing_is_written_where_nothing_lacks(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A folder that many machines read, and none may write."""
        bring(hub, models)
        before = {path: path.stat().st_mtime_ns for path in (models, *models.rglob("*"))}
        monkeypatch.setattr(Lease, "claim", lambda self: pytest.fail("it claimed the folder"))
        bring(hub, models)
        assert before == {path: path.stat().st_mtime_ns for path in (models, *models.rglob("*"))}


def test_a_pull_after_one_of_another_commit_holds_to_the_first(hub: FakeHub, models: Path) -> None:
    bring(hub, models)
    hub.commit = "d" * 40
    (models / "there" / BIG).unlink()
    bring(hub, models)
    assert f"/one/model/resolve/{'c' * 40}/{BIG}" in hub.asked


def test_a_commit_that_is_gone_names_the_file_that_holds_to_it(hub: FakeHub, models: Path) -> None:
    bring(hub, models)
    hub.commits = {"d" * 40}
    error = refused(lambda: bring(hub, models))
    assert error.where.endswith("holocine.lock.json")
    assert "the next pull takes the newest commit" in error.hint
    assert isinstance(error, MachineError)
