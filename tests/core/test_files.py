"""Names, downloads, uploads and the cutting of long lists."""

from __future__ import annotations

import gzip
import io
import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from kalbio._core import batches
from kalbio._core.constants import MAX_FILE_NAME, MAX_TARGET
from kalbio._core.errors import ConnectionFailedError
from kalbio._core.filenames import safe_name
from kalbio._core.uploads import as_file
from tests.conftest import World
from tests.core.wire import Core, Pieces, Wire, answer

# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("results.csv", "results.csv"),
        ("a b (1).csv", "a b (1).csv"),
        ("Ergebnisse_äöü_結果.csv", "Ergebnisse_äöü_結果.csv"),
        (".hidden", ".hidden"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\temp\\x.csv", "x.csv"),
        ("C:x.csv", "C_x.csv"),
        ("\\\\server\\share\\x.csv", "x.csv"),
        ("a/..\\b", "b"),
        ("a:b|c?d*e<f>g\"h.csv", "a_b_c_d_e_f_g_h.csv"),
        ("x.csv:stream", "x.csv_stream"),
        ("line\nbreak\x00nul\x7f.csv", "linebreaknul.csv"),
        ("gpj\u202efdp.exe", "gpjfdp.exe"),
        ("zero\u200bwidth\ufeff.csv", "zerowidth.csv"),
        ("para\u2029graph\u2028.csv", "paragraph.csv"),
        ("lone\ud800surrogate.csv", "lonesurrogate.csv"),
        ("  spaced.csv  ", "spaced.csv"),
        ("trailing.csv. . .", "trailing.csv"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul .txt", "_nul .txt"),
        ("Lpt1.tar.gz", "_Lpt1.tar.gz"),
        ("COM¹.csv", "_COM¹.csv"),
        ("CONOUT$", "_CONOUT$"),
        ("console.csv", "console.csv"),
        ("%2e%2e%2fx", "%2e%2e%2fx"),
        ("", "id-1"),
        (None, "id-1"),
        (".", "id-1"),
        ("..", "id-1"),
        ("...", "id-1"),
        (". .", "id-1"),
        ("   ", "id-1"),
        ("a/", "id-1"),
        ("/", "id-1"),
        ("..\\", "id-1"),
        ("\u200b.\u200b.", "id-1"),
        ("___", "id-1"),
    ],
)  # fmt: skip
def test_any_text_becomes_one_safe_component(wanted: str | None, name: str) -> None:
    """Traversal, absolute paths, devices, streams, control and direction characters: none of it survives."""
    assert safe_name(wanted, "id-1") == name
    for pure in (PurePosixPath, PureWindowsPath):
        assert pure(name).name == name
    assert safe_name(None, wanted or "") in (name, "download")


@pytest.mark.parametrize("text", ["x" * 500, "ü" * 500, "😀" * 500, "." + "x" * 500, "x" * 500 + ".", "a." + "b" * 500])
@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_long_names_are_cut_within_the_limits_of_file_systems(text: str, suffix: str) -> None:
    """The name stays whole UTF-8 within the limit, and keeps its suffix."""
    name = safe_name(text + suffix, "id-1")
    assert 0 < len(name.encode()) <= MAX_FILE_NAME
    assert name.endswith(suffix)
    assert safe_name(name, "id-1") == name


def test_a_hostile_id_is_no_safer_than_a_name() -> None:
    """The fallback is made safe too, and something is left in any case."""
    assert safe_name(None, "../../id") == "id"
    assert safe_name("..", "..") == "download"


# -- downloads --------------------------------------------------------------------------------------------------------


def download(core: Core, step: Any, target: Path, *, overwrite: bool = False) -> httpx.Response:
    """Save what the wire answers."""
    from kalbio._core.aio import downloads
    from kalbio._core.sync import downloads as sync_downloads

    response: httpx.Response = core.call(core.open(Wire(step)), stream=True)
    save: Any = sync_downloads.save if core.world.kind == "sync" else downloads.save
    core.world(save(response, target, overwrite=overwrite))
    return response


def names(directory: Path) -> list[str]:
    """What stands in a directory."""
    return sorted(path.name for path in directory.iterdir())


def test_a_download_has_the_content_and_the_rights_of_any_new_file(core: Core, tmp_path: Path) -> None:
    """Missing directories are made, nothing else is left beside the file, and the umask decides who may read it."""
    before = os.umask(0o027)
    try:
        response = download(core, answer(200, b"a,b\n"), tmp_path / "new" / "dir" / "x.csv")
    finally:
        os.umask(before)
    target = tmp_path / "new" / "dir" / "x.csv"
    assert target.read_bytes() == b"a,b\n"
    assert names(target.parent) == ["x.csv"]
    assert response.is_closed
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_an_existing_file_is_replaced_only_when_that_is_wanted(core: Core, tmp_path: Path) -> None:
    """Without overwrite=True the file stays as it is, also when it appears during the download."""
    target = tmp_path / "x.csv"
    target.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        download(core, answer(200, b"theirs"), target)
    assert target.read_text() == "mine"
    download(core, answer(200, b"theirs"), target, overwrite=True)
    assert target.read_text() == "theirs"
    assert names(tmp_path) == ["x.csv"]


@pytest.mark.parametrize(
    ("headers", "pieces"),
    [
        ({}, [b"half", httpx.ReadError("reset")]),
        ({}, [b"half", httpx.ReadTimeout("late")]),
        ({"content-length": "9"}, [b"half"]),
        ({"content-length": "1"}, [b"half"]),
        ({"content-encoding": "gzip"}, [b"not gzip"]),
        ({"content-encoding": "gzip", "content-length": "99"}, [gzip.compress(b"half")]),
    ],
    ids=["reset", "timeout", "short", "long", "not gzip", "short gzip"],
)
def test_a_broken_download_leaves_everything_as_it_was(
    core: Core, tmp_path: Path, headers: dict[str, str], pieces: list[Any]
) -> None:
    """The old file is untouched, no partial file is left, the answer is closed, the error is typed."""
    target = tmp_path / "x.csv"
    target.write_text("old and good")
    body = Pieces(*pieces)
    with pytest.raises(ConnectionFailedError, match="GET /things: the download broke"):
        download(core, lambda request: httpx.Response(200, headers=headers, stream=body), target, overwrite=True)
    assert target.read_text() == "old and good"
    assert names(tmp_path) == ["x.csv"]
    assert body.closed


def test_a_compressed_download_is_unpacked_and_its_length_checked_as_it_travelled(core: Core, tmp_path: Path) -> None:
    """The stated length is that of the compressed body."""
    packed = gzip.compress(b"a" * 10_000)
    headers = {"content-encoding": "gzip", "content-length": str(len(packed))}
    download(core, lambda request: httpx.Response(200, headers=headers, stream=Pieces(packed)), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == b"a" * 10_000


def test_a_target_that_cannot_be_written_closes_the_answer(core: Core, tmp_path: Path) -> None:
    """A directory in the way is the caller's problem to see, but no connection stays open."""
    (tmp_path / "file").write_text("no directory")
    body = Pieces(b"x")
    with pytest.raises(OSError, match="file"):
        download(core, lambda request: httpx.Response(200, stream=body), tmp_path / "file" / "x.csv")
    assert body.closed

    body = Pieces(b"x")
    (tmp_path / "dir").mkdir()
    with pytest.raises(OSError, match="dir"):
        download(core, lambda request: httpx.Response(200, stream=body), tmp_path / "dir", overwrite=True)
    assert body.closed
    assert names(tmp_path) == ["dir", "file"]


# -- uploads ----------------------------------------------------------------------------------------------------------


def upload(core: Core, file: Any) -> tuple[bytes, httpx.Headers]:
    """Send a file; returns the multipart body and the headers."""
    wire = Wire()
    core.call(core.open(wire), "POST", files={"file": as_file("a.csv", file, "text/csv").to_tuple()})
    return wire.requests[0].body, wire.requests[0].headers


def test_bytes_and_files_are_sent_as_they_are(core: Core, tmp_path: Path) -> None:
    """Bytes, buffers and opened files carry name, type and a stated length."""
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    with (tmp_path / "a.csv").open("rb") as opened:
        for file in (b"a,b\n", bytearray(b"a,b\n"), memoryview(b"a,b\n"), io.BytesIO(b"a,b\n"), opened):
            body, headers = upload(core, file)
            assert b'name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\na,b\n\r\n--' in body
            assert headers["content-length"] == str(len(body))


def test_files_whose_descriptor_tells_another_length_arrive_whole(core: Core, tmp_path: Path) -> None:
    """A compressed file is sent as it reads, a pipe in chunks; neither with a length that is not its own."""
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"a" * 10_000))
    with gzip.open(packed, "rb") as opened:
        body, headers = upload(core, opened)
    assert b"a" * 10_000 in body
    assert headers["content-length"] == str(len(body))

    read_end, write_end = os.pipe()
    os.write(write_end, b"from a pipe")
    os.close(write_end)
    with open(read_end, "rb") as opened:  # noqa: PTH123  # a descriptor has no path
        body, headers = upload(core, opened)
    assert b"from a pipe" in body
    assert "content-length" not in headers


@pytest.mark.parametrize(
    ("name", "data", "kind", "says"),
    [
        ("", b"", "text/csv", "file_name must be text"),
        ("  ", b"", "text/csv", "file_name must be text"),
        (None, b"", "text/csv", "file_name must be text"),
        ("a", "text", "text/csv", "file_data must be bytes or a file opened for reading bytes"),
        ("a", io.StringIO("text"), "text/csv", r"mode 'rb'\), or a path; got StringIO"),
        ("a", None, "text/csv", "file_data must be bytes"),
        ("a", b"", "", "file_type must be a content type"),
        ("a", b"", "csv", "file_type must be a content type"),
        ("a", b"", "text/csv\r\nX-Evil: 1", "file_type must be a content type"),
        ("a", b"", None, "file_type must be a content type"),
    ],
)
def test_what_is_no_file_is_refused_before_anything_is_sent(name: Any, data: Any, kind: Any, says: str) -> None:
    """Wrong names, text instead of bytes and made-up types raise with the argument's name."""
    with pytest.raises((ValueError, TypeError), match=says):
        as_file(name, data, kind)


def test_a_content_type_may_have_parameters() -> None:
    """The charset of a table, say."""
    assert as_file("a.csv", b"", "text/csv; charset=utf-8").mime_type == "text/csv; charset=utf-8"


# -- long lists -------------------------------------------------------------------------------------------------------

TEXTS = {
    "uuids": ["6f1c0d5e-0000-4000-8000-000000000001"] * 1000,
    "short": ["a"] * 20_000,
    "encoded": ["ü &/?"] * 3000,
    "emoji": ["😀" * 10] * 500,
    "json": ['{"compound":"CPD 1"}'] * 1000,
    "mixed": ["x" * (n % 700) for n in range(500)],
    "none": [],
}


@pytest.mark.parametrize("separator", [",", "&ids="])
@pytest.mark.parametrize("name", TEXTS)
def test_no_batch_is_longer_than_a_server_takes(name: str, separator: str) -> None:
    """Every request target stays below the limit, nothing is lost or doubled, and batches are as few as can be."""
    texts = TEXTS[name]
    overhead = 120
    slices = list(batches.cut(texts, overhead=overhead, separator=separator, max_count=100_000))
    assert [text for piece in slices for text in texts[piece]] == texts
    lengths = [overhead + len(quote_plus(separator.join(texts[piece]))) for piece in slices]
    assert all(length <= MAX_TARGET for length in lengths)
    for piece, length in zip(slices[1:], lengths, strict=False):
        following = len(quote_plus(texts[piece.start])) + 2 * len(quote_plus(separator))
        assert length + following > MAX_TARGET


def test_batches_are_cut_by_count_too() -> None:
    """Never more than the given number, however short."""
    slices = list(batches.cut(["a"] * 7, overhead=0, separator=",", max_count=3))
    assert slices == [slice(0, 3), slice(3, 6), slice(6, 7)]


def test_a_text_that_is_too_long_gets_a_batch_of_its_own() -> None:
    """The server decides about it; its neighbours are not held up."""
    slices = list(batches.cut(["a", "x" * 10_000, "b"], overhead=0, separator=",", max_count=100))
    assert slices == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_the_worlds_agree_on_what_stands_in_the_way(world: World, tmp_path: Path) -> None:
    """A file that exists is refused before anything is sent."""
    wire = Wire()
    client = world.connect(transport=wire)
    (tmp_path / "x.csv").write_text("mine")
    file_id = "6f1c0d5e-0000-4000-8000-000000000001"
    with pytest.raises(FileExistsError):
        world(client.files.download_file(file_id, "../x.csv", tmp_path))
    assert wire.requests == wire.logins == []
    assert world(client.files.download_file(file_id, "../x.csv", tmp_path, overwrite=True)) == str(tmp_path / "x.csv")
