"""`models verify` reads every file to its end: each fault in its own words, none taken for well."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.model.gguf_header import read_packed
from holocine_core.model.locate import find_model
from holocine_core.model.torch_file import read_kept
from holocine_core.model.verify import verify
from tests.model.checkpoints import (
    golden_state,
    in_fp8,
    with_original_vae,
    write_gguf,
    write_release,
)
from tests.model.test_checked_before import HIGH, LOW, SPOILED, TEXT, VAE


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release tree with a file of every kind, which nothing was told about."""
    root = write_release(tmp_path_factory.mktemp("whole"))
    with_original_vae(root)
    (root / LOW).with_suffix(".safetensors").unlink()
    # Rows of 64 are packed in blocks, whose scales may be no numbers.
    state = golden_state()
    write_gguf(state, root / LOW)
    return root


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def notes(model: Path) -> dict[str, str]:
    """What is told of every file that is not well."""
    checks = verify(find_model(str(model)))
    return {
        str(check.path.relative_to(model)): f"{check.state}: {check.note}"
        for check in checks
        if check.state != "ok"
    }


def test_a_whole_model_is_well(whole: Path) -> None:
    assert notes(whole) == {}
    checks = {check.path: check for check in verify(find_model(str(whole)))}
    assert {whole / HIGH, whole / LOW, whole / VAE, whole / TEXT} < checks.keys()
    assert "no hash is known" in checks[whole / LOW].note


@pytest.mark.parametrize("file", [HIGH, LOW, VAE, TEXT])
@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_file_is_never_ok(file: str, how: str, model: Path) -> None:
    alter, says = SPOILED[how]
    alter(model / file)
    found = notes(model)
    assert list(found) == [file]
    assert found[file].startswith("changed: ")
    assert re.search(says, f"it {found[file]}"), found[file]


# --- what no header tells ------------------------------------------------------------------------


def put(path: Path, at: int, raw: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(raw)


def numbers(value: float, dtype: str) -> bytes:
    return np.array([value], dtype).tobytes()


def not_a_number(path: Path) -> None:
    state = load_file(path)
    name = sorted(state)[-1]
    state[name].view(-1)[-1] = torch.nan
    save_file(state, path)


def infinite_in_bf16(path: Path) -> None:
    state = {name: one.bfloat16() for name, one in load_file(path).items()}
    state[sorted(state)[0]].view(-1)[0] = torch.inf
    save_file(state, path)


def odd_scale(path: Path) -> None:
    """Of a packed block: a 16-bit scale that is no number."""
    packed = next(one for one in read_packed(path).values() if one.kind == "Q8_0")
    put(path, packed.stop - 34, numbers(np.nan, "<f2"))


def odd_plain(path: Path) -> None:
    plain = next(one for one in read_packed(path).values() if one.kind == "F32")
    put(path, plain.start, numbers(np.inf, "<f4"))


def flipped_bit(path: Path) -> None:
    kept = max(read_kept(path).values(), key=lambda one: one.stop - one.start)
    raw = path.read_bytes()
    put(path, kept.start + 5, bytes([raw[kept.start + 5] ^ 1]))


def odd_in_a_record(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    state[sorted(state)[0]].view(-1)[0] = torch.nan
    torch.save(state, path)


def not_fetched_whole(path: Path) -> None:
    """The space of the file is there, and its last tensors are zeros."""
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 4] + bytes(len(raw) - len(raw) // 4))


BEHIND: list[tuple[str, Callable[[Path], None], str]] = [
    (HIGH, not_a_number, r"not finite .*1 in time_projection"),
    (TEXT, infinite_in_bf16, r"not finite .*1 in encoder"),
    (LOW, odd_plain, "not finite .*1 in "),
    (LOW, odd_scale, "not finite .*1 in "),
    (VAE, odd_in_a_record, "not finite .*1 in "),
    (VAE, flipped_bit, "its record .* is not what its checksum says"),
    (HIGH, not_fetched_whole, "nothing but zeros, as a file that was not fetched whole"),
]


@pytest.mark.parametrize(("file", "alter", "says"), BEHIND)
def test_numbers_are_looked_at(
    file: str, alter: Callable[[Path], None], says: str, model: Path
) -> None:
    alter(model / file)
    found = notes(model)
    assert list(found) == [file]
    assert re.search(says, found[file]), found[file]


@pytest.mark.parametrize("naming", ["kijai", "lightx2v", "bare"])
def test_8_bit_floats_have_the_scales_that_are_told(naming: str, model: Path) -> None:
    file, header, _ = in_fp8(golden_state(), naming)
    save_file(file, model / HIGH, header)
    assert notes(model) == {}
    scale = next((name for name in file if "scale" in name and name != "scaled_fp8"), None)
    if scale is None:  # Bare numbers may be no numbers.
        matrix = next(name for name, one in file.items() if one.dtype == torch.float8_e4m3fn)
        file[matrix].view(torch.uint8).view(-1)[0] = 0x7F
    elif naming == "kijai":
        del file[scale]
    else:
        file[scale] = torch.full_like(file[scale], torch.inf)
    save_file(file, model / HIGH, header)
    says = {"kijai": "has no scale", "lightx2v": "not finite", "bare": "not finite .*1 in "}
    assert re.search(says[naming], notes(model)[HIGH])


# --- hashes that others left ---------------------------------------------------------------------


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def by_download(path: Path, digest: str, home: Path) -> None:
    """As the hub's client notes it, in the folder that it fetched into."""
    notes = home / ".cache" / "huggingface" / "download"
    note = notes / path.relative_to(home).with_name(f"{path.name}.metadata")
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{'a' * 40}\n{digest}\n1700000000.5\n")


def by_list(path: Path, digest: str, home: Path) -> None:
    (path.parent / "SHA256SUMS").write_text(f"{'0' * 64}  other.bin\n{digest} *{path.name}\n")


def by_file(path: Path, digest: str, home: Path) -> None:
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}\n")


def by_git(path: Path, digest: str, home: Path) -> None:
    raw = path.read_bytes() if digest == sha256(path) else b"other"
    by_download(path, hashlib.sha1(b"blob %d\0%b" % (len(raw), raw)).hexdigest(), home)


@pytest.mark.parametrize("tell", [by_download, by_list, by_file, by_git])
def test_published_hashes_are_known(tell: Callable[..., None], model: Path) -> None:
    path = model / HIGH
    tell(path, sha256(path), model)
    checks = {check.path: check for check in verify(find_model(str(model)))}
    assert checks[path].state == "ok"
    assert checks[path].note.startswith("as told ")
    tell(path, "0" * 64, model)
    assert re.search("its .*SHA-.* is another than", notes(model)[HIGH])


def test_the_hubs_cache_names_its_blobs_by_their_hashes(model: Path) -> None:
    path = model / HIGH
    blobs = model / "blobs"
    blobs.mkdir()
    blob = blobs / sha256(path)
    path.rename(blob)
    path.symlink_to(blob)
    checks = {check.path: check for check in verify(find_model(str(model)))}
    assert checks[path].note == "as told by its name in the hub's cache"
    with blob.open("ab") as file:
        file.write(b"x")
    assert HIGH in notes(model)


def test_what_is_no_note_of_a_hash_is_none(model: Path) -> None:
    by_download(model / HIGH, "what?", model)
    by_file(model / TEXT, "not a hash", model)
    assert notes(model) == {}


def test_a_torch_file_without_checksums_is_not_blamed(model: Path) -> None:
    """torch can leave them out."""
    state = torch.load(model / VAE, weights_only=True)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, model / VAE)
    finally:
        torch.serialization.set_crc32_options(True)
    assert zipfile.is_zipfile(model / VAE)
    assert notes(model) == {}
