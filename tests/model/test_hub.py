"""What the hub, the network and the environment can do to a pull, each with its own words."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from holocine_core.errors import MachineError
from holocine_core.events import Event, FileFetching, Warned
from holocine_core.model import patience
from holocine_core.model.hub import HuggingFaceHub
from holocine_core.model.lockfile import read_lock
from tests.model.fake_hub import COMMIT, FakeHub, Fault, left, serving
from tests.model.pulling import BIG, CONTENT, FILES, REPO, SMALL, bring, refused

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
PAGE = b"<html><title>Welcome to our hotel</title></html>"
DEEP = b"[" * 100_000
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The network is not forbidden, nothing of this machine's settings counts, and waits that would
    have been are listed."""
    waits: list[float] = []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=waits.append))
    for name in (*VARIABLES, *map(str.lower, VARIABLES), "HF_TOKEN", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    close_session()
    yield waits
    close_session()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving(FakeHub({REPO: dict(FILES)})) as one:
        yield one


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_it_fetches_over_the_hubs_own_interface(
    hub: FakeHub, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[Event] = []
    path = bring(hub, models, heard.append)
    assert path.read_bytes() == CONTENT
    assert (models / "there" / SMALL).read_bytes() == FILES[SMALL]
    assert read_lock(models)[REPO].revision == COMMIT
    progress = [event for event in heard if isinstance(event, FileFetching)]
    assert {(one.bytes, one.of) for one in progress} >= {(len(CONTENT),) * 2, (15, 15)}
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


def test_the_token_goes_to_the_hub_and_to_no_other_host(
    hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abc")
    bring(hub, models)
    assert {one.path: one.token for one in hub.requests} == {BIG: False, SMALL: True}


def test_a_list_of_several_pages_is_read_from_the_mirror_to_its_end(
    hub: FakeHub, models: Path
) -> None:
    more = {"Link": '<https://huggingface.co/api/models/one/model/tree/x?p=2>; rel="next"'}
    hub.fault = Fault(200, more, b"[]", on="/tree/", times=1)
    assert bring(hub, models).read_bytes() == CONTENT
    assert "/api/models/one/model/tree/x?p=2" in hub.asked


REFUSALS = [
    (404, "RepoNotFound", "", "does not know one/model", "update holocine"),
    (404, "RevisionNotFound", "", "does not know this commit", "update holocine"),
    (404, "EntryNotFound", "", "does not know", "update holocine"),
    (403, "GatedRepo", "", "accepted its terms", "then run `hf auth login`"),
    (403, "GatedRepo", "hf_abc", "accepted its terms", "with the account"),
    (401, "GatedRepo", "", "accepted its terms", "then run `hf auth login`"),
    (401, "", "", "to those only who log in", "run `hf auth login`, or set HF_TOKEN"),
    (401, "", "hf_abc", "does not take the token", "the one that HF_TOKEN holds"),
    (403, "", "hf_abc", "refuses one/model", "too few rights"),
    (403, "", "", "refuses one/model", "open that page in a browser"),
    (407, "", "", "asks for a name and a password", "HTTPS_PROXY"),
    (418, "", "", "answers 418", "open that page in a browser"),
    (500, "", "", "has a fault of its own: it answers 500", "wait a few minutes"),
    (503, "", "", "has a fault of its own: it answers 503", "wait a few minutes"),
]


@pytest.mark.parametrize(("status", "code", "token", "says", "hint"), REFUSALS)
@pytest.mark.parametrize("on", ["/api/", "/resolve/"])
def test_a_hub_that_refuses(
    hub: FakeHub,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    token: str,
    says: str,
    hint: str,
    on: str,
) -> None:
    """Asked for a list, and asked for a file."""
    hub.fault = Fault(status, {"X-Error-Code": code}, on=on)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    error = refused(lambda: bring(hub, models))
    assert says in error.message.replace(f"{BIG} of ", "")
    assert hint in error.hint
    assert "127.0.0.1" in error.message + error.where
    assert "hf_abc" not in f"{error.message}{error.where}{error.hint}"


@pytest.mark.parametrize("on", ["/api/", "/resolve/", "/cdn/"])
class TestTooMany:
    def test_the_hub_is_asked_again_when_it_says(
        self, hub: FakeHub, models: Path, online: list[float], on: str
    ) -> None:
        hub.fault = Fault(429, {"Retry-After": "55"}, on=on, times=2)
        heard: list[Event] = []
        assert bring(hub, models, heard.append).read_bytes() == CONTENT
        assert online == [55, 55]
        told = [one for one in heard if isinstance(one, Warned)]
        assert "takes no more requests for now (429): it asks to wait 55 s" in told[0].message
        assert "trying again in 55 s" in told[0].hint

    @pytest.mark.parametrize(
        "headers",
        [
            {"Retry-After": formatdate(2_000_000_000.0, usegmt=True)},
            {"Retry-After": "3600"},
            {"RateLimit": '"api";r=0;t=3600'},
        ],
    )
    def test_a_wait_that_is_too_long_is_told_and_not_waited(
        self, hub: FakeHub, models: Path, online: list[float], on: str, headers: dict[str, str]
    ) -> None:
        hub.fault = Fault(429, headers, on=on)
        error = refused(lambda: bring(hub, models))
        assert "it asks to wait" in error.message
        assert error.hint.startswith("wait ")
        assert "what is here is kept" in error.hint
        assert "hf auth login" in error.hint
        assert online == []

    def test_without_a_time_it_is_asked_ever_more_seldom(
        self, hub: FakeHub, models: Path, online: list[float], on: str
    ) -> None:
        hub.fault = Fault(429, on=on)
        error = refused(lambda: bring(hub, models))
        assert "(429)" in error.message
        assert online == sorted(set(online))
        assert online[:4] == [1, 2, 4, 8]


class TestWebPage:
    """A network that asks for a login answers everything with its page."""

    @pytest.mark.parametrize("on", ["/api/models", "/tree/", "/resolve/", "/cdn/"])
    def test_in_place_of_a_list_or_file(self, hub: FakeHub, models: Path, on: str) -> None:
        hub.fault = Fault(200, HTML, PAGE, on=on)
        error = refused(lambda: bring(hub, models))
        assert "a web page came" in error.message
        assert "log in" in error.hint
        assert not (models / "there" / BIG).exists()

    def test_on_another_host_names_it(self, hub: FakeHub, models: Path) -> None:
        with serving(FakeHub(fault=Fault(200, HTML, PAGE))) as portal:
            login = portal.address.replace("127.0.0.1", "localhost") + "/login"
            hub.fault = Fault(302, {"Location": login})
            error = refused(lambda: bring(hub, models))
        assert "a web page came from localhost in place of one/model" in error.message

    @pytest.mark.parametrize("body", [PAGE, DEEP, b"", b"\xff"], ids=len)
    def test_that_says_it_is_json(self, hub: FakeHub, models: Path, body: bytes) -> None:
        hub.fault = Fault(200, body=body)
        assert "a web page came" in refused(lambda: bring(hub, models)).message

    @pytest.mark.parametrize("headers", [HTML, {"Content-Type": "application/octet-stream"}])
    def test_in_the_middle_of_a_file_costs_no_byte(
        self, hub: FakeHub, models: Path, headers: dict[str, str]
    ) -> None:
        def portal(request: object) -> None:
            hub.fault = Fault(200, headers, PAGE, on="/cdn/")

        hub.cuts, hub.on_piece = [2**20], portal
        error = refused(lambda: bring(hub, models))
        assert ("a web page" if headers is HTML else "another file") in error.message
        assert left(models)[0].stat().st_size == 2**20
        hub.fault, hub.on_piece = None, lambda request: None
        assert bring(hub, models).read_bytes() == CONTENT
        assert [one.start for one in hub.of(BIG)] == [0, 2**20]

    def test_redirects_without_end(self, hub: FakeHub, models: Path) -> None:
        hub.fault = Fault(302, {"Location": "/again"})
        assert "a web page came without end" in refused(lambda: bring(hub, models)).message


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"sha": 3}', b'{"sha": ""}'])
def test_a_hub_that_is_none(hub: FakeHub, models: Path, body: bytes) -> None:
    hub.fault = Fault(200, body=body, on="/api/")
    assert "names no commit" in refused(lambda: bring(hub, models)).message


NAMES = ("notes/../../evil", "/notes/evil", "notes\\\\evil", "C:/notes/evil", "notes/a\\u0000b")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_out_of_the_folder(hub: FakeHub, models: Path, name: str) -> None:
    listed = f'[{{"type": "file", "path": "{name}", "size": 2, "oid": "a"}}]'
    hub.fault = Fault(200, body=listed.encode(), on="/tree/")
    error = refused(lambda: bring(hub, models))
    assert "can not be read" in error.message
    assert not models.exists()


@pytest.mark.parametrize("body", [b"{}", b'["a"]', b'[{"type": "file"}]', b"null", b"3"])
def test_a_list_that_is_none(hub: FakeHub, models: Path, body: bytes) -> None:
    hub.fault = Fault(200, body=body, on="/tree/")
    error = refused(lambda: bring(hub, models))
    assert "can not be read" in error.message or "holds no" in error.message


class TestNoLine:
    def ask(self, address: str) -> MachineError:
        return refused(lambda: HuggingFaceHub(address).resolve(REPO, None))

    def test_nobody_listens(self, models: Path, online: list[float]) -> None:
        error = refused(lambda: bring(FakeHub(address="http://127.0.0.1:9"), models))
        assert error.message.endswith("from 127.0.0.1:9: it refuses the connection")
        assert "check the connection" in error.hint
        assert not models.exists()
        assert online == []

    def test_a_name_that_is_not_found(self) -> None:
        error = self.ask("http://hub.invalid")
        assert error.message == (
            "one/model can not be fetched from hub.invalid: its name is not found (DNS)"
        )

    @pytest.mark.parametrize("other", ["http://cdn.invalid", "http://127.0.0.1:9"])
    def test_a_host_that_large_files_are_handed_on_to(
        self, hub: FakeHub, models: Path, other: str
    ) -> None:
        hub.other_host = other
        error = refused(lambda: bring(hub, models))
        host = other.removeprefix("http://")
        assert f"can not be fetched from {host}: it" in error.message
        assert f"hands files on to {host}" in error.hint

    def test_a_host_that_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            error = self.ask(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "it does not answer" in error.message

    def test_a_host_that_speaks_another_language(self) -> None:
        def babble(server: socket.socket) -> None:
            line, _ = server.accept()
            with line:
                line.recv(4096)
                line.sendall(b"220 mail.example ESMTP\r\n")

        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=babble, args=(server,), daemon=True).start()
            error = self.ask(f"http://127.0.0.1:{server.getsockname()[1]}")
        assert "the line was lost" in error.message

    def test_a_silence_within_a_file_is_taken_up(
        self, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
        once = threading.Event()

        def stall(request: Any) -> None:
            if request.sent >= 2**20 and not once.is_set():
                once.set()
                threading.Event().wait(1)

        hub.on_piece = stall
        heard: list[Event] = []
        assert bring(hub, models, heard.append).read_bytes() == CONTENT
        assert "went silent" in next(one for one in heard if isinstance(one, Warned)).message

    @pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
    def test_offline_mode(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv(name, "1")
        assert f"{name} is set" in self.ask("http://127.0.0.1:9").message


class TestSettings:
    def ask(self, address: str = "https://huggingface.co") -> MachineError:
        close_session()
        return refused(lambda: HuggingFaceHub(address).resolve(REPO, None))

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
    def test_a_socks_proxy_without_its_package(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, "socks5://me:secret@127.0.0.1:1080")
        monkeypatch.setitem(__import__("sys").modules, "socksio", None)
        error = self.ask()
        assert error.message == (
            f"{name}: the proxy socks5://127.0.0.1:1080 speaks SOCKS, for which the package "
            "socksio is missing"
        )
        assert "pip install socksio" in error.hint

    @pytest.mark.parametrize("address", ["socks4://127.0.0.1:1", "ftp://p:21", "http://p:port"])
    def test_a_proxy_that_is_none(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        monkeypatch.setenv("HTTPS_PROXY", address)
        error = self.ask()
        assert error.message == f"HTTPS_PROXY is no address of a proxy: {address!r}"

    def test_a_proxy_that_does_not_listen_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
        error = self.ask()
        assert "by way of the proxy http://127.0.0.1:9: it refuses" in error.message
        assert "secret" not in f"{error.message}{error.where}{error.hint}"

    def test_a_proxy_that_wants_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Proxy(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                self.send_error(407)

            def log_message(self, format: str, *args: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
            threading.Thread(target=proxy.handle_request, daemon=True).start()
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_port}")
            error = self.ask()
        assert "the proxy asks for a name and a password" in error.message
        assert "http://name:password@" in error.hint

    @pytest.mark.parametrize("address", ["huggingface.co", "http://[", "ftp://x", "http://x:port"])
    def test_an_endpoint_that_is_none(self, address: str) -> None:
        assert "HF_ENDPOINT is no address of a hub" in self.ask(address).message

    @pytest.mark.parametrize("token", ["hf_ab\ncd", "hf_\u00e4", "hf_a\x00b"])
    def test_a_token_that_is_none(
        self, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        monkeypatch.setattr(
            "huggingface_hub.utils._headers.get_token", lambda *a, **k: token, raising=True
        )
        error = self.ask(hub.address)
        assert "holds characters that no token has" in error.message
        assert "hf_a" not in error.message

    def test_a_file_of_certificates_that_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        error = self.ask()
        assert error.message.startswith("SSL_CERT_FILE names no certificates that can be read")
        (tmp_path / "none.pem").write_text("nothing")
        assert self.ask().message.startswith("SSL_CERT_FILE names no certificates")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of a company that nobody knows: key and certificate."""
    home = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    made += ["-nodes", "-days", "2", "-subj", "/CN=company", "-addext"]
    made += ["subjectAltName=IP:127.0.0.1", "-keyout", f"{home}/key", "-out", f"{home}/cert"]
    subprocess.run(made, check=True, capture_output=True)
    (home / "both.pem").write_text((home / "key").read_text() + (home / "cert").read_text())
    return home / "both.pem"


class TestCertificate:
    @pytest.fixture
    def secure(self, certificate: Path) -> Iterator[Callable[[], str]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with serving(FakeHub({REPO: dict(FILES)}), context) as hub:
            yield lambda: HuggingFaceHub(hub.address).resolve(REPO, None)

    def test_one_that_nobody_knows(self, secure: Callable[[], str]) -> None:
        error = refused(secure)
        assert "the certificate that came for 127.0.0.1" in error.message
        assert "self-signed" in error.message
        assert "SSL_CERT_FILE" in error.hint

    def test_the_remedy_helps(
        self, secure: Callable[[], str], certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("cert")))
        assert secure() == COMMIT

    def test_a_host_that_speaks_in_plain(self, hub: FakeHub) -> None:
        address = hub.address.replace("http://", "https://")
        error = refused(lambda: HuggingFaceHub(address).resolve(REPO, None))
        assert "no secure connection to 127.0.0.1" in error.message
