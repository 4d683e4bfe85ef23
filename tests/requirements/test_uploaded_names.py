"""R139: content types follow from names, and names come back as they were given."""

from __future__ import annotations

import io
import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from kaleidoscope_api.api.files import download_file
from kaleidoscope_api.api.records import upload_record_value_file
from kaleidoscope_api.models import RecordValueFileTarget, UploadRecordValueFileBody
from kaleidoscope_api.types import File

from kalbio._core.http.content_types import content_type_of
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from tests.conftest import Lab, World
from tests.rows import row

TYPES = {
    "plate.csv": "text/csv",
    "PLATE.CSV": "text/csv",
    "plate.csv.gz": "application/gzip",
    "lib.sdf.gz": "application/gzip",
    "data.tar.gz": "application/gzip",
    "data.tgz": "application/gzip",
    "reads.fastq.bz2": "application/x-bzip2",
    "data.tar.xz": "application/x-xz",
    "data.tar.zst": "application/zstd",
    "data.tar": "application/x-tar",
    "data.csv.zip": "application/zip",
    "lib.smi": "chemical/x-daylight-smiles",
    "lib.sdf": "chemical/x-mdl-sdfile",
    "a.mol": "chemical/x-mdl-molfile",
    "a.mol2": "chemical/x-mol2",
    "a.rxn": "chemical/x-mdl-rxnfile",
    "1abc.pdb": "chemical/x-pdb",
    "1abc.cif": "chemical/x-cif",
    "plate.tsv": "text/tab-separated-values",
    "plate.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "plate.xls": "application/vnd.ms-excel",
    "notes.txt": "text/plain",
    "seq.fasta": "text/plain",
    "variants.vcf": "text/plain",
    "a.json": "application/json",
    "a.xml": "application/xml",
    "report.pdf": "application/pdf",
    "gel.png": "image/png",
    "gel.tif": "image/tiff",
    "gel.JPeG": "image/jpeg",
    "cells.fcs": "application/vnd.isac.fcs",
    "a.unheard-of": "application/octet-stream",
    "no ending": "application/octet-stream",
    "csv": "application/octet-stream",
    "a.csv.": "application/octet-stream",
    "data:text/html,x": "application/octet-stream",
    "2026.01.02": "application/octet-stream",
    "": "application/octet-stream",
}


def test_r139_types_follow_from_names() -> None:
    """Packed files are packed, a list of SMILES is no film, and a name that tells nothing is bytes."""
    for name in TYPES:
        with row(name):
            assert content_type_of(name) == TYPES[name]


def test_r139_the_type_is_the_same_on_every_machine(
    lab: Lab, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system or another program has registered for an ending changes nothing; a type that is given counts."""
    monkeypatch.setattr(mimetypes, "_db", mimetypes.MimeTypes())
    for ending in (".csv", ".smi", ".unheard-of"):
        mimetypes.add_type("application/x-of-this-machine", ending)
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    (tmp_path / "x.csv").write_bytes(b"a,b\n")
    uploads: dict[str, tuple[Any, ...]] = {
        "text/csv": (tmp_path / "x.csv",),
        "chemical/x-daylight-smiles": ("x.smi", b"CCO"),
        "application/gzip": ("x.csv.gz", b"\x1f\x8b"),
        "application/octet-stream": ("x.unheard-of", b"1"),
        "text/x-mine": ("x.csv", b"a,b\n", "text/x-mine"),
    }
    for kind, arguments in uploads.items():
        value = world(record.update_field_file("Spectrum", *arguments))
        assert value.content["file_type"] == kind
        assert b"\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" in lab.exchanges[-1].body


NAMES = [
    "plain.csv",
    "Ergebnisse äöü 結果 😀.csv",
    'the "good" plate.csv',
    '"',
    "it's.csv",
    "a;b=c.csv",
    'x"; filename="y.csv',
    "line\nbreak.csv",
    "line\r\nX-Evil: 1.csv",
    "tab\tnul\x00bell\x07del\x7f.csv",
    "100 %.csv",
    "of%20a%22url%0A.csv",
    "C:\\lab\\x.csv",
    "\\\\host\\share\\x.csv",
    "ends with \\",
    'both \\" and \\\\".csv',
    " spaces .csv ",
    "u\u2028v\x85w.csv",
]
"""Names as users have them."""


def offered(header: str) -> str:
    """The name that a Content-Disposition offers a file under, as a browser reads it."""
    extended = re.search(r"filename\*=UTF-8''([!-~]+)$", header)
    plain = re.match(r'attachment; filename="([ -~]*?)"', header)
    assert plain
    return unquote(extended[1]) if extended else plain[1]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A sandbox on a port."""
    with Sandbox() as sandbox, serve(sandbox, port=0) as running:
        yield running.url


@pytest.mark.parametrize("how", ["in process", "over HTTP"])
@pytest.mark.parametrize("name", NAMES)
def test_r139_names_come_back_as_they_were_given(lab: Lab, world: World, server: str, how: str, name: str) -> None:
    """Quotes, line ends, backslashes, percent signs and every script: the name is the same in the end, both ways."""
    api = lab.api if how == "in process" else world.connect(url=server)
    record = world(api.records.get_or_create_record({"Compound": "SBX-1"}))

    content = world(record.update_field_file("Spectrum", name, b"1,2\n")).content

    assert content["file_name"] == name
    answer = world(api.call(download_file.build_request(content["file_id"])))
    assert (answer.content, offered(answer.headers["content-disposition"])) == (b"1,2\n", name)


def test_r139_raw_calls_send_names_and_types_alike(lab: Lab, world: World) -> None:
    """An upload through the generated operations has the same names, and the type that follows from them."""
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1"}))
    field = world(lab.api.entity_fields.get_data_field_by_id("Spectrum"))
    for name in NAMES:
        body = UploadRecordValueFileBody(RecordValueFileTarget(field.id), File(io.BytesIO(b"1"), name))
        request = upload_record_value_file.build_request(record.id, body=body)
        content = world(lab.api.call(request)).json()["resource"]["content"]
        assert (content["file_name"], content["file_type"]) == (name, content_type_of(name))


def test_r139_an_ordinary_name_is_sent_as_every_server_reads_it(lab: Lab, world: World) -> None:
    """The extended form of a name is used only where quotes cannot hold the name."""
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1"}))
    for name, sent in {
        "ü.csv": 'filename="ü.csv"\r\n',
        'a"b\\c.csv': 'filename="a\\"b\\\\c.csv"\r\n',
        "a\nb.csv": "filename=\"a%0Ab.csv\"; filename*=UTF-8''a%0Ab.csv\r\n",
    }.items():
        world(record.update_field_file("Spectrum", name, b"1"))
        assert f'name="file"; {sent}Content-Type: text/csv\r\n\r\n1\r\n'.encode() in lab.exchanges[-1].body
