"""What keeps an answer of the hub from coming, each in its words: line, settings, certificates."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from holocine_core.errors import MachineError
from holocine_core.events import Event, Warned
from holocine_core.model.hub import HuggingFaceHub
from tests.model.fake_hub import COMMIT, FakeHub, serving
from tests.model.pulling import CONTENT, FILES, REPO, bring, refused

pytestmark = pytest.mark.usefixtures("online")


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
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1.0)
        once = threading.Event()

        def stall(request: Any) -> None:
            if request.sent >= 2**20 and not once.is_set():
                once.set()
                threading.Event().wait(2)

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
        assert "name the file with the company's certificate in SSL_CERT_FILE" in error.hint

    def test_what_other_programs_read_is_pointed_to(
        self, secure: Callable[[], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/company.pem")
        hint = refused(secure).hint
        assert "set SSL_CERT_FILE=/etc/company.pem (REQUESTS_CA_BUNDLE is not read)" in hint

    def test_the_remedy_helps(
        self, secure: Callable[[], str], certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("cert")))
        assert secure() == COMMIT

    def test_a_host_that_speaks_in_plain(self, hub: FakeHub) -> None:
        address = hub.address.replace("http://", "https://")
        error = refused(lambda: HuggingFaceHub(address).resolve(REPO, None))
        assert "no secure connection to 127.0.0.1" in error.message
