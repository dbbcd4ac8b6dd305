"""A hub on this machine: as much of huggingface.co's web interface as fetching uses, and faults.

Large files are handed on to another host, as the hub does, where they come by ranges. What is asked
for and what is sent is counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

COMMIT = "c" * 40
_PIECE = 2**16


@dataclass
class Request:
    """One GET of a file's bytes.

    Attributes:
        path: Of the file, inside its repository.
        start: The first byte that was asked for.
        sent: Bytes that were sent.
        token: Whether a token came with it.
    """

    path: str
    start: int = 0
    sent: int = 0
    token: bool = False


@dataclass
class Fault:
    """An answer in place of the right one.

    Attributes:
        status: Of the answer.
        headers: Of the answer.
        body: Of the answer.
        on: Part of the addresses that it is given to.
        times: How often.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    on: str = "/"
    times: int = 10**6


@dataclass
class FakeHub:
    """What the hub holds, what goes wrong with it, and what it was asked.

    Attributes:
        repos: Repository -> path -> content.
        commit: The newest.
        commits: That it knows; any where empty.
        cuts: Bytes after which a file's line is cut, one for each of the next answers.
        pause: Seconds before each 64 KiB.
        ranges: Whether it goes on inside files.
        strays: Bytes by which it begins elsewhere than it is asked to, inside files.
        lengths: Whether it tells how long files are.
        fault: Given in place of answers.
        etag: Of large files, in place of their SHA-256.
        sends: Path -> what is sent in place of the content that is listed.
    """

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = COMMIT
    commits: set[str] = field(default_factory=set)
    cuts: list[int] = field(default_factory=list)
    pause: float = 0.0
    ranges: bool = True
    strays: int = 0
    lengths: bool = True
    fault: Fault | None = None
    etag: str = ""
    sends: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every address."""
    on_piece: Callable[[Request], None] = lambda request: None
    """Called after each piece of a file."""
    address: str = ""
    other_host: str = ""

    @property
    def sent(self) -> int:
        """Bytes of files that went out."""
        return sum(request.sent for request in self.requests)

    def of(self, path: str) -> list[Request]:
        """What was asked of one file."""
        return [request for request in self.requests if request.path == path]

    def large(self, path: str) -> bool:
        return path.endswith((".safetensors", ".gguf", ".pth"))


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        address = unquote(self.path.split("?")[0])
        self.hub.asked.append(self.path)
        fault = self.hub.fault
        if fault and fault.times > 0 and fault.on in address:
            fault.times -= 1
            return self._answer(fault.body, fault.status, fault.headers)
        if address.startswith("/api/models/"):
            return self._api(address.removeprefix("/api/models/"))
        large = address.startswith("/cdn/")
        repo, _, rest = address.removeprefix("/cdn/").strip("/").partition("/resolve/")
        path = rest.partition("/")[2]
        content = self.hub.repos.get(repo, {}).get(path)
        if content is None:
            return self._answer(b"{}", 404, {"X-Error-Code": "EntryNotFound"})
        if self.hub.large(path) and not large:
            sha256 = self.hub.etag or hashlib.sha256(content).hexdigest()
            return self._answer(
                b"",
                302,
                {
                    "Location": f"{self.hub.other_host}/cdn{self.path}",
                    "X-Linked-Etag": f'"{sha256}"',
                    "X-Linked-Size": str(len(content)),
                    "X-Repo-Commit": self.hub.commit,
                },
            )
        return self._send(path, self.hub.sends.get(path, content))

    def _api(self, asked: str) -> None:
        owner, name, *rest = asked.split("/")
        repo, kind, revision = f"{owner}/{name}", *[*rest, "", ""][:2]
        if repo not in self.hub.repos:
            return self._answer(b"{}", 404, {"X-Error-Code": "RepoNotFound"})
        if revision and self.hub.commits and revision not in self.hub.commits:
            return self._answer(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
        if kind == "tree":
            listed: Any = [_entry(self.hub, *one) for one in self.hub.repos[repo].items()]
        else:
            listed = {"id": repo, "sha": revision or self.hub.commit}
        return self._answer(json.dumps(listed).encode())

    def _send(self, path: str, content: bytes) -> None:
        wanted = self.headers.get("Range", "") if self.hub.ranges else ""
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        start += self.hub.strays if start else 0
        request = Request(path, start, token="Authorization" in self.headers)
        self.hub.requests.append(request)
        cut = self.hub.cuts.pop(0) if self.hub.cuts else len(content)
        self.send_response(206 if wanted else 200)
        if self.hub.lengths:
            self.send_header("Content-Length", str(len(content) - start))
        else:
            self.send_header("Connection", "close")
        if wanted:
            whole = str(len(content)) if self.hub.lengths else "*"
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{whole}")
        self.send_header("ETag", '"of-another-kind"')
        self.end_headers()
        end = min(len(content), start + cut)
        for at in range(start, end, _PIECE):
            time.sleep(self.hub.pause)
            self.wfile.write(content[at : min(at + _PIECE, end)])
            request.sent += min(at + _PIECE, end) - at
            self.hub.on_piece(request)
        if end < len(content):
            self.close_connection = True

    def _answer(
        self, body: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        more = {"Content-Type": "application/json", **(headers or {})}
        self.send_response(status)
        for name, value in {**more, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _entry(hub: FakeHub, path: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob}
    if hub.large(path):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return entry


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that go away in the middle are what this is for."""


@contextlib.contextmanager
def serving(hub: FakeHub, secure: ssl.SSLContext | None = None) -> Iterator[FakeHub]:
    """The hub at work; HF_ENDPOINT takes its ``address``."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", 0), handler)
    if secure is not None:
        server.socket = secure.wrap_socket(server.socket, server_side=True)
    hub.address = f"http{'s' * (secure is not None)}://127.0.0.1:{server.server_port}"
    hub.other_host = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def left(folder: Path) -> list[Path]:
    """What is begun in a folder and not whole."""
    return sorted(folder.rglob("*.incomplete"))
