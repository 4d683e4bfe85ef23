"""The content type of a file, as its name tells it: from a fixed table, so that it is the same on every machine."""

from __future__ import annotations

OCTET_STREAM = "application/octet-stream"

# What is packed is labelled as packed, whatever is in it. Endings that mean several things (`rdf`, `spc`) are left out;
# where one type is true of all of them (`vcf`: variants or addresses), that one is given.
_BY_ENDING = {
    ending: kind
    for kind, endings in {
        # packed
        "application/gzip": "gz tgz taz",
        "application/x-bzip2": "bz2 tbz tbz2",
        "application/x-xz": "xz txz",
        "application/zstd": "zst tzst",
        "application/x-compress": "z",
        "application/x-7z-compressed": "7z",
        "application/vnd.rar": "rar",
        "application/zip": "zip",
        "application/x-tar": "tar",
        # text and tables
        "text/csv": "csv",
        "text/tab-separated-values": "tsv",
        "text/plain": "txt text log asc fasta fa fna faa fastq fq gb gbk gbff embl bed gff gff3 gtf vcf sam aln",
        "text/markdown": "md markdown",
        "text/html": "html htm",
        "application/xml": "xml mzml mzxml mzdata sbml",
        "application/json": "json",
        "application/jsonl": "jsonl ndjson",
        "application/yaml": "yaml yml",
        "application/vnd.apache.parquet": "parquet",
        "application/vnd.apache.arrow.file": "feather arrow",
        "application/x-ipynb+json": "ipynb",
        # chemistry
        "chemical/x-mdl-sdfile": "sdf sd",
        "chemical/x-mdl-molfile": "mol",
        "chemical/x-mdl-rxnfile": "rxn",
        "chemical/x-mol2": "mol2",
        "chemical/x-daylight-smiles": "smi smiles",
        "chemical/x-inchi": "inchi",
        "chemical/x-cdx": "cdx",
        "chemical/x-cml": "cml",
        "chemical/x-xyz": "xyz",
        "chemical/x-jcamp-dx": "jdx dx jcamp",
        # structures, instruments, images of samples
        "chemical/x-pdb": "pdb ent",
        "chemical/x-cif": "cif",
        "chemical/x-mmcif": "mmcif mcif",
        "application/vnd.isac.fcs": "fcs",
        "application/x-hdf5": "h5 hdf5 h5ad",
        "application/x-netcdf": "nc cdf",
        "application/dicom": "dcm",
        # documents
        "application/pdf": "pdf",
        "application/rtf": "rtf",
        "application/msword": "doc",
        "application/vnd.ms-excel": "xls",
        "application/vnd.ms-powerpoint": "ppt",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
        "application/vnd.ms-excel.sheet.macroEnabled.12": "xlsm",
        "application/vnd.ms-excel.sheet.binary.macroEnabled.12": "xlsb",
        "application/vnd.oasis.opendocument.text": "odt",
        "application/vnd.oasis.opendocument.spreadsheet": "ods",
        "application/vnd.oasis.opendocument.presentation": "odp",
        "application/postscript": "ps eps",
        # pictures, sound and films
        "image/png": "png",
        "image/jpeg": "jpg jpeg",
        "image/gif": "gif",
        "image/bmp": "bmp",
        "image/tiff": "tif tiff",
        "image/svg+xml": "svg",
        "image/webp": "webp",
        "audio/mpeg": "mp3",
        "audio/x-wav": "wav",
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/x-msvideo": "avi",
        "video/webm": "webm",
    }.items()
    for ending in endings.split()
}


def content_type_of(name: str) -> str:
    """Return the content type that follows from the last ending of a name; `OCTET_STREAM` when none does."""
    _, dot, ending = name.rpartition(".")
    return _BY_ENDING.get(ending.lower(), OCTET_STREAM) if dot else OCTET_STREAM
