"""The files of a dataset without a network: where they are, what they are called, and how they are cut in pieces."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, TypeAlias
from urllib.parse import unquote, unquote_plus, urlsplit
from xml.etree import ElementTree

import attrs

from kalbio._bars import counted
from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.files.filenames import safe_name
from kalbio._core.http.aws_signature import quoted
from kalbio._core.text.display import printable, safe_repr
from kalbio._core.text.progress import BYTES

METADATA_FILE = "metadata.json"
"""What the data store itself writes at the top of each dataset."""
SLICE = 8 << 20
"""Bytes that are sent or asked for at a time."""
MOST_SLICES = 10_000
"""An object store takes no more of them for one file."""
_PIECE = 1 << 17

Source: TypeAlias = str | os.PathLike[str]
Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with the bytes that are done, and with all there are."""


class NoFilesWarning(UserWarning):
    """A new version of a dataset has none of the files of the one before."""


@attrs.frozen
class DatasetFile:
    """A file of a dataset.

    Attributes:
        path: its path, from the top of the dataset.
        size: its size in bytes.
        etag: what its content is known by to the object store; another content has another one.
        modified: when it was written.
    """

    path: str
    size: int
    etag: str
    modified: datetime | None

    def __repr__(self) -> str:
        return f"<DatasetFile {printable(self.path)}, {self.size} bytes>"


@attrs.frozen
class Transfers:
    """What became of files that were to be sent.

    Attributes:
        sent: paths of those that were sent.
        unchanged: paths of those that were there already with the same content.
        left_out: paths of those that the data store writes itself.
    """

    sent: Sequence[str]
    unchanged: Sequence[str]
    left_out: Sequence[str]

    def __repr__(self) -> str:
        left_out = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"<Transfers: {len(self.sent)} sent, {len(self.unchanged)} unchanged{left_out}>"


# where


@attrs.define
class StoreFolder:
    """Where the files of a dataset are.

    Attributes:
        base: the address that the path of an object is put behind: with the bucket where that is part of the host.
        bucket: the bucket, where it is part of the path; else empty.
        prefix: what the keys of the files begin with.
        region: the region that requests are signed for. The store may correct it.
    """

    base: str
    bucket: str
    prefix: str
    region: str

    def path_of(self, key: str) -> str:
        """Return the path of a request for an object, not quoted; without a key for one about the bucket."""
        before = unquote(urlsplit(self.base).path)
        return f"{before}/{self.bucket}/{key}" if self.bucket else f"{before}/{key}"


def folder_from_link(link: str, s3: Any, file: str) -> StoreFolder:
    """Return where the files of a dataset are, given a link to one of them. Raises ValueError for one elsewhere."""
    bucket, prefix = location(s3)
    parts = urlsplit(link)
    key, path = f"{prefix}{file}", unquote(parts.path)
    for end, named in ((f"/{bucket}/{key}", bucket), (f"/{key}", "")):
        if path.endswith(end):
            before = quoted(path.removesuffix(end))
            return StoreFolder(
                f"{parts.scheme}://{parts.netloc}{before}", named, prefix, region_of(parts.hostname or "")
            )
    raise ArgumentError("the link to a file of the dataset does not have the place of the dataset in it")


def folder_from_setting(address: str, s3: Any) -> StoreFolder:
    """Return where the files of a dataset are, given the address of the object store."""
    bucket, prefix = location(s3)
    base = address.replace("{bucket}", bucket)
    region = region_of(urlsplit(base).hostname or "")
    return StoreFolder(base.rstrip("/"), "" if "{bucket}" in address else bucket, prefix, region)


def location(s3: Any) -> tuple[str, str]:
    """Return the bucket of a dataset, and what the keys of its files begin with."""
    bucket, path = (s3.get("bucket_name"), s3.get("path")) if isinstance(s3, Mapping) else (None, None)
    if not isinstance(bucket, str) or not isinstance(path, str) or not bucket or not path.endswith("/"):
        raise ArgumentError(f"the dataset does not say where its files are: s3 is {safe_repr(s3)}")
    return bucket, path


def region_of(host: str) -> str:
    """Return the region that a host of Amazon's names; for any other host the one that stores know by default."""
    labels = host.split(".")
    for before, region in pairwise(labels):
        if before == "s3" and region != "amazonaws":
            return region if "amazonaws" in labels else "us-east-1"
    return "us-east-1"


def in_region(base: str, region: str) -> str:
    """Return the address of the same store in a region, for a host of Amazon's that names none."""
    parts = urlsplit(base)
    host = parts.netloc
    if host == "s3.amazonaws.com" or host.endswith(".s3.amazonaws.com"):
        return f"{parts.scheme}://{host.removesuffix('amazonaws.com')}{region}.amazonaws.com{parts.path}"
    return base


# what the store answers


def read_xml(body: bytes) -> ElementTree.Element:
    """Parse an answer of the store. Raises ValueError when it is none."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  of the store that the files come from; expat bounds entities
    except ElementTree.ParseError:
        raise ArgumentError("the answer of the object store is not XML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def read_page(body: bytes, prefix: str) -> tuple[list[DatasetFile], str | None]:
    """Read a page of a list of objects: the files, and where the next page begins.

    Raises ValueError when it is none, or goes on and does not say where.
    """
    root = read_xml(body)
    decode = unquote_plus if root.findtext("EncodingType") == "url" else str
    found = []
    for one in root.iter("Contents"):
        key, size = decode(one.findtext("Key", "")), one.findtext("Size", "")
        # An empty object whose key ends so is how some tools make a folder be seen.
        if key.startswith(prefix) and size.isdecimal() and not (key.endswith("/") and int(size) == 0):
            path = key[len(prefix) :]
            found.append(DatasetFile(path, int(size), one.findtext("ETag", "").strip('"'), _moment(one)))
    following = root.findtext("NextContinuationToken")
    if root.findtext("IsTruncated") != "true":
        return found, None
    if not following:
        raise ArgumentError("the list of files goes on, and the object store does not say where")
    return found, following


def _moment(entry: ElementTree.Element) -> datetime | None:
    try:
        found = datetime.fromisoformat(entry.findtext("LastModified", ""))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def completion(etags: Sequence[str]) -> bytes:
    """Return the body that joins the slices of a file, given what the store knows each by."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in enumerate(etags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


# files here


@attrs.frozen
class LocalFile:
    """A file here that is to be sent, and the path that it gets in the dataset."""

    path: str
    file: Path
    size: int

    def slices(self) -> list[tuple[int, int]]:
        """Return where each slice begins, and how long it is."""
        return cut(self.size)


def cut(size: int) -> list[tuple[int, int]]:
    """Return where each slice of a file begins, and how long it is; an empty file is one empty slice."""
    step = max(SLICE, -(-size // MOST_SLICES))
    return [(begin, min(step, size - begin)) for begin in range(0, size, step)] or [(0, 0)]


def find_local(source: Source | Iterable[Source] | Mapping[str, Source], to: str) -> list[LocalFile]:
    """Return the files that are to be sent: all that a folder has, single files, or files by their new paths.

    Raises OSError when one is not there, and ValueError for what cannot be sent.
    """
    if to:
        check_path(to.rstrip("/"))
    found: dict[str, LocalFile] = {}
    for path, file in _named(source):
        whole = check_path(f"{to.rstrip('/')}/{path}" if to else path)
        if whole in found:
            raise ArgumentError(f"two files would be sent to {safe_repr(whole)}: {found[whole].file} and {file}")
        told = file.stat()
        if not stat.S_ISREG(told.st_mode):
            raise ArgumentError(f"{safe_repr(str(file))} is no plain file, and cannot be sent")
        found[whole] = LocalFile(whole, file, told.st_size)
    return sorted(found.values(), key=lambda one: one.path)


def _named(source: Any) -> Iterator[tuple[str, Path]]:
    if isinstance(source, Mapping):
        yield from ((path, Path(file)) for path, file in source.items())
    elif isinstance(source, (str, os.PathLike)):
        yield from _below(Path(source), contents=True)
    else:
        for one in source if isinstance(source, Iterable) and not isinstance(source, bytes) else [source]:
            if not isinstance(one, str | os.PathLike):
                raise ArgumentTypeError(f"source must be paths of files and folders; got {safe_repr(one)}")
            yield from _below(Path(one), contents=False)


def _below(path: Path, *, contents: bool) -> Iterator[tuple[str, Path]]:
    """A file under its name; the files in a folder, below the name of the folder unless its contents are meant."""
    if not path.is_dir():
        yield path.name, path
        return
    before = "" if contents else f"{path.resolve().name}/"
    for folder, folders, names in os.walk(path, onerror=_raise):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            yield before + file.relative_to(path).as_posix(), file


def _raise(error: OSError) -> None:
    raise error


def check_path(path: Any) -> str:
    """Return a path in a dataset, which leads to a file below its top. Raises ValueError for any other."""
    parts = path.split("/") if isinstance(path, str) else [""]
    wrong = any(part in ("", ".", "..") or not part.isprintable() for part in parts)
    if wrong or len(path.encode("utf-8", "replace")) > 900:
        raise ArgumentError(f"a path in a dataset is like data/forcing.csv, from its top; got {safe_repr(path)}")
    return str(path)


def digests(file: Path, slices: Sequence[tuple[int, int]]) -> tuple[str, list[str]]:
    """Return the SHA-256 of a file and of each of its slices, all in one reading."""
    whole, each = hashlib.sha256(), []
    with file.open("rb", buffering=0) as opened:
        for begin, length in slices:
            part = hashlib.sha256() if len(slices) > 1 else whole
            for piece in pieces(opened, begin, length):
                part.update(piece)
                if part is not whole:
                    whole.update(piece)
            each.append(part.hexdigest())
    return whole.hexdigest(), each


def etag_of(file: Path, slices: Sequence[tuple[int, int]]) -> tuple[str, list[str]]:
    """Return what a store knows a file by that was sent in these slices, and each of them."""
    each = []
    with file.open("rb", buffering=0) as opened:
        for begin, length in slices:
            part = hashlib.md5(usedforsecurity=False)
            for piece in pieces(opened, begin, length):
                part.update(piece)
            each.append(part.digest())
    if len(each) == 1:
        return each[0].hex(), [each[0].hex()]
    whole = hashlib.md5(b"".join(each), usedforsecurity=False).hexdigest()
    return f"{whole}-{len(each)}", [one.hex() for one in each]


def pieces(opened: Any, begin: int, length: int) -> Iterator[bytes]:
    """Yield part of an opened file. Raises OSError when the file has become shorter."""
    opened.seek(begin)
    while length:
        piece = opened.read(min(length, _PIECE))
        if not piece:
            raise OSError(f"{opened.name} became shorter while it was read")
        length -= len(piece)
        yield piece


# files that come


def local_paths(files: Sequence[DatasetFile], folder: Path) -> dict[str, Path]:
    """Return where each file of a dataset goes, below a folder and under names that every platform takes.

    Raises ValueError when two of them would be one file, or one a file and a folder, also where the case of letters
    does not count, and for one that cannot be asked for.
    """
    taken: dict[str, str] = {}
    found = {}
    for one in files:
        if any(part in (".", "..") for part in one.path.split("/")):
            # On the way to the store, it would become the path of something else.
            raise ArgumentError(
                f"a file of the dataset is called {safe_repr(one.path)}, which no address can have in it: "
                "name the others with paths=[...]"
            )
        names = [safe_name(part, "unnamed") for part in PurePosixPath(one.path.replace("\\", "/")).parts if part != "/"]
        folded = unicodedata.normalize("NFC", "/".join(names)).casefold()
        if folded in taken:
            raise ArgumentError(
                f"{safe_repr(taken[folded])} and {safe_repr(one.path)} would be the same file here: "
                "download them one by one, into different folders"
            )
        taken[folded] = one.path
        found[one.path] = folder.joinpath(*names)
    for folded, path in taken.items():
        for above in PurePosixPath(folded).parents:
            if str(above) in taken:
                raise ArgumentError(
                    f"{safe_repr(taken[str(above)])} would be a file here and the folder of {safe_repr(path)}, too: "
                    "download them one by one, into different folders"
                )
    return found


def chosen(files: Sequence[DatasetFile], paths: Any) -> list[DatasetFile]:
    """Return the files that are meant: all, or those at some paths, or below them where they are folders.

    Raises LookupError for a path where there is nothing.
    """
    if paths is None:
        return list(files)
    wanted = [paths] if isinstance(paths, (str, DatasetFile)) else list(paths)
    found: dict[str, DatasetFile] = {}
    for want in wanted:
        path = want.path if isinstance(want, DatasetFile) else want
        if not isinstance(path, str) or not path.strip("/"):
            raise ArgumentError(f"a path in a dataset is like data/forcing.csv, from its top; got {safe_repr(path)}")
        below = f"{path.rstrip('/')}/"
        matching = {one.path: one for one in files if one.path == path or one.path.startswith(below)}
        if not matching:
            raise FileNotFoundError(f"the dataset has no file {safe_repr(path)}, and no folder of this name")
        found |= matching
    return list(found.values())


@contextlib.contextmanager
def counting(progress: Progress | bool | None, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give a function to call with each number of bytes that are done, which tells who wants to know."""
    lock, done = Lock(), 0
    with counted(progress, what, BYTES) as advance:

        def tell(more: int) -> None:
            nonlocal done
            with lock:  # several threads count
                done += more
                advance(done, total)

        yield tell
