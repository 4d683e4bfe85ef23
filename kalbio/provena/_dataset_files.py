# Derived from kalbio/provena/aio/_dataset_files.py by scripts/regenerate; edit that file. (digest 4e4f189da125)
"""Files of a dataset on their way up and down: slice by slice, several at a time, and on from where they stopped."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kalbio._core.errors import (
    APIError,
    ConnectionFailedError,
    NotFoundError,
    PermissionDeniedError,
    ResponseError,
    TransportError,
)
from kalbio._core.files.file_locks import try_lock
from kalbio._core.http.content_types import content_type_of
from kalbio._core.http.responses import unusable
from kalbio._core.sync.concurrency import in_thread, map_bounded, sleep
from kalbio._core.sync.downloads import check_target, remove_stale_parts
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import PageKeys
from kalbio.provena._model.dataset_files import (
    DatasetFile,
    LocalFile,
    completion,
    cut,
    digests,
    etag_of,
    read_page,
    read_xml,
)
from kalbio.provena._object_store import ObjectStore, Slice, body_of

Tell = Callable[[int], object]

_MD5 = re.compile("[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (\d+)-\d+/\d+")
_ATTEMPTS, _FIRST_WAIT = 4, 0.5
_NAMED = 5
"""Files that an error names."""


def list_files(store: ObjectStore, below: str = "") -> list[DatasetFile]:
    """Read which files there are, in the order of their paths."""
    query = {"list-type": "2", "prefix": f"{store.folder.prefix}{below}", "encoding-type": "url"}
    found: list[DatasetFile] = []
    pages = PageKeys()
    token: str | None = ""
    while token is not None:
        more = {"continuation-token": token} if token else {}
        response = store.call("GET", query={**query, **more})
        try:
            page, following = read_page(response.content, store.folder.prefix)
        except ValueError as error:
            raise unusable(response, str(error)) from None
        found, token = found + page, pages.following(following)
    return found


# up


def send(
    store: ObjectStore, files: Sequence[LocalFile], present: Mapping[str, DatasetFile], at_a_time: int, tell: Tell
) -> tuple[list[str], list[str]]:
    """Send files; give the paths of those that were sent, and of those that were there already."""
    large = [one for one in files if len(one.slices()) > 1]
    small = [one for one in files if len(one.slices()) == 1]
    was_sent = {}
    for one in large:  # each with several slices at a time
        was_sent[one.path] = _send(store, one, present.get(one.path), at_a_time, tell)
    each = map_bounded(lambda one: _send(store, one, present.get(one.path), 1, tell), small, at_a_time)
    was_sent |= {one.path: sent for one, sent in zip(small, each, strict=True)}
    paths = [one.path for one in files]
    return [path for path in paths if was_sent[path]], [path for path in paths if not was_sent[path]]


def _send(
    store: ObjectStore,
    one: LocalFile,
    old: DatasetFile | None,
    at_a_time: int,
    tell: Tell,
    *,
    resumes: bool = True,
) -> bool:
    """Send a file, unless the store has the same content under its path; whether it was sent."""
    slices = one.slices()
    if old is not None and old.size == one.size:
        etag, _ = in_thread(partial(etag_of, one.file, slices))
        if etag == old.etag:
            tell(one.size)
            return False
    whole, each = in_thread(partial(digests, one.file, slices))
    headers = {"content-type": content_type_of(one.file.name), "x-amz-meta-sha256": whole}
    key = f"{store.folder.prefix}{one.path}"
    if len(slices) == 1:
        body = Slice(one.file, 0, one.size, tell)
        sent = {**headers, "content-length": str(one.size)}
        store.call("PUT", key, headers=sent, body=body, digest=whole)
        return True
    upload, done = _begin(store, key, one, slices, headers, resumes=resumes)

    def send_slice(number: int) -> str:
        begin, length = slices[number]
        if number in done:
            tell(length)
            return done[number]
        response = store.call(
            "PUT",
            key,
            {"partNumber": str(number + 1), "uploadId": upload},
            headers={"content-length": str(length)},
            body=Slice(one.file, begin, length, tell),
            digest=each[number],
        )
        etag = response.headers.get("etag")
        if not etag:
            raise unusable(response, "the object store does not say what it knows the slice by")
        return str(etag)

    _complete(store, key, upload, map_bounded(send_slice, range(len(slices)), at_a_time), one)
    if done:
        # The checksum was told when the upload was begun, of what the file was then: no download would believe it.
        try:
            told = (store.call("HEAD", key)).headers.get("x-amz-meta-sha256", whole)
        except PermissionDeniedError:  # keys may allow to write alone, and nobody can tell then
            told = None
        if told != whole:
            return _send(store, one, None, at_a_time, lambda came: None, resumes=False)
    return True


def _begin(
    store: ObjectStore,
    key: str,
    one: LocalFile,
    slices: Sequence[tuple[int, int]],
    headers: Mapping[str, str],
    *,
    resumes: bool,
) -> tuple[str, dict[int, str]]:
    """Give the id of the upload of a file, and what the store has of it already where one is to be resumed."""
    try:
        begun = _begun(store, key) if resumes else []
        if begun and begun[-1]:
            done = _sent_already(store, key, begun[-1], one, slices)
            if done:
                return begun[-1], done
    except (APIError, ValueError):  # keys for a dataset need not allow to look for uploads: it begins anew then
        pass
    response = store.call("POST", key, {"uploads": ""}, headers=headers)
    try:
        upload = read_xml(response.content).findtext("UploadId")
    except ValueError as error:
        raise unusable(response, str(error)) from None
    if not upload:
        raise unusable(response, "the object store does not name the upload")
    return upload, {}


def _begun(store: ObjectStore, key: str) -> list[str]:
    found = read_xml((store.call("GET", query={"uploads": "", "prefix": key})).content)
    return [each.findtext("UploadId", "") for each in found.iter("Upload") if each.findtext("Key") == key]


def _sent_already(
    store: ObjectStore, key: str, upload: str, one: LocalFile, slices: Sequence[tuple[int, int]]
) -> dict[int, str]:
    there: dict[int, str] = {}
    marker: str | None = "0"
    while marker is not None:
        query = {"uploadId": upload, "part-number-marker": marker}
        root = read_xml((store.call("GET", key, query)).content)
        there |= {int(part.findtext("PartNumber", "0")) - 1: part.findtext("ETag", "") for part in root.iter("Part")}
        marker = root.findtext("NextPartNumberMarker") if root.findtext("IsTruncated") == "true" else None
    if not there:
        return {}
    _, each = in_thread(partial(etag_of, one.file, slices))
    return {number: f'"{each[number]}"' for number, etag in there.items()
            if number < len(each) and etag.strip('"') == each[number]}  # fmt: skip


def _complete(store: ObjectStore, key: str, upload: str, etags: Sequence[str], one: LocalFile) -> None:
    body = completion(etags)
    wanted = _joined(etags)
    try:
        response = store.call("POST", key, {"uploadId": upload}, body=body, digest=hashlib.sha256(body).hexdigest())
    except NotFoundError:
        # Its answer was lost when it was joined, and the store knows the upload no longer.
        there = {file.path: file for file in list_files(store, one.path)}
        if wanted is None or one.path not in there or there[one.path].etag != wanted:
            raise
        return
    try:
        root = read_xml(response.content)
    except ValueError as error:
        raise unusable(response, str(error)) from None
    if root.tag == "Error":  # told in a 200
        raise unusable(response, f"the object store could not join the slices: {root.findtext('Message')}")
    told = root.findtext("ETag", "").strip('"')
    if wanted is not None and _MD5.fullmatch(told.partition("-")[0]) and told != wanted:
        raise unusable(response, f"the object store has another content than was sent: {told} instead of {wanted}")


def _joined(etags: Sequence[str]) -> str | None:
    """What a file is known by that was joined of slices; None where a store does not go by their MD5."""
    bare = [etag.strip('"') for etag in etags]
    if not all(map(_MD5.fullmatch, bare)):
        return None
    whole = hashlib.md5(b"".join(map(bytes.fromhex, bare)), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(bare)}"


# down


def fetch(
    store: ObjectStore, files: Sequence[tuple[DatasetFile, Path]], overwrite: bool, at_a_time: int, tell: Tell
) -> None:
    """Save files. One that is here already with the same content stays, and a part of one is gone on with.

    Unless they may be replaced, files with another content are an error before anything is saved.
    """
    if not overwrite:
        in_thread(partial(_refuse_others, files))
    large = [one for one in files if len(cut(one[0].size)) > 1]
    small = [one for one in files if len(cut(one[0].size)) == 1]
    for file, target in large:  # each with several slices at a time
        _fetch(store, file, target, overwrite, at_a_time, tell)
    map_bounded(lambda one: _fetch(store, one[0], one[1], overwrite, 1, tell), small, at_a_time)


class _Part:
    """What has come of a file: the bytes in one file, and which slices they are in another, beside the target.

    One download at a time has both: another one of the same file has files of its own, which nobody goes on with.
    """

    def __init__(self, file: DatasetFile, target: Path) -> None:
        ours = f".{target.name[:40]}."
        mark = hashlib.sha256(f"{file.path}\n{file.etag}\n{file.size}".encode()).hexdigest()[:16]
        self.slices = cut(file.size)
        self.path = target.with_name(f"{ours}{mark}.part")
        self._map = self.path.with_suffix(".map")
        self._opened = self._map.open("a+b", buffering=0)
        self._stays = self._has_it()
        if not self._stays:
            self._opened.close()
            self.path = target.with_name(f"{ours}{mark}-{secrets.token_hex(4)}.part")
            self._map = self.path.with_suffix(".map")
            self._opened = self._map.open("x+b", buffering=0)
        size = self.path.stat().st_size if self.path.exists() else -1
        self._opened.seek(0)
        done = self._opened.read() if size == file.size else b""
        if len(done) != len(self.slices):
            done = bytes(len(self.slices))
            self.path.unlink(missing_ok=True)
            self._opened.truncate(0)
            self._opened.write(done)
            with self.path.open("wb") as made:
                made.truncate(file.size)
            pattern = re.compile(rf"{re.escape(ours)}[0-9a-f]{{16}}(-[0-9a-f]{{8}})?\.(part|map)")
            remove_stale_parts(target.parent, pattern)
        self.left = [number for number, came in enumerate(done) if not came]

    def _has_it(self) -> bool:
        """Whether the file that is open is locked by this download, and still the one of its name."""
        return (
            try_lock(self._opened)
            and self._map.exists()
            and os.path.samestat(self._map.stat(), os.fstat(self._opened.fileno()))
        )

    def note(self, number: int) -> None:
        """Note that a slice is complete."""
        with self._map.open("r+b", buffering=0) as opened:
            opened.seek(number)
            opened.write(b"\1")

    def forget(self) -> None:
        """Remove both files."""
        self.path.unlink(missing_ok=True)
        self._map.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Put the file in its place."""
        self.path.replace(target)
        self._map.unlink(missing_ok=True)

    def close(self) -> None:
        """Give both files up, for another download to go on with; those that none can go on with are removed."""
        self._opened.close()
        if not self._stays:
            self.forget()


def _fetch(store: ObjectStore, file: DatasetFile, target: Path, overwrite: bool, at_a_time: int, tell: Tell) -> None:
    if in_thread(partial(_is_here, file, target)):
        tell(file.size)
        return
    check_target(target, overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(file, target)
    try:
        _fill(store, file, part, at_a_time, tell)
        check_target(target, overwrite)
        part.become(target)
    finally:
        part.close()


def _fill(store: ObjectStore, file: DatasetFile, part: _Part, at_a_time: int, tell: Tell) -> None:
    """Get what is missing of a file. Raises ResponseError when it has not the checksum that the store tells."""
    tell(file.size - sum(part.slices[number][1] for number in part.left))
    told: dict[str, str] = {}

    def fetch_slice(number: int) -> None:
        begin, length = part.slices[number]
        if length:
            told.update(_fetch_slice(store, file, part.path, begin, length, tell))
        part.note(number)

    map_bounded(fetch_slice, part.left, at_a_time)
    if not part.left and file.size:
        key = f"{store.folder.prefix}{file.path}"
        told.update((store.call("HEAD", key, headers={"if-match": f'"{file.etag}"'})).headers)
    wrong = in_thread(partial(_find_wrong, file, part.path, told))
    if wrong is not None:
        part.forget()
        raise ResponseError("GET", store.folder.path_of(f"{store.folder.prefix}{file.path}"), b"", wrong)


def _fetch_slice(
    store: ObjectStore, file: DatasetFile, path: Path, begin: int, length: int, tell: Tell
) -> Mapping[str, str]:
    """Save part of a file, going on where it broke off; give the headers of the answer."""
    end, attempt = begin + length, 0
    with path.open("r+b", buffering=0) as opened:
        opened.seek(begin)
        while True:
            came = 0
            try:
                response = _ask(store, file, begin, end)
                for piece in body_of(response):
                    if begin + len(piece) > end:
                        raise unusable(response, "more of the file came than was asked for", show=False)
                    opened.write(piece)
                    begin, came = begin + len(piece), came + len(piece)
                    tell(len(piece))
                if begin == end:
                    return dict(response.headers)
                raise ConnectionFailedError.of(response.request, f"the file broke off {end - begin} bytes early")
            except TransportError:
                attempt = 1 if came else attempt + 1
                if attempt >= _ATTEMPTS:
                    raise
                sleep(_FIRST_WAIT * 2 ** (attempt - 1))


def _ask(store: ObjectStore, file: DatasetFile, begin: int, end: int) -> Any:
    headers = {"range": f"bytes={begin}-{end - 1}", "if-match": f'"{file.etag}"'}
    try:
        response = store.call("GET", f"{store.folder.prefix}{file.path}", headers=headers, stream=True)
    except APIError as error:
        if error.status_code == 412:
            error.add_note(f"{safe_repr(file.path)} was changed while it was downloaded: download it once more")
        raise
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    at = int(found[1]) if response.status_code == 206 and found is not None else 0
    if at != begin or (response.status_code == 200 and end != file.size):
        response.close()
        raise unusable(response, "the object store sent another part of the file than was asked for", show=False)
    return response


def _is_here(file: DatasetFile, target: Path) -> bool:
    """Whether a file is here already, with the same content as far as the store tells what that is."""
    if target.is_symlink() or not target.is_file() or target.stat().st_size != file.size:
        return False
    return etag_of(target, cut(file.size))[0] == file.etag


def _refuse_others(files: Sequence[tuple[DatasetFile, Path]]) -> None:
    """Raise FileExistsError for files here that have another content: somebody may have worked on them."""
    others = [target for file, target in files if os.path.lexists(target) and not _is_here(file, target)]
    if not others:
        return
    if len(others) == 1:
        check_target(others[0], overwrite=False)
    named = ", ".join(map(str, others[:_NAMED])) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    reason = "files are here with another content than the dataset has; give overwrite=True to replace them"
    raise FileExistsError(errno.EEXIST, reason, named)


def _find_wrong(file: DatasetFile, path: Path, told: Mapping[str, str]) -> str | None:
    """What is wrong with a file that has come, None when it has the checksum that the store tells, if it tells one."""
    size = path.stat().st_size
    if size != file.size:
        return f"{size} of {file.size} bytes arrived"
    slices = cut(size)
    if sha256 := told.get("x-amz-meta-sha256"):
        found = digests(path, slices)[0]
        return None if found == sha256.lower() else f"its SHA-256 is {found}, not {sha256}"
    if _MD5.fullmatch(file.etag) and "kms" not in told.get("x-amz-server-side-encryption", ""):
        found = etag_of(path, [(0, size)])[0]
        return None if found == file.etag else f"its MD5 is {found}, not {file.etag}"
    return None


# across


def copy(
    old: ObjectStore,
    new: ObjectStore,
    files: Sequence[DatasetFile],
    present: Mapping[str, DatasetFile],
    at_a_time: int,
    tell: Tell,
) -> tuple[list[str], list[str]]:
    """Copy files of one dataset to another, through temporary files; give those that were sent, and that were there."""
    there = [one.path for one in files if _is_same(one, present.get(one.path))]
    left = [one for one in files if one.path not in set(there)]
    tell(sum(one.size for one in files if one.path in set(there)))

    def copy_one(one: DatasetFile) -> None:
        with TemporaryDirectory(prefix="kalbio-copy-") as folder:
            target = Path(folder, "file")
            _fetch(old, one, target, True, 1, lambda came: None)
            _send(new, LocalFile(one.path, target, one.size), None, 1, tell)

    map_bounded(copy_one, left, at_a_time)
    return [one.path for one in left], there


def _is_same(one: DatasetFile, other: DatasetFile | None) -> bool:
    return other is not None and (other.size, other.etag) == (one.size, one.etag)
