"""Files of datasets: up and down in slices, on from where they stopped, checked, and under safe names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.messages import Response
from kalbio._core.errors import APIError, ConnectionFailedError, PermissionDeniedError, ResponseError
from kalbio.provena import APIOverrides, ClientCredentialsFlow, Config
from kalbio.provena._dataset_files import _Part
from kalbio.provena._model import dataset_files
from kalbio.provena._model.dataset_files import folder_from_link
from kalbio.provena.sandbox import objects
from tests.provena.conftest import URL, Lab
from tests.provena.datasets import client_of, dataset, person
from tests.rows import row

SMALL = 1000


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a kilobyte, so that small files have several."""
    monkeypatch.setattr(dataset_files, "SLICE", SMALL)


def tree(folder: Path, **sizes: int) -> Path:
    """A folder with files of these sizes."""
    for number, (name, size) in enumerate(sizes.items()):
        path = folder / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes((number + place * 7) % 251 for place in range(size)))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """What is below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def to_store(lab: Lab, method: str) -> list[str]:
    """What was asked of the object store with a method."""
    return [one.target for one in lab.transport.exchanges if one.method == method and one.target.startswith("/s3/")]


def put(lab: Lab, made: Any, path: str, data: bytes, etag: str | None = None, **headers: str) -> None:
    """Put a file into a dataset as another program would."""
    store = lab.sandbox.store
    content = store.folder.keep(store.new_id(), data)
    objects.put(store, made.s3["path"] + path, content, etag or content.md5, headers)


def test_a_folder_goes_up_and_comes_down_as_it_was(lab: Lab, tmp_path: Path) -> None:
    """Large files in slices, small ones and empty ones whole; the tree stays, and `metadata.json` comes along."""
    made = dataset(lab)
    source = tree(tmp_path / "source", a_csv=10, data__b_csv=SMALL * 3 + 7, data__deep__c=0, d=SMALL, e=SMALL * 2)
    done = lab(lab.api.datasets.upload(made, source))
    assert done.sent == ["a.csv", "d", "data/b.csv", "data/deep/c", "e"]
    assert repr(done) == "<Transfers: 5 sent, 0 unchanged>"
    listed = {file.path: file.size for file in lab(lab.api.datasets.files("Reef forcing"))}
    assert {path: len(data) for path, data in contents(source).items()} == {
        path: size for path, size in listed.items() if path != "metadata.json"
    }
    saved = lab(lab.api.datasets.download(made, tmp_path / "copy"))
    copied = contents(tmp_path / "copy")
    assert json.loads(copied.pop("metadata.json"))["dataset_info"]["name"] == "Reef forcing"
    assert copied == contents(source)
    assert sorted(path.relative_to(tmp_path / "copy").as_posix() for path in saved) == sorted(
        [*copied, "metadata.json"]
    )


def test_requests_to_the_store_have_a_signature_and_no_token(lab: Lab, tmp_path: Path) -> None:
    """The token of the login goes to the services alone."""
    made = dataset(lab)
    seen = []
    answer = lab.sandbox.handle_with_faults

    def watch(request: Any) -> Any:
        if request.path.startswith("/s3/"):
            seen.append(request.header("authorization"))
        return answer(request)

    lab.sandbox.handle_with_faults = watch  # type: ignore[method-assign]
    lab(lab.api.datasets.upload(made, tree(tmp_path, a=5, b=SMALL * 2)))
    assert seen
    assert all(one.startswith("AWS4-HMAC-SHA256 Credential=SANDBOX") for one in seen)


def test_what_is_there_already_is_not_sent_again(lab: Lab, tmp_path: Path) -> None:
    """Neither up nor down, whole or in slices; a file that has changed is."""
    made = dataset(lab)
    source = tree(tmp_path / "source", a=10, b=SMALL * 3)
    lab(lab.api.datasets.upload(made, source))
    before = len(to_store(lab, "PUT"))
    again = lab(lab.api.datasets.upload(made, source))
    assert (again.sent, again.unchanged) == ([], ["a", "b"])
    assert len(to_store(lab, "PUT")) == before
    lab(lab.api.datasets.download(made, tmp_path / "copy"))
    before = len(to_store(lab, "GET"))
    lab(lab.api.datasets.download(made, tmp_path / "copy"))
    assert len(to_store(lab, "GET")) == before + 1  # the list
    (source / "a").write_bytes(b"0123456789")
    assert lab(lab.api.datasets.upload(made, source)).sent == ["a"]
    lab(lab.api.datasets.download(made, tmp_path / "copy", overwrite=True))
    assert (tmp_path / "copy" / "a").read_bytes() == b"0123456789"


def test_an_upload_that_broke_off_goes_on_with_the_slices_that_are_missing(lab: Lab, tmp_path: Path) -> None:
    """What the store has of the file is not sent a second time."""
    made = dataset(lab)
    source = tree(tmp_path, big=SMALL * 6)
    answer = lab.sandbox.handle_with_faults
    lost = []

    def lose(request: Any) -> Any:
        if "partNumber=4" in request.target:
            lost.append(request)
            return type(answer(request))(None, Fault(reset=True))
        return answer(request)

    lab.sandbox.handle_with_faults = lose  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailedError):
        lab(lab.api.datasets.upload(made, source, at_a_time=1))
    assert len(lost) == 3
    lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
    with lab.sandbox.lock:  # the fourth came, and its answer was lost
        upload = lab.sandbox.store.all("object_upload")[0]
        lab.sandbox.store.put(
            "object_upload", {**upload, "parts": {n: p for n, p in upload["parts"].items() if n < "4"}}
        )
    before = len(to_store(lab, "PUT"))
    lab(lab.api.datasets.upload(made, source))
    parts = sorted(target.partition("partNumber=")[2][0] for target in to_store(lab, "PUT")[before:])
    assert parts == ["4", "5", "6"]
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big"))
    assert contents(tmp_path / "copy") == {"big": (source / "big").read_bytes()}


def test_an_upload_that_is_gone_on_with_has_the_checksum_of_the_file_as_it_is(lab: Lab, tmp_path: Path) -> None:
    """A file that was changed since its upload broke off can be downloaded afterwards."""
    made = dataset(lab)
    source = tree(tmp_path / "source", big=SMALL * 4)
    answer = lab.sandbox.handle_with_faults

    def lose(request: Any) -> Any:
        if "partNumber=3" in request.target:
            return type(answer(request))(None, Fault(refuse=True))
        return answer(request)

    lab.sandbox.handle_with_faults = lose  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailedError):
        lab(lab.api.datasets.upload(made, source, at_a_time=1))
    lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
    changed = (source / "big").read_bytes()[: SMALL * 3] + b"x" * SMALL
    (source / "big").write_bytes(changed)
    lab(lab.api.datasets.upload(made, source))
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big"))
    assert (tmp_path / "copy" / "big").read_bytes() == changed


def test_an_upload_is_gone_on_with_where_nobody_may_look_at_its_checksum(lab: Lab, tmp_path: Path) -> None:
    """Keys that may write and not read cannot tell whether it is that of the file: all of it is sent anew."""
    made = dataset(lab)
    source = tree(tmp_path / "source", big=SMALL * 4)
    answer = lab.sandbox.handle_with_faults
    broken = [True]

    def lose(request: Any) -> Any:
        outcome = answer(request)
        if "partNumber=3" in request.target and broken:
            return type(outcome)(None, Fault(refuse=True))
        if request.method == "HEAD":
            return type(outcome)(Response(403, (), b""), None)
        return outcome

    lab.sandbox.handle_with_faults = lose  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailedError):
        lab(lab.api.datasets.upload(made, source, at_a_time=1))
    broken.clear()
    assert lab(lab.api.datasets.upload(made, source)).sent == ["big"]
    lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big"))
    assert contents(tmp_path / "copy") == contents(source)


@pytest.mark.parametrize(
    ("rest", "text"),
    [("", "does not say where"), ("<NextContinuationToken>t</NextContinuationToken>", "without an end")],
)
def test_a_list_of_files_that_cannot_be_read_to_its_end_is_an_error(lab: Lab, rest: str, text: str) -> None:
    """It is neither cut short nor read forever."""
    made = dataset(lab)
    body = f"<ListBucketResult><IsTruncated>true</IsTruncated>{rest}</ListBucketResult>".encode()
    answer = lab.sandbox.handle_with_faults

    def listed(request: Any) -> Any:
        outcome = answer(request)
        if "list-type=2" in request.target:
            return type(outcome)(Response(200, (("content-type", "application/xml"),), body), None)
        return outcome

    lab.sandbox.handle_with_faults = listed  # type: ignore[method-assign]
    with pytest.raises(ResponseError, match=text):
        lab(lab.api.datasets.files(made))


def test_a_download_that_broke_off_goes_on_with_what_is_missing(lab: Lab, tmp_path: Path) -> None:
    """Slices that have come stay beside the target, which appears when all of it is there."""
    made = dataset(lab)
    source = tree(tmp_path / "source", big=SMALL * 6)
    lab(lab.api.datasets.upload(made, source))
    answer = lab.sandbox.handle_with_faults

    def lose(request: Any) -> Any:
        if request.header("range") == f"bytes={SMALL * 3}-{SMALL * 4 - 1}":
            return type(answer(request))(None, Fault(refuse=True))
        return answer(request)

    lab.sandbox.handle_with_faults = lose  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailedError):
        lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big", at_a_time=1))
    assert not (tmp_path / "copy" / "big").exists()
    lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
    ranges = len([one for one in lab.transport.exchanges if "range" in one.headers])
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big"))
    assert len([one for one in lab.transport.exchanges if "range" in one.headers]) == ranges + 3
    assert contents(tmp_path / "copy") == contents(source)


def test_a_body_that_breaks_off_is_gone_on_with_where_it_stopped(lab: Lab, tmp_path: Path) -> None:
    """The next request asks for the rest, of the same content."""
    made = dataset(lab)
    source = tree(tmp_path / "source", a=SMALL - 1)
    lab(lab.api.datasets.upload(made, source))
    answer = lab.sandbox.handle_with_faults
    asked: list[str] = []

    def cut(request: Any) -> Any:
        if request.header("range") is None:
            return answer(request)
        asked.append(request.header("range"))
        outcome = answer(request)
        return outcome if len(asked) > 1 else type(outcome)(outcome.response, Fault(truncate=True))

    lab.sandbox.handle_with_faults = cut  # type: ignore[method-assign]
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths=["a"]))
    assert asked == [f"bytes=0-{SMALL - 2}", f"bytes={(SMALL - 1) // 2}-{SMALL - 2}"]
    assert contents(tmp_path / "copy") == contents(source)


def test_a_file_that_is_not_what_its_checksum_says_is_not_saved(lab: Lab, tmp_path: Path) -> None:
    """By the SHA-256 that this client leaves, else by the MD5 of the store; what is known by neither is saved."""
    made = dataset(lab)
    put(lab, made, "md5", b"abc", etag="0" * 32)
    put(lab, made, "sha", b"abc", **{"x-amz-meta-sha256": "0" * 64})
    put(lab, made, "joined", b"abc", etag="0" * 32 + "-2")
    put(lab, made, "kms", b"abc", etag="0" * 32, **{"x-amz-server-side-encryption": "aws:kms"})
    for path, kind in (("md5", "MD5"), ("sha", "SHA-256")):
        with pytest.raises(ResponseError, match=f"its {kind} is"):
            lab(lab.api.datasets.download(made, tmp_path, paths=path))
    assert contents(tmp_path) == {}
    lab(lab.api.datasets.download(made, tmp_path, paths=["joined", "kms"]))
    assert contents(tmp_path) == {"joined": b"abc", "kms": b"abc"}


def test_names_from_the_store_lead_nowhere_else(lab: Lab, tmp_path: Path) -> None:
    """What would leave the folder, or is no name on some platform, gets one that is safe."""
    made = dataset(lab)
    for path in ("/abs", "a\\..\\..\\b", "con", "bell\x07", "c:d", "sub//e"):
        put(lab, made, path, b"x")
    saved = lab(lab.api.datasets.download(made, tmp_path / "in" / "here"))
    assert all(path.resolve().is_relative_to((tmp_path / "in" / "here").resolve()) for path in saved)
    assert {path.name for path in saved} == {"abs", "b", "_con", "bell", "c_d", "e", "metadata.json"}
    assert {path.read_bytes() for path in saved if path.name != "metadata.json"} == {b"x"}
    put(lab, made, "sub/../up", b"x")
    with pytest.raises(ValueError, match=r"called 'sub/\.\./up', which no address can have"):
        lab(lab.api.datasets.download(made, tmp_path))


def test_files_that_would_be_one_here_are_refused(lab: Lab, tmp_path: Path) -> None:
    """Where only the case of letters tells them apart; one alone can be had."""
    made = dataset(lab)
    for path in ("Data/a", "data/A"):
        put(lab, made, path, path.encode())
    with pytest.raises(ValueError, match="would be the same file here"):
        lab(lab.api.datasets.download(made, tmp_path))
    assert contents(tmp_path) == {}
    lab(lab.api.datasets.download(made, tmp_path, paths="data/A"))
    assert contents(tmp_path) == {"data/A": b"data/A"}


def test_a_file_that_would_be_a_folder_here_is_refused(lab: Lab, tmp_path: Path) -> None:
    """An object store can have both `a` and `a/b`, a folder cannot: nothing is saved."""
    made = dataset(lab)
    for path in ("Data", "data/a"):
        put(lab, made, path, b"x")
    with pytest.raises(ValueError, match="'Data' would be a file here and the folder of 'data/a'"):
        lab(lab.api.datasets.download(made, tmp_path))
    assert contents(tmp_path) == {}
    lab(lab.api.datasets.download(made, tmp_path, paths=["data/a"]))
    assert contents(tmp_path) == {"data/a": b"x"}


def test_the_metadata_of_the_data_store_are_never_replaced(lab: Lab, tmp_path: Path) -> None:
    """That of a folder is left out, and told; by itself it is refused. Another one, further down, is a file."""
    made = dataset(lab)
    source = tree(tmp_path, **{"a": 3, "metadata.json": 3, "sub__metadata.json": 3})
    before = lab(lab.api.datasets.files(made))
    done = lab(lab.api.datasets.upload(made, source))
    assert (done.sent, done.left_out) == (["a", "sub/metadata.json"], ["metadata.json"])
    assert before[0] in lab(lab.api.datasets.files(made))
    for alone in (source / "metadata.json", {"metadata.json": source / "a"}):
        with pytest.raises(ValueError, match="data store itself writes"):
            lab(lab.api.datasets.upload(made, alone))


def test_files_go_where_they_are_wanted(lab: Lab, tmp_path: Path) -> None:
    """Single ones, folders below their own names, new names, and a folder to put them in."""
    made = dataset(lab)
    source = tree(tmp_path / "run", a=1, sub__b=2)
    lab(lab.api.datasets.upload(made, source / "a"))
    lab(lab.api.datasets.upload(made, [source, source / "sub" / "b"], to="all/"))
    lab(lab.api.datasets.upload(made, {"new/name.csv": source / "a"}))
    paths = [file.path for file in lab(lab.api.datasets.files(made))]
    assert paths == ["a", "all/b", "all/run/a", "all/run/sub/b", "metadata.json", "new/name.csv"]
    assert [file.path for file in lab(lab.api.datasets.files(made, "all/run/"))] == ["all/run/a", "all/run/sub/b"]
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths=["all/run", "a"]))
    assert sorted(contents(tmp_path / "copy")) == ["a", "all/run/a", "all/run/sub/b"]


@pytest.mark.parametrize("path", ["", "/a", "a/", "../a", "a//b", "a/./b", "nul\x00", 7])
def test_paths_that_cannot_be_in_a_dataset_are_not_sent(lab: Lab, tmp_path: Path, path: Any) -> None:
    """Nothing is asked for them."""
    file = tree(tmp_path, a=1) / "a"
    with pytest.raises(ValueError, match="a path in a dataset is like"):
        lab(lab.api.datasets.upload("10378.1/1", {path: file}))
    assert lab.transport.exchanges == []


def test_what_is_not_there_is_told_before_anything_is_saved(lab: Lab, tmp_path: Path) -> None:
    """A file that is missing here, and a path that is missing there."""
    made = dataset(lab)
    with pytest.raises(FileNotFoundError):
        lab(lab.api.datasets.upload(made, tmp_path / "nothing"))
    assert to_store(lab, "GET") == []
    with pytest.raises(FileNotFoundError, match="has no file 'nope'"):
        lab(lab.api.datasets.download(made, tmp_path, paths=["metadata.json", "nope"]))
    assert contents(tmp_path) == {}


def test_files_here_are_replaced_only_where_that_is_wanted(lab: Lab, tmp_path: Path) -> None:
    """Another content is an error before anything is saved, with the cure; the same content is none."""
    made = dataset(lab)
    put(lab, made, "a", b"new")
    put(lab, made, "b", b"same")
    put(lab, made, "0", b"first")
    tree(tmp_path, a=3)
    (tmp_path / "b").write_bytes(b"same")
    with pytest.raises(FileExistsError, match="give overwrite=True to replace it"):
        lab(lab.api.datasets.download(made, tmp_path, paths=["0", "a", "b"]))
    assert contents(tmp_path).keys() == {"a", "b"}
    assert (tmp_path / "a").read_bytes() != b"new"
    (tmp_path / "0").write_bytes(b"edited")
    with pytest.raises(FileExistsError, match="another content than the dataset has; give overwrite=True") as caught:
        lab(lab.api.datasets.download(made, tmp_path, paths=["0", "a", "b"]))
    assert str(tmp_path / "0") in str(caught.value)
    assert str(tmp_path / "a") in str(caught.value)
    lab(lab.api.datasets.download(made, tmp_path, paths=["b"]))
    lab(lab.api.datasets.download(made, tmp_path, paths=["a"], overwrite=True))
    assert (tmp_path / "a").read_bytes() == b"new"
    link = lab(lab.api.datasets.link(made, "b"))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        lab(lab.api.datasets.download_link(link, tmp_path / "a"))


def test_two_downloads_of_a_file_at_once_share_nothing(lab: Lab, tmp_path: Path) -> None:
    """The second one has a part of its own, of which nothing stays; the first one goes on with its part."""
    made = dataset(lab)
    source = tree(tmp_path / "source", big=SMALL * 3)
    lab(lab.api.datasets.upload(made, source))
    target = tmp_path / "copy" / "big"
    target.parent.mkdir()
    found = next(one for one in lab(lab.api.datasets.files(made)) if one.path == "big")
    first = _Part(found, target)
    first.path.write_bytes(b"0" * found.size)
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big"))
    assert target.read_bytes() == (source / "big").read_bytes()
    assert first.path.read_bytes() == b"0" * found.size
    first.close()
    assert len(contents(tmp_path / "copy")) == 3
    again = _Part(found, target)
    assert again.path == first.path
    again.forget()
    again.close()
    assert contents(tmp_path / "copy").keys() == {"big"}


def test_keys_that_end_are_renewed(lab: Lab, tmp_path: Path) -> None:
    """Once for all that are under way, and the slice that was refused is sent again."""
    made = dataset(lab)
    source = tree(tmp_path, big=SMALL * 8)
    answer = lab.sandbox.handle_with_faults
    ended: list[Any] = []

    def end(request: Any) -> Any:
        if "partNumber=3" in request.target and not ended:
            ended.append(request)
            with lab.sandbox.lock:
                lab.sandbox.store.run("update document set body = json_set(body, '$.ends', 0) where kind = 's3_keys'")
        return answer(request)

    lab.sandbox.handle_with_faults = end  # type: ignore[method-assign]
    lab(lab.api.datasets.upload(made, source))
    assert lab.asked.count("datastoreRegistryCredentialsGenerateWriteAccessCredentials") == 2
    assert {file.path: file.size for file in lab(lab.api.datasets.files(made))}["big"] == SMALL * 8


def test_who_may_not_is_refused(lab: Lab, tmp_path: Path) -> None:
    """Readers read and do not write; a dataset that is under review is not written."""
    made, source = dataset(lab), tree(tmp_path, a=1)
    person(lab, "bob")
    bob = client_of(lab, "bob")
    assert [file.path for file in lab(bob.datasets.files(made))] == ["metadata.json"]
    with pytest.raises(PermissionDeniedError, match="write to this dataset"):
        lab(bob.datasets.upload(made, source))
    lab(lab.api.releases.add_reviewer("Bob"))
    lab(lab.api.releases.request(made, "Bob", notes="x"))
    with pytest.raises(PermissionDeniedError, match="pending review"):
        lab(lab.api.datasets.upload(made, source))


def test_progress_counts_the_bytes(lab: Lab, tmp_path: Path) -> None:
    """Up to all there are, those that need not travel included."""
    made = dataset(lab)
    source = tree(tmp_path / "source", a=10, b=SMALL * 3)
    datasets = lab.api.datasets
    calls: list[Callable[[Any], Any]] = [
        lambda told: datasets.upload(made, source, progress=told),
        lambda told: datasets.upload(made, source, progress=told),
        lambda told: datasets.download(made, tmp_path / "copy", paths=["a", "b"], progress=told),
        lambda told: datasets.download(made, tmp_path / "copy", paths=["a", "b"], progress=told),
    ]
    for call in calls:
        steps: list[tuple[int, int]] = []
        lab(call(lambda done, total: steps.append((done, total))))  # noqa: B023
        assert steps[-1] == (SMALL * 3 + 10, SMALL * 3 + 10)
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_a_link_is_followed_without_a_token(lab: Lab, tmp_path: Path) -> None:
    """Nothing of the login goes along; one that has ended is refused, and the file stays as it was."""
    made = dataset(lab)
    link = lab(lab.api.datasets.link(made, "metadata.json"))
    headers = []
    answer = lab.sandbox.handle_with_faults
    lab.sandbox.handle_with_faults = lambda request: (headers.append(request.headers), answer(request))[1]  # type: ignore
    target = tmp_path / "m.json"
    assert lab(lab.api.datasets.download_link(link, target)) == target
    assert json.loads(target.read_bytes())["dataset_info"]["name"] == "Reef forcing"
    assert not [name for name, _ in headers[-1] if name.lower() in ("authorization", "x-amz-security-token")]
    lab.sandbox.store.run("update document set body = json_set(body, '$.ends', 0) where kind = 's3_link'")
    with pytest.raises(APIError):
        lab(lab.api.datasets.download_link(link, tmp_path / "n.json"))
    assert not (tmp_path / "n.json").exists()


def test_a_new_version_says_that_it_has_no_files(lab: Lab, tmp_path: Path) -> None:
    """Unless they are copied, or that is what was wanted; they can be copied later, and are not copied twice."""
    made = dataset(lab)
    source = tree(tmp_path / "source", a=10, sub__b=SMALL * 3)
    lab(lab.api.datasets.upload(made, source))
    with pytest.warns(UserWarning, match=r"has none of the files of .* copy them with client\.datasets\.copy_files"):
        new = lab(lab.api.datasets.version(made, "longer"))
    assert [file.path for file in lab(lab.api.datasets.files(new))] == ["metadata.json"]
    done = lab(lab.api.datasets.copy_files(new))
    assert (done.sent, done.unchanged) == (["a", "sub/b"], [])
    again = lab(lab.api.datasets.copy_files(new, made))
    assert (again.sent, again.unchanged) == ([], ["a", "sub/b"])
    lab(lab.api.datasets.download(new, tmp_path / "copy", paths=["a", "sub"]))
    assert contents(tmp_path / "copy") == contents(source)
    third = lab(lab.api.datasets.version(new, "again", copy_files=True))
    assert len(lab(lab.api.datasets.files(third))) == 3
    with pytest.raises(ValueError, match="is the first version"):
        lab(lab.api.datasets.copy_files(made))


def test_the_store_may_be_named(lab: Lab, tmp_path: Path) -> None:
    """Then no link is asked for; the bucket stands in the path or where the address has it."""
    made = dataset(lab)
    for address in (f"{URL}/s3", f"{URL}/s3/{{bucket}}"):
        config = Config("provena.invalid", "sandbox", APIOverrides(**{
            **{name: getattr(lab.config.api_overrides, name) for name in (
                "datastore_api_endpoint_override", "registry_api_endpoint_override", "keycloak_endpoint_override",
            )},
            "s3_endpoint_override": address,
        }))  # fmt: skip
        client = lab.connect(ClientCredentialsFlow(config, "admin", lab.sandbox.client_secret))
        assert [file.path for file in lab(client.datasets.files(made))] == ["metadata.json"]
    assert "datastoreRegistryItemsGeneratePresignedUrl" not in lab.asked


def test_the_address_of_the_store_is_read_from_a_link() -> None:
    """With the bucket in the path, behind a prefix or in the host; the host names the region where it does."""
    s3 = {"bucket_name": "datasets", "path": "datasets/10378-1-1/"}
    key = "datasets/10378-1-1/metadata.json"
    cases = (
        (f"http://127.0.0.1:5555/datasets/{key}?Signature=x", "http://127.0.0.1:5555", "datasets", "us-east-1"),
        (f"https://h.example.org/s3/datasets/{key}?x", "https://h.example.org/s3", "datasets", "us-east-1"),
        (f"https://datasets.s3.amazonaws.com/{key}", "https://datasets.s3.amazonaws.com", "", "us-east-1"),
        (
            f"https://datasets.s3.ap-southeast-2.amazonaws.com/{key}",
            "https://datasets.s3.ap-southeast-2.amazonaws.com",
            "",
            "ap-southeast-2",
        ),
    )
    for link, base, bucket, region in cases:
        with row(link):
            folder = folder_from_link(link, s3, "metadata.json")
            assert (folder.base, folder.bucket, folder.region) == (base, bucket, region)
            before = base.partition("//")[2].partition("/")[1:]
            assert folder.path_of("k") == "".join(before) + (f"/{bucket}/k" if bucket else "/k")
    with pytest.raises(ValueError, match="does not have the place"):
        folder_from_link("https://elsewhere.example.org/x", s3, "metadata.json")


def test_the_store_says_in_which_region_it_is(lab: Lab) -> None:
    """A refusal with the region is followed by the same request for that region, and by no other refusal."""
    made = dataset(lab)
    seen: list[str] = []
    answer = lab.sandbox.handle_with_faults

    def correct(request: Any) -> Any:
        outcome = answer(request)
        if not request.path.startswith("/s3/"):
            return outcome
        seen.append(request.header("authorization").split("/")[2])
        if seen[-1] == "ap-southeast-2":
            return outcome
        wrong = Response(400, (("x-amz-bucket-region", "ap-southeast-2"),), b"")
        return type(outcome)(wrong)

    lab.sandbox.handle_with_faults = correct  # type: ignore[method-assign]
    assert [file.path for file in lab(lab.api.datasets.files(made))] == ["metadata.json"]
    assert seen == ["us-east-1", "ap-southeast-2"]


def test_a_list_is_read_to_its_end(lab: Lab) -> None:
    """Page by page, with names that have to be quoted on the way."""
    made = dataset(lab)
    names = [f"{number:04} a+b&ä%2F<c>" for number in range(1005)]
    for name in names:
        put(lab, made, name, b"")
    assert [file.path for file in lab(lab.api.datasets.files(made, "0"))] == names[:1000]
    assert [file.path for file in lab(lab.api.datasets.files(made))] == [*names, "metadata.json"]


def test_nothing_of_the_keys_is_shown(lab: Lab, tmp_path: Path) -> None:
    """An error of the store names the request, and neither the signature nor the keys."""
    made = dataset(lab)
    answer = lab.sandbox.handle_with_faults

    def refuse(request: Any) -> Any:
        outcome = answer(request)
        token = request.header("x-amz-security-token") or ""
        body = f"<Error><Code>AccessDenied</Code><Message>{token}</Message></Error>".encode()
        return type(outcome)(Response(403, (), body)) if request.path.startswith("/s3/") else outcome

    lab.sandbox.handle_with_faults = refuse  # type: ignore[method-assign]
    with pytest.raises(PermissionDeniedError) as caught:
        lab(lab.api.datasets.files(made))
    assert "sandbox-token" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"


def test_a_file_that_changes_while_it_comes_is_not_mixed(lab: Lab, tmp_path: Path) -> None:
    """Every slice is asked for of the content that was listed."""
    made = dataset(lab)
    lab(lab.api.datasets.upload(made, tree(tmp_path / "source", big=SMALL * 3)))
    answer = lab.sandbox.handle_with_faults

    def change(request: Any) -> Any:
        if request.header("range") == f"bytes={SMALL}-{SMALL * 2 - 1}":
            put(lab, made, "big", b"x" * SMALL * 3)
        return answer(request)

    lab.sandbox.handle_with_faults = change  # type: ignore[method-assign]
    with pytest.raises(APIError) as caught:
        lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big", at_a_time=1))
    assert caught.value.status_code == 412
    assert "download it once more" in caught.value.__notes__[0]
    lab.sandbox.handle_with_faults = answer  # type: ignore[method-assign]
    lab(lab.api.datasets.download(made, tmp_path / "copy", paths="big"))
    assert (tmp_path / "copy" / "big").read_bytes() == b"x" * SMALL * 3


def test_a_slice_that_arrives_damaged_is_refused_by_the_store(lab: Lab, tmp_path: Path) -> None:
    """Its checksum is part of the signature; so a file that is written to meanwhile is not stored as a mixture."""
    made = dataset(lab)
    source = tree(tmp_path, a=10)
    answer = lab.sandbox.handle_with_faults

    def damage(request: Any) -> Any:
        return answer(replace(request, body=b"0123456780")) if request.method == "PUT" else answer(request)

    lab.sandbox.handle_with_faults = damage  # type: ignore[method-assign]
    with pytest.raises(APIError, match="XAmzContentSHA256Mismatch"):
        lab(lab.api.datasets.upload(made, source))
    assert [file.path for file in lab(lab.api.datasets.files(made))] == ["metadata.json"]


def test_folders_may_be_named_from_where_one_stands(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative one, and the one that one stands in, by its own name when there are several."""
    made = dataset(lab)
    tree(tmp_path / "run", a=1, sub__b=2)
    monkeypatch.chdir(tmp_path / "run")
    for source, paths in ((["sub"], ["sub/b"]), ("sub", ["b"]), ([Path()], ["run/a", "run/sub/b"])):
        with row(source):
            done = lab(lab.api.datasets.upload(made, source))
            assert [*done.sent, *done.unchanged] == paths


def test_objects_that_stand_for_folders_are_no_files(lab: Lab, tmp_path: Path) -> None:
    """Unless there is something in them."""
    made = dataset(lab)
    put(lab, made, "empty/", b"")
    put(lab, made, "full/", b"x")
    assert [file.path for file in lab(lab.api.datasets.files(made))] == ["full/", "metadata.json"]
    lab(lab.api.datasets.download(made, tmp_path))
    assert contents(tmp_path)["full"] == b"x"


def test_parts_of_older_contents_go_a_day_later(lab: Lab, tmp_path: Path) -> None:
    """What was left of a download that nobody went on with; younger ones and other files stay."""
    made = dataset(lab)
    put(lab, made, "a", b"x")
    names = [f".a.{'0' * 16}.part", f".a.{'0' * 16}.map", f".a.{'1' * 16}.part", ".a.txt.part"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
        if "1" not in name:
            os.utime(tmp_path / name, (1, 1))
    lab(lab.api.datasets.download(made, tmp_path, paths="a"))
    assert sorted(contents(tmp_path)) == [names[2], names[3], "a"]
