"""`models pull` as a shell sees it: faults by their exit code, and what a stop leaves."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from holocine_core.model import patience
from holocine_core.model.spec import WAN_COMPONENTS
from tests.cli.conftest import Holocine
from tests.model.fake_hub import FakeHub, Fault, left, serving

BIG = "vae/diffusion_pytorch_model.safetensors"
CONTENT = random.Random(2).randbytes(12 * 2**20 + 3)
PULL = ("models", "pull", "holocine-14b-full", "--only", "vae", "--accept-licence")
PLACE = Path("models") / WAN_COMPONENTS.folder / BIG


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    files = {"vae/config.json": b"{}", BIG: CONTENT}
    with serving(FakeHub({WAN_COMPONENTS.repo: files})) as one:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", one.address)
        monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=lambda seconds: None))
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        close_session()
        yield one
        close_session()


def test_the_document_tells_each_file(holocine: Holocine, hub: FakeHub) -> None:
    answer = holocine(*PULL, "--models-dir", "models", "--json")
    assert answer.exit_code == 0
    config, weights = answer.json["files"]
    assert config == {"file": "vae/config.json", "state": "fetched", "bytes": 2, "of": 2}
    size = len(CONTENT)
    assert weights == {"file": BIG, "state": "fetched", "bytes": size, "of": size}
    assert answer.json["warnings"] == []
    again = holocine(*PULL, "--models-dir", "models", "--json")
    assert [one["state"] for one in again.json["files"]] == ["present", "present"]


def test_a_lost_line_is_told_and_gone_on_with(holocine: Holocine, hub: FakeHub) -> None:
    hub.cuts = [2, 2**20]
    answer = holocine(*PULL, "--models-dir", "models", "--json")
    assert answer.exit_code == 0
    (told,) = answer.json["warnings"]
    assert "the line to localhost" in told["message"]
    assert f"1.0 MB of 12.6 MB of {BIG} are here" in told["message"]
    assert hub.sent == len(CONTENT) + 2


FAULTS = {
    "portal": Fault(200, {"Content-Type": "text/html"}, b"<html>log in</html>"),
    "gated": Fault(403, {"X-Error-Code": "GatedRepo"}),
    "no token": Fault(401),
    "too many": Fault(429, {"Retry-After": "4000"}),
    "fault": Fault(502),
    "gone": Fault(404, {"X-Error-Code": "RevisionNotFound"}),
    "strange": Fault(200, body=b"[3]"),
    "lost": Fault(302, {"Location": "http://127.0.0.1:9/"}),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("on", ["/api/models", "/tree/", "/resolve/"])
def test_every_fault_is_the_machines(holocine: Holocine, hub: FakeHub, name: str, on: str) -> None:
    hub.fault = FAULTS[name]
    hub.fault.on = on
    answer = holocine(*PULL, "--models-dir", "models", "--json")
    if (name, on) == ("strange", "/resolve/"):
        assert "another file" in answer.stderr + answer.json["error"]["message"]
    assert answer.exit_code == 3
    error = answer.json["error"]
    assert error["kind"] == "machine"
    assert error["hint"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("HTTP_PROXY", "socks5://127.0.0.1:1"),
        ("HTTP_PROXY", "socks4://127.0.0.1:1"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("SSL_CERT_FILE", "/nowhere/at/all.pem"),
    ],
)
def test_every_setting_that_is_wrong_is_named(
    holocine: Holocine, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(setting, value)
    close_session()
    answer = holocine(*PULL, "--models-dir", "models")
    assert answer.exit_code == 3
    assert setting in answer.stderr or "127.0.0.1:9" in answer.stderr


class Pull:
    """The command in a process of its own."""

    def __init__(self, folder: Path) -> None:
        words = [sys.executable, "-m", "holocine_cli", *PULL, "--models-dir", "models", "--json"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stopped(self, hub: FakeHub, number: int, after: int) -> tuple[int, dict[str, Any], str]:
        """Send a signal once some more bytes have gone out: exit code, document, stderr."""
        until = hub.sent + after
        while hub.sent < until and self.process.poll() is None:
            time.sleep(0.005)
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, dict[str, Any], str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, json.loads(out) if out else {}, err


@pytest.mark.slow
class TestStops:
    def test_three_stops_cost_no_byte_that_was_here(self, hub: FakeHub, tmp_path: Path) -> None:
        """Ctrl-C, SIGTERM, kill -9: each call asks from the byte on that the one before wrote."""
        hub.pause = 0.01
        begins = [0]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            before = sum(part.stat().st_size for part in left(tmp_path))
            code, told, err = Pull(tmp_path).stopped(hub, number, 2 * 2**20)
            (part,) = left(tmp_path)
            here = part.stat().st_size
            assert here > before
            begins.append(here)
            if number == signal.SIGKILL:
                assert code == -number
                continue
            assert code == 128 + number
            weights = told["files"][-1]
            assert weights == {
                "file": BIG,
                "state": "incomplete",
                "bytes": here,
                "of": len(CONTENT),
            }
            assert f"of 12.6 MB of {BIG} are here" in err
            assert "go on with: holocine models pull" in err
        code, _, err = Pull(tmp_path).ended()
        assert code == 0
        assert f"{BIG}: going on" in err
        assert (tmp_path / PLACE).read_bytes() == CONTENT
        assert [request.start for request in hub.of(BIG)] == begins
        assert left(tmp_path) == []
        assert not list((tmp_path / "models").glob("*pull-*"))

    def test_a_second_one_waits_and_goes_on_where_the_first_was_killed(
        self, hub: FakeHub, tmp_path: Path
    ) -> None:
        hub.pause = 0.2
        first = Pull(tmp_path)
        while not hub.of(BIG):
            time.sleep(0.005)
        second = Pull(tmp_path)
        assert second.process.stderr is not None
        told_first = second.process.stderr.readline()
        assert f"another pull is at work in this folder: process {first.process.pid}" in told_first
        first.stopped(hub, signal.SIGKILL, 2**17)
        hub.pause = 0.0
        code, told, _ = second.ended()
        assert code == 0
        assert (tmp_path / PLACE).read_bytes() == CONTENT
        assert [request.start > 0 for request in hub.of(BIG)] == [False, True]
        assert told["files"][-1]["state"] == "fetched"
