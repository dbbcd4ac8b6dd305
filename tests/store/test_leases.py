from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.store import holders, leases
from holocine_core.store.leases import Held, Lease, Lost, lease_seconds, leased

HOLDS = """
import socket, sys
from pathlib import Path
name, folder, seconds = sys.argv[1:]
if name:
    socket.gethostname = lambda: name
from holocine_core.store.leases import Lease, Lost
lease = Lease(Path(folder), "render other.yaml", seconds=float(seconds))
lease.claim()
print("held", flush=True)
for _ in sys.stdin:
    try:
        lease.require()
        print("mine", flush=True)
    except Lost as lost:
        print("lost to", lost, flush=True)
"""


@contextmanager
def other(folder: Path, host: str = "", seconds: float = 60.0) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder, on this host or one that says it is another."""
    words = [sys.executable, "-c", HOLDS, host, str(folder), str(seconds)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def ask(process: subprocess.Popen[str]) -> str:
    """Whether the other process still has its lease."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("?\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def claim_at_last(lease: Lease, within: float = 20.0) -> float:
    """Ask until the lease is there; how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        with suppress(Held):
            lease.claim()
            return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"not had in {within} s")


def test_who_comes_in_vain_is_told_who_holds_it(tmp_path: Path) -> None:
    with leased(tmp_path, "render film.yaml"):
        for _ in range(2):
            with pytest.raises(Held, match=rf"process {os.getpid()} on .* \(render film.yaml\)"):
                Lease(tmp_path).claim()
    with leased(tmp_path) as lease:
        assert lease.before is None


def test_a_dead_process_of_this_host_is_known_at_once(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    with other(tmp_path) as process:
        with pytest.raises(Held, match=f"process {process.pid}"):
            lease.claim()
        process.kill()
        process.wait()
        lease.claim()
        assert lease.before is not None
        assert lease.before.process is not None
        assert lease.before.process.pid == process.pid
    lease.release()


def claimed(tmp_path: Path, boot: str, ticks: str) -> None:
    """A claim of this process's number, by a process of another start."""
    lease = Lease(tmp_path, seconds=1)
    lease.claim()
    (file,) = tmp_path.iterdir()
    told = file.read_text()
    lease.release()
    start = told.split('"start": "')[1].split('"')[0]
    file.write_text(told.replace(start, f"{boot or start.split()[0]} {ticks}"))


def test_a_number_that_another_process_has_by_now_is_no_holder(tmp_path: Path) -> None:
    """Process numbers are given again."""
    claimed(tmp_path, "", "12")
    with leased(tmp_path) as again:
        assert again.before is not None


def test_another_host_may_have_this_ones_name(tmp_path: Path) -> None:
    """Two PCs that are both called ubuntu: the other's process is not among ours, and lives."""
    claimed(tmp_path, "another-boot", "12")
    lease = Lease(tmp_path)
    with pytest.raises(Held):
        lease.claim()
    assert claim_at_last(lease) >= 0.5
    lease.release()


def test_one_that_comes_once_waits_for_a_sign_of_life(tmp_path: Path) -> None:
    with other(tmp_path, "elsewhere", seconds=2) as process:
        began = time.monotonic()
        with pytest.raises(Held, match="elsewhere"):
            Lease(tmp_path).claim_at_last()
        assert time.monotonic() - began < 2, "it lives, and was renewed meanwhile"
        process.kill()
        process.wait()
        lease = Lease(tmp_path)
        lease.claim_at_last()
        assert lease.before is not None
        lease.release()
    began = time.monotonic()
    with leased(tmp_path), pytest.raises(Held):
        Lease(tmp_path).claim_at_last()
    assert time.monotonic() - began < 0.5, "of this host's nothing has to be waited for"


def test_another_hosts_holder_is_waited_for_as_long_as_its_lease_lasts(tmp_path: Path) -> None:
    lease = Lease(tmp_path, seconds=60)
    with other(tmp_path, "elsewhere", seconds=1) as process:
        with pytest.raises(Held, match="elsewhere"):
            lease.claim()
        time.sleep(1.5)
        with pytest.raises(Held):  # It is renewed.
            lease.claim()
        process.kill()
        process.wait()
        waited = claim_at_last(lease)
        assert waited >= 0.5, "nobody knows whether a process of another host lives"
    lease.release()


def test_a_stopped_holder_loses_it_and_notices(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    with other(tmp_path, seconds=1) as process:
        assert ask(process) == "mine"
        process.send_signal(signal.SIGSTOP)
        claim_at_last(lease)
        assert lease.before is not None
        process.send_signal(signal.SIGCONT)
        assert ask(process).startswith(f"lost to process {os.getpid()}")
        lease.require()
        lease.release()
        # Woken, and late: what it writes of itself is not the newest claim.
        time.sleep(0.5)
        with leased(tmp_path) as again:
            assert again.before is None


def test_clocks_of_hosts_are_never_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with other(tmp_path, "elsewhere", seconds=5):
        for path in tmp_path.iterdir():
            os.utime(path, (0, 0))
        monkeypatch.setattr(time, "time", lambda: 4e9)
        with pytest.raises(Held):
            Lease(tmp_path).claim()


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    had: list[int] = []
    come = threading.Barrier(8)

    def try_it(number: int) -> None:
        lease = Lease(tmp_path)
        come.wait()
        with suppress(Held):
            lease.claim()
            had.append(number)

    for _ in range(20):
        had.clear()
        tries = [threading.Thread(target=try_it, args=(number,)) for number in range(8)]
        for one in tries:
            one.start()
        for one in tries:
            one.join()
        assert len(had) == 1
        for path in tmp_path.iterdir():
            path.unlink()


def test_a_claim_made_on_an_old_view_of_the_folder_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network's file system may show a folder as it was a moment ago."""
    with leased(tmp_path), leased(tmp_path, name="x"):
        late = Lease(tmp_path)
        now = late._highest
        views = [(0, None)]
        monkeypatch.setattr(late, "_highest", lambda: views.pop() if views else now())
        (tmp_path / "lease-1.json").rename(tmp_path / "lease-2.json")
        with pytest.raises(Held):
            late.claim()
        assert not (tmp_path / "lease-1.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 0}'])
def test_half_a_claim_runs_out_like_any_other(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lease-3.json").write_text(text)
    lease = Lease(tmp_path)
    with pytest.raises(Held, match="another process"):
        lease.claim()
    later = time.monotonic() + holders.SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    lease.claim()
    assert [path.name for path in tmp_path.iterdir()] == ["lease-4.json"]
    monkeypatch.undo()
    lease.release()


def test_a_folder_that_goes_or_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError):
        Lease(tmp_path / "nowhere").claim()
    folder = tmp_path / "work"
    folder.mkdir()
    lease = Lease(folder, seconds=1)
    lease.claim()
    real = Path.replace

    def refuses(self: Path, target: Path) -> Path:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuses)
    time.sleep(1.2)
    with pytest.raises(OSError, match="Read-only"):
        lease.require()
    monkeypatch.setattr(Path, "replace", real)
    lease.require()  # Nobody came meanwhile.
    (folder / "lease-1.json").unlink()
    with pytest.raises(Lost, match="gone"):
        lease.require()
    lease.release()


def test_one_can_wait(tmp_path: Path) -> None:
    done = threading.Event()

    def second() -> None:
        with leased(tmp_path, wait=True):
            done.set()

    with leased(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not done.wait(0.2)
    waiting.join(10)
    assert done.is_set()


def test_how_long_they_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(leases.VARIABLE, raising=False)
    assert lease_seconds() == holders.SECONDS
    monkeypatch.setenv(leases.VARIABLE, " 90 ")
    assert lease_seconds() == 90
    for wrong in ("0", "soon", "nan", "1e9"):
        monkeypatch.setenv(leases.VARIABLE, wrong)
        with pytest.raises(InputError, match=leases.VARIABLE):
            lease_seconds()


def test_the_name_of_a_host_is_its_own(tmp_path: Path) -> None:
    with leased(tmp_path) as lease:
        holder = lease.holder()
        assert holder is not None
        assert holder.process is not None
        assert holder.process.host == socket.gethostname()


@pytest.mark.parametrize("fails", ["replace", "write_text"])
def test_nobody_waits_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Whatever of a claim or its end could not be written."""

    def refused(*args: object, **named: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    lease = Lease(tmp_path)
    lease.claim()
    with monkeypatch.context() as patch:
        patch.setattr(Path, fails, refused)
        lease.release()
    assert Lease(tmp_path).holder() is not None, "its end is not noted"
    with monkeypatch.context() as patch:
        patch.setattr(Path, fails, refused)
        with pytest.raises(OSError, match="Input/output error"):
            Lease(tmp_path).claim()
    with leased(tmp_path):
        pass
