"""Columns as Arrow arrays, from buffers of our own: what `nanoarrow` of the extra `tables` makes a stream of."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, chain
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._extras import require_tables

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LONGEST = 2**31 - 1


def stream(names: Sequence[str], kinds: Sequence[str], columns: Sequence[Sequence[Any]], length: int) -> Any:
    """Return columns of these Arrow types as an Arrow stream of one batch."""
    require_tables()
    import nanoarrow
    from nanoarrow.c_array_stream import CArrayStream

    arrays = [_array(kind, column) for kind, column in zip(kinds, columns, strict=True)]
    schema = _whole_schema(names, kinds)
    batch = nanoarrow.c_array_from_buffers(schema, length, [None], null_count=0, children=arrays)
    return CArrayStream.from_c_arrays([batch], schema)


def schema_capsule(names: Sequence[str], kinds: Sequence[str]) -> Any:
    """Return the schema of such a stream, as a capsule."""
    require_tables()
    return _whole_schema(names, kinds).__arrow_c_schema__()


def _whole_schema(names: Sequence[str], kinds: Sequence[str]) -> Any:
    import nanoarrow

    members = {name: _schema(kind) for name, kind in zip(names, kinds, strict=True)}
    return nanoarrow.c_schema(nanoarrow.struct(members, nullable=False))


def _schema(kind: str) -> Any:
    import nanoarrow

    return {
        "string": nanoarrow.string(),
        "double": nanoarrow.float64(),
        "int64": nanoarrow.int64(),
        "bool": nanoarrow.bool_(),
        "date32": nanoarrow.date32(),
        "timestamp[us, UTC]": nanoarrow.timestamp("us", "UTC"),
        "list<string>": nanoarrow.list_(nanoarrow.string()),
    }[kind]


def _array(kind: str, column: Sequence[Any]) -> Any:
    import nanoarrow

    missing = column.count(None)
    validity = _bits([value is not None for value in column]) if missing else None
    buffers: list[Any]
    children: list[Any] = []
    if kind == "string":
        buffers = _text_buffers(column)
    elif kind == "list<string>":
        offsets = _offsets([0 if value is None else len(value) for value in column])
        items = list(chain.from_iterable(filter(None, column)))
        buffers, children = [offsets], [_array("string", items)]
    elif kind == "bool":
        buffers = [_bits([value is True for value in column])]
    elif kind == "double":
        buffers = [array("d", [0.0 if value is None else value for value in column])]
    elif kind == "int64":
        buffers = [array("q", [0 if value is None else value for value in column])]
    elif kind == "date32":
        buffers = [array("i", [0 if value is None else value.toordinal() - _EPOCH_DAY for value in column])]
    else:
        buffers = [array("q", [0 if value is None else microseconds(value) for value in column])]
    return nanoarrow.c_array_from_buffers(
        _schema(kind), len(column), [validity, *buffers], null_count=missing, children=children
    )


def microseconds(moment: datetime) -> int:
    """Return the microseconds of an instant since 1970, in UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _text_buffers(column: Sequence[Any]) -> list[Any]:
    texts = ["" if value is None else value for value in column]
    data = "".join(texts)
    if data.isascii():
        return [_offsets(list(map(len, texts))), data.encode("ascii")]
    encoded = [text.encode() for text in texts]
    return [_offsets(list(map(len, encoded))), b"".join(encoded)]


def _offsets(lengths: Sequence[int]) -> Any:
    if sum(lengths) > _LONGEST:
        raise ArgumentError("A column of more than 2 GB does not fit into one Arrow array; read it with iter_batches()")
    return array("i", accumulate(lengths, initial=0))


def _bits(flags: Sequence[bool]) -> bytes:
    text = "".join(["1" if flag else "0" for flag in reversed(flags)])
    return int(text or "0", 2).to_bytes((len(flags) + 7) // 8, "little")
