"""What the hub, the network and the environment can do to a pull, each with its own words."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import Path

import pytest

from holocine_core.events import Event, FileFetching, Warned
from holocine_core.model.lockfile import read_lock
from tests.model.fake_hub import COMMIT, FakeHub, Fault, left, serving
from tests.model.pulling import BIG, CONTENT, FILES, REPO, SMALL, bring, refused

pytestmark = pytest.mark.usefixtures("online")
PAGE = b"<html><title>Welcome to our hotel</title></html>"
DEEP = b"[" * 100_000
HTML = {"Content-Type": "text/html; charset=utf-8"}


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

    def test_that_says_what_it_is(self, hub: FakeHub, models: Path, online: list[float]) -> None:
        hub.fault = Fault(511, HTML, PAGE)
        assert "a web page came" in refused(lambda: bring(hub, models)).message
        assert online == []

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
