"""R138: where a download is saved, what it may replace, and what stays of it."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio import ConnectionFailedError
from tests.conftest import World
from tests.core.wire import Pieces, Wire

FILE = "6f1c0d5e-0000-4000-8000-000000000001"
KIND = "6f1c0d5e-0000-4000-8000-000000000002"
BOTH = pytest.mark.parametrize("operation", ["file", "export"])


def answer(*pieces: bytes | Exception) -> httpx.Response:
    """An answer whose body comes in pieces."""
    return httpx.Response(200, stream=Pieces(*pieces))


def download(world: World, wire: Wire, operation: str, folder: Path, **more: Any) -> Any:
    """Download a file, or export a table, as x.csv."""
    client = world.connect(transport=wire, retries=0)
    if operation == "file":
        return world(client.files.download_file(FILE, "x.csv", folder, **more))
    return world(client.exports.pull_data("x.csv", KIND, folder, **more))


@BOTH
def test_r138_a_plain_file_is_replaced_at_once_and_whole(world: World, tmp_path: Path, operation: str) -> None:
    """Without a word about it a file is replaced by the next one, in one step, and only by one that came whole."""
    target = tmp_path / "x.csv"
    seen: list[bytes] = []
    wire = Wire(answer(b"first"), answer(b"half", httpx.ReadError("reset")), answer(b"sec", b"ond"))

    download(world, wire, operation, tmp_path)
    assert target.read_bytes() == b"first"
    with pytest.raises(ConnectionFailedError):
        download(world, wire, operation, tmp_path)
    assert target.read_bytes() == b"first"
    download(world, wire, operation, tmp_path, progress=lambda *_: seen.append(target.read_bytes()))

    assert set(seen) == {b"first"}
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("x.csv", b"second")]


def a_fifo(path: Path, _: Path) -> None:
    """A named pipe."""
    os.mkfifo(path)


def a_socket(path: Path, _: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # the whole path may be too long for a socket


def a_device(path: Path, _: Path) -> None:
    """A device."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices; pipes and sockets are refused in the same place")


def a_directory(path: Path, _: Path) -> None:
    """A directory."""
    path.mkdir()


def a_link(path: Path, beside: Path) -> None:
    """A link to a file."""
    beside.write_bytes(b"old")
    path.symlink_to(beside)


def a_link_to_nothing(path: Path, beside: Path) -> None:
    """A link that leads nowhere."""
    path.symlink_to(beside)


def a_link_to_itself(path: Path, _: Path) -> None:
    """A link in a circle."""
    path.symlink_to(path.name)


@pytest.mark.skipif(os.name != "posix", reason="what stands in the way here is made by POSIX systems")
@BOTH
@pytest.mark.parametrize(
    "stands", [a_fifo, a_socket, a_device, a_directory, a_link, a_link_to_nothing, a_link_to_itself]
)
def test_r138_what_is_no_plain_file_is_refused_before_anything_is_sent(
    world: World, tmp_path: Path, operation: str, stands: Callable[[Path, Path], None]
) -> None:
    """Pipes, sockets, devices, directories and links stay what they are, whatever `overwrite` says."""
    folder = tmp_path / "f"
    folder.mkdir()
    stands(folder / "x.csv", folder / "beside.csv")
    before = sorted((item.name, item.lstat().st_mode, item.lstat().st_ino) for item in folder.iterdir())
    wire = Wire(*[answer(b"new") for _ in range(2)])

    for overwrite in (True, False):
        with pytest.raises(OSError, match="of this name") as caught:
            download(world, wire, operation, folder, overwrite=overwrite)
        assert caught.value.filename == str(folder / "x.csv")
        if stands is a_link:
            assert str(folder / "beside.csv") in str(caught.value)  # the way out

    assert wire.requests == wire.logins == []
    assert sorted((item.name, item.lstat().st_mode, item.lstat().st_ino) for item in folder.iterdir()) == before
    assert (folder / "beside.csv").exists() is (stands is a_link)


@BOTH
def test_r138_what_comes_in_between_is_not_replaced_either(world: World, tmp_path: Path, operation: str) -> None:
    """A link that appears while the download runs is refused in the end, and nothing is written where it leads."""
    mine = tmp_path / "mine.csv"
    mine.write_bytes(b"mine")
    folder = tmp_path / "folder"
    folder.mkdir()

    def plant(*_: Any) -> None:
        (folder / "x.csv").symlink_to(mine)

    with pytest.raises(FileExistsError, match="link"):
        download(world, Wire(answer(b"new")), operation, folder, progress=plant)

    assert mine.read_bytes() == b"mine"
    assert [item.name for item in folder.iterdir()] == ["x.csv"]


@BOTH
def test_r138_directories_may_be_links(world: World, tmp_path: Path, operation: str) -> None:
    """The directory to save in is followed to where it leads."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)

    download(world, Wire(answer(b"new")), operation, tmp_path / "link")

    assert (tmp_path / "real" / "x.csv").read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
@BOTH
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o666, 0o755])
def test_r138_a_file_keeps_its_rights(world: World, tmp_path: Path, operation: str, mode: int) -> None:
    """The new file may be read by those who could read the old one, and by nobody else while it is written."""
    target = tmp_path / "x.csv"
    target.write_bytes(b"old")
    target.chmod(mode)
    meanwhile: set[int] = set()

    def look(*_: Any) -> None:
        meanwhile.update(stat.S_IMODE(item.stat().st_mode) for item in tmp_path.iterdir())

    before = os.umask(0o027)
    try:
        download(world, Wire(answer(b"ne", b"w")), operation, tmp_path, progress=look)
    finally:
        os.umask(before)

    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"new", mode)
    assert meanwhile == {mode}


@pytest.mark.skipif(os.name != "posix", reason="owners of files are those of POSIX")
def test_r138_owner_and_group_are_kept_where_that_is_allowed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file gets owner and group of the old one; where the group stays another, the group gets no rights."""
    target = tmp_path / "x.csv"
    target.write_bytes(b"old")
    if os.geteuid() == 0:
        os.chown(target, 12_345, 12_346)
        download(world, Wire(answer(b"new")), "file", tmp_path)
        assert (target.stat().st_uid, target.stat().st_gid) == (12_345, 12_346)
    target.chmod(0o664)
    old = target.stat()
    asked: list[tuple[int, int]] = []
    look = os.fstat

    def refuse(_: int, owner: int, group: int) -> None:
        asked.append((owner, group))
        raise PermissionError(1, "Operation not permitted")

    def in_another_group(descriptor: int) -> os.stat_result:
        found = list(look(descriptor))
        found[stat.ST_GID] = old.st_gid + 1
        return os.stat_result(found)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fchown", refuse)
        patched.setattr(os, "fstat", in_another_group)
        download(world, Wire(answer(b"newer")), "file", tmp_path)

    assert asked == [(-1, old.st_gid), (old.st_uid, -1)]
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"newer", 0o604)


@BOTH
def test_r138_a_file_of_somebody_else_is_refused_before_anything_is_sent(
    world: World, tmp_path: Path, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may not be written to is not replaced, nor what somebody else has put into a directory for all."""
    target = tmp_path / "x.csv"
    target.write_bytes(b"old")
    wire = Wire(answer(b"new"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)
        with pytest.raises(PermissionError, match="not yours"):
            download(world, wire, operation, tmp_path)
    if os.name == "posix":
        tmp_path.chmod(0o1777)
        with monkeypatch.context() as patched:
            patched.setattr(os, "geteuid", lambda: target.stat().st_uid + 1)
            with pytest.raises(PermissionError, match="not yours"):
                download(world, wire, operation, tmp_path)

    assert (target.read_bytes(), wire.requests, wire.logins) == (b"old", [], [])
    download(world, wire, operation, tmp_path)
    assert target.read_bytes() == b"new"
