from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from holocine_core.model import patience
from tests.model.checkpoints import write_release
from tests.model.fake_hub import FakeHub, serving
from tests.model.pulling import FILES, REPO


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small release tree with the full-attention variant. Read only: copy it to change it."""
    return write_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder that is not there yet."""
    return tmp_path / "models"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A hub with one repository."""
    with serving(FakeHub({REPO: dict(FILES)})) as one:
        yield one


CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The network is not forbidden, nothing of this machine's settings counts, and waits that would
    have been are listed."""
    waits: list[float] = []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=waits.append))
    for name in (*PROXIES, *map(str.lower, PROXIES), *CERTIFICATES, "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    close_session()
    yield waits
    close_session()
