"""Names, downloads, uploads and the cutting of long lists."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import stat
import time
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from kalbio._core.constants import DOWNLOAD_CHUNK, MAX_FILE_NAME, MAX_TARGET
from kalbio._core.errors import ConnectionFailedError
from kalbio._core.files.filenames import safe_name
from kalbio._core.files.uploads import as_file
from kalbio._core.http import url_chunks
from tests.conftest import World
from tests.core.wire import Core, Pieces, Wire, answer
from tests.rows import row

# -- names ------------------------------------------------------------------------------------------------------------


SAFE_NAMES = [
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
    ('a:b|c?d*e<f>g"h.csv', "a_b_c_d_e_f_g_h.csv"),
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
]


def test_any_text_becomes_one_safe_component() -> None:
    """Traversal, absolute paths, devices, streams, control and direction characters: none of it survives."""
    for wanted, name in SAFE_NAMES:
        with row(wanted, name):
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
    with pytest.raises(ConnectionFailedError, match=r"GET /things at api\.invalid:443: the download broke"):
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


def test_a_file_that_appears_this_very_moment_is_not_replaced(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the new name there is no moment in which somebody else's file could be lost."""
    target, link = tmp_path / "x.csv", os.link

    def late(source: Any, name: Any) -> None:
        target.write_text("mine")
        link(source, name)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        download(core, answer(200, b"theirs"), target)
    assert (target.read_text(), names(tmp_path)) == ("mine", ["x.csv"])


def test_a_file_system_without_links_takes_downloads_too(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file has one name only it is renamed, after a look."""

    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    download(core, answer(200, b"theirs"), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == b"theirs"
    with pytest.raises(FileExistsError, match="overwrite=True"):
        download(core, answer(200, b"others"), tmp_path / "x.csv")
    assert ((tmp_path / "x.csv").read_bytes(), names(tmp_path)) == (b"theirs", ["x.csv"])


def packed(core: Core, target: Path, *parts: bytes) -> list[int]:
    """Save what is packed; return how much of it came in each piece."""
    from kalbio._core.aio import downloads
    from kalbio._core.sync import downloads as sync_downloads

    sizes = [0]
    response = core.call(
        core.open(Wire(lambda request: httpx.Response(200, headers=GZIP, stream=Pieces(*parts)))), stream=True
    )
    save: Any = sync_downloads.save if core.world.kind == "sync" else downloads.save
    core.world(save(response, target, overwrite=True, progress=lambda done, _: sizes.append(done)))
    return [after - before for before, after in pairwise(sizes)]


GZIP = {"content-encoding": "gzip"}


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 5 * 65_536, 50_000_000])
def test_a_little_that_unpacks_to_a_lot_is_unpacked_in_small_pieces(core: Core, tmp_path: Path, size: int) -> None:
    """A table of nothing but commas packs to a thousandth; unpacking it takes no more memory than any other."""
    sizes = packed(core, tmp_path / "x.csv", gzip.compress(bytes(size)))
    assert (sum(sizes), (tmp_path / "x.csv").stat().st_size) == (size, size)
    assert max(sizes, default=0) <= DOWNLOAD_CHUNK


def test_what_was_packed_in_parts_is_unpacked_whole(core: Core, tmp_path: Path) -> None:
    """Several packings one after the other are one file, however the network cuts them."""
    data = os.urandom(300_000)
    both = gzip.compress(data[:100_000]) + gzip.compress(data[100_000:])
    for cut in (1, 1000, 150_000, len(both)):
        packed(core, tmp_path / "x.csv", *(both[at : at + cut] for at in range(0, len(both), cut)))
        assert (tmp_path / "x.csv").read_bytes() == data


@pytest.mark.parametrize("missing", [1, 8, 9, 5000])
def test_a_packed_body_without_its_end_is_not_a_file(core: Core, tmp_path: Path, missing: int) -> None:
    """The end of what was packed says that it is all; without it nothing is saved, also where no length was stated."""
    body = gzip.compress(os.urandom(100_000))
    with pytest.raises(ConnectionFailedError, match="the download broke"):
        packed(core, tmp_path / "x.csv", body[:-missing])
    assert names(tmp_path) == []


def test_what_killed_downloads_left_goes_with_the_next_one(core: Core, tmp_path: Path) -> None:
    """Parts of the same file that nobody has written to for a day are removed, and nothing else is."""
    old = [".x.csv.0123abcd.part", ".x.csv.89ef4567.part"]
    kept = [
        ".x.csv.01234567.part",
        ".y.csv.0123abcd.part",
        ".x.csv.part",
        ".x.csv.0123abcd.part.gz",
        "x.csv.0123abcd.part",
    ]
    for name in old + kept:
        (tmp_path / name).write_bytes(b"half")
        if name != kept[0]:  # that one is being written to
            os.utime(tmp_path / name, times=(time.time() - 90_000,) * 2)

    download(core, answer(200, b"whole"), tmp_path / "x.csv")

    assert names(tmp_path) == sorted([*kept, "x.csv"])


def test_a_directory_that_cannot_be_listed_takes_downloads(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cleaning up is a courtesy: where it is not possible, the download goes on."""

    def refuse(_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        download(core, answer(200, b"whole"), tmp_path / "x.csv")

    assert (tmp_path / "x.csv").read_bytes() == b"whole"


def test_a_full_disk_leaves_everything_as_it_was(core: Core, tmp_path: Path) -> None:
    """When the disk takes no more, its own error comes out, the old file is whole and the connection is given back."""
    resource = pytest.importorskip("resource", reason="this system has no limits for the size of files")
    (tmp_path / "x.csv").write_text("old and good")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (10_000, 1_000_000):  # found out when the file is closed, and in the middle
        body = Pieces(bytes(size))
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                download(
                    core, lambda _, body=body: httpx.Response(200, stream=body), tmp_path / "x.csv", overwrite=True
                )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert body.closed
        assert ((tmp_path / "x.csv").read_text(), names(tmp_path)) == ("old and good", ["x.csv"])


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


class Odd(io.BytesIO):
    """A file that reads in its own way."""

    def __init__(self, read: Any, *, seeks: bool = True) -> None:
        super().__init__(b"0123456789")
        self.read, self.seekable = (lambda size=-1: read(self, size)), (lambda: seeks)  # type: ignore[method-assign]


async def promised() -> bytes:
    """What files of async libraries give."""
    return b""


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (Odd(lambda file, size: ""), "got Odd"),
        (Odd(lambda file, size: promised()), "got Odd"),
        (Odd(lambda file, size: None, seeks=False), "got Odd"),
        (codecs.getreader("utf-8")(io.BytesIO(b"text")), "got StreamReader"),
    ],
    ids=["text", "async", "nothing", "decoded"],
)
def test_what_reads_something_else_than_bytes_is_refused_before_anything_is_sent(file: Any, says: str) -> None:
    """Text and promises of bytes are noticed without reading any of the file."""
    with pytest.raises(TypeError, match=says):
        as_file("a.csv", file, "text/csv")


def test_a_file_that_is_closed_or_for_writing_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """The file says itself what is wrong with it."""
    with (tmp_path / "a").open("wb") as file, pytest.raises(OSError, match="read"):
        as_file("a.csv", file, "text/csv")
    with (tmp_path / "a").open("rb") as closed:
        pass
    with pytest.raises(ValueError, match="closed"):
        as_file("a.csv", closed, "text/csv")


def test_a_name_that_no_encoding_takes_is_refused() -> None:
    """Names of files that are not UTF-8 read as lone surrogates, which cannot be sent."""
    with pytest.raises(ValueError, match="file_name must be text that can be sent as UTF-8"):
        as_file(os.fsdecode(b"a\xff.csv") if os.name == "posix" else "a\udcff.csv", b"", "text/csv")


def test_what_is_appended_during_an_upload_is_not_sent(core: Core, tmp_path: Path) -> None:
    """A file that grows is sent as it was when its length was stated, on every try."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"a" * 1000)

    def grow(_: httpx.Request) -> httpx.Response:
        with path.open("ab") as more:
            more.write(b"later")
        return answer(429)

    wire = Wire(grow)
    with path.open("rb") as file:
        core.call(core.open(wire), "POST", files={"file": as_file("a.csv", file, "text/csv").to_tuple()})
    assert len({seen.body for seen in wire.requests}) == 1
    assert b"a" * 1000 + b"\r\n--" in wire.requests[1].body
    assert wire.requests[1].headers["content-length"] == str(len(wire.requests[1].body))


@pytest.mark.parametrize(
    ("read", "seeks", "says"),
    [
        (
            lambda file, size: b"" if file.tell() == 0 and size else io.BytesIO.read(file, size),
            True,
            "10 bytes shorter",
        ),
        (lambda file, size: None if size else b"", False, "nothing to read yet"),
    ],
    ids=["shorter", "not yet"],
)
def test_half_a_file_is_not_passed_off_as_a_whole_one(core: Core, read: Any, seeks: bool, says: str) -> None:
    """A file that got shorter, or that has nothing just now, raises; it is not taken for one that ends there."""
    with pytest.raises(OSError, match=says):
        upload(core, Odd(read, seeks=seeks))


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
    slices = list(url_chunks.chunk_for_url(texts, overhead=overhead, separator=separator, max_count=100_000))
    assert [text for piece in slices for text in texts[piece]] == texts
    lengths = [overhead + len(quote_plus(separator.join(texts[piece]))) for piece in slices]
    assert all(length <= MAX_TARGET for length in lengths)
    for piece, length in zip(slices[1:], lengths, strict=False):
        following = len(quote_plus(texts[piece.start])) + 2 * len(quote_plus(separator))
        assert length + following > MAX_TARGET


def test_batches_are_cut_by_count_too() -> None:
    """Never more than the given number, however short."""
    slices = list(url_chunks.chunk_for_url(["a"] * 7, overhead=0, separator=",", max_count=3))
    assert slices == [slice(0, 3), slice(3, 6), slice(6, 7)]


def test_a_text_that_is_too_long_gets_a_batch_of_its_own() -> None:
    """The server decides about it; its neighbours are not held up."""
    slices = list(url_chunks.chunk_for_url(["a", "x" * 10_000, "b"], overhead=0, separator=",", max_count=100))
    assert slices == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_the_worlds_agree_on_what_stands_in_the_way(world: World, tmp_path: Path) -> None:
    """With overwrite=False a file that exists is refused before anything is sent; otherwise it is replaced."""
    wire = Wire()
    client = world.connect(transport=wire)
    (tmp_path / "x.csv").write_text("mine")
    file_id = "6f1c0d5e-0000-4000-8000-000000000001"
    with pytest.raises(FileExistsError):
        world(client.files.download_file(file_id, "../x.csv", tmp_path, overwrite=False))
    assert wire.requests == wire.logins == []
    assert world(client.files.download_file(file_id, "../x.csv", tmp_path)) == str(tmp_path / "x.csv")
