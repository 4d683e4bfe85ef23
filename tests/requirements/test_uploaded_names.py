"""R139: content types follow from names, and names come back as they were given."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

import pytest

from kalbio._core.content_types import content_type_of
from tests.conftest import Lab, World

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


@pytest.mark.parametrize("name", TYPES)
def test_r139_types_follow_from_names(name: str) -> None:
    """Packed files are packed, a list of SMILES is no film, and a name that tells nothing is bytes."""
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
