"""Derives the sync modules from their async sources, token by token, so that comments and layout stay."""

from __future__ import annotations

import io
import json
import re
import shutil
import tokenize
from pathlib import Path

from .apis import Twins
from .output import ruff, sealed
from .spec import SpecError

# Names that do not follow the rule "AsyncX is X".
NAMES = {
    "AsyncByteStream": "SyncByteStream",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "aiter": "iter",
    "aiter_bytes": "iter_bytes",
    "aiter_lines": "iter_lines",
    "aiter_raw": "iter_raw",
    "aiter_text": "iter_text",
    "anext": "next",
    "aread": "read",
    "asend": "send",
    "async_auth_flow": "sync_auth_flow",
    "asynccontextmanager": "contextmanager",
    "asyncio_detailed": "sync_detailed",
    "get_async_httpx_client": "get_httpx_client",
    "handle_async_request": "handle_request",
}

# Another comment may follow the marker.
_MARKER = re.compile(r"# (?:async-only|sync: *(?P<code>.*?))\s*(?:# (?:fmt|noqa|type)\b.*)?")
_HEADER = re.compile(r"# Derived from \S+ by scripts/regenerate; edit that file\. \(digest \w+\)")
_WORD = re.compile(r"\b[A-Za-z_]\w*\b")
# In a text, `await` before a call or an attribute is code, before anything else it is English.
_AWAIT = re.compile(r"\bawait\s+(?=\w+(?:\.\w|\()|\()")
_ASYNC = re.compile(r"\basync\s+(?=(?:def|with|for)\b)")
_ARTICLE = re.compile(r"\b([Aa])n (`?)Async(?=[B-DF-HJ-NP-TV-Z])")
_WRAPPED = re.compile(r"\b(?:Awaitable\[|Coroutine\[\s*Any\s*,\s*Any\s*,\s*)((?:[^\[\]]|\[[^\[\]]*\])*)\]")

_Position = tuple[int, int]
_Edit = tuple[_Position, _Position, str]


class SourceError(SpecError):
    """An async source cannot be derived; the text says why."""


def derive(source: str, twins: list[Twins]) -> str:
    """The sync twin of a module, before it is formatted. `twins` tells which packages have others in their place.

    A line that ends in `# async-only` is left out; one that ends in `# sync: code` has that code in its place. At the
    end of a statement of several lines either comment stands for the whole statement.
    """
    tokens = _tokens(source)
    marked = _marked(tokens)
    edits = list(marked)
    for index, token in enumerate(tokens):
        if any(start <= token.start < end for start, end, _ in marked):
            continue
        edits += _edits_of(tokens, index, twins)
    return _apply(source, edits)


def derive_all(root: Path, target: Path, twins: list[Twins]) -> None:
    """Writes the twin of every async source below `root`, packages included, to its place below `target`."""
    written = {}
    for one in twins:
        for path in sorted((root / one.source).rglob("*.py")):
            within = path.relative_to(root / one.source).as_posix()
            if within in one.by_hand:
                continue
            name = f"{one.source}/{within}"
            try:
                code = derive(path.read_text(encoding="utf-8"), twins)
                compile(code, name, "exec")
            except (SyntaxError, tokenize.TokenError) as error:
                raise SourceError(f"{name}: its sync twin would not be valid Python: {error}") from error
            twin = target / one.target / within
            twin.parent.mkdir(parents=True, exist_ok=True)
            twin.write_text(code, encoding="utf-8")
            written[twin] = name
    if not written:
        return
    shutil.copy(root / "pyproject.toml", target / "pyproject.toml")
    packages = sorted({Path(one.target).parts[0] for one in twins})
    # The rest of these packages is not there to be recognised as ours.
    ours = f"lint.isort.known-first-party = {json.dumps(packages)}"
    for package in packages:
        if (target / package).is_dir():
            ruff(target / package, "check", "--select", "F401,I,RUF022", "--fix-only", "--config", ours)
            ruff(target / package, "format")
    for twin, name in written.items():
        header = f"# Derived from {name} by scripts/regenerate; edit that file."
        twin.write_text(sealed(header, twin.read_text(encoding="utf-8")), encoding="utf-8")


def derived_files(root: Path, twins: list[Twins]) -> list[Path]:
    """The files below root that say in their first line that they are derived."""
    files = {path for one in twins for path in (root / one.target).rglob("*.py")}
    return sorted(path for path in files if is_derived(path))


def is_derived(path: Path) -> bool:
    """Whether the first line of the file says so."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return _HEADER.match(file.readline()) is not None


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    """The tokens without indentation, and with an f-string as one token, as it is before Python 3.12."""
    lines = source.splitlines(keepends=True)
    tokens: list[tokenize.TokenInfo] = []
    opened: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "FSTRING_START":
            opened.append(token)
        elif kind == "FSTRING_END":
            first = opened.pop()
            if not opened:
                parts = lines[first.start[0] - 1 : token.end[0]]
                parts[-1] = parts[-1][: token.end[1]]
                parts[0] = parts[0][first.start[1] :]
                tokens.append(tokenize.TokenInfo(tokenize.STRING, "".join(parts), first.start, token.end, first.line))
        elif not opened and token.type not in (tokenize.INDENT, tokenize.DEDENT):
            tokens.append(token)
    return tokens


def _marked(tokens: list[tokenize.TokenInfo]) -> list[_Edit]:
    """The edits that the comments `# async-only` and `# sync:` ask for."""
    edits = []
    statement: _Position | None = None
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if statement is None and token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE):
            statement = token.start
        marker = _MARKER.fullmatch(token.string)
        if token.type == tokenize.COMMENT and marker:
            line, column = token.start[0], len(token.line) - len(token.line.lstrip())
            if following.type == tokenize.NEWLINE and statement is not None:
                line, column = statement
            if marker["code"] is None:
                edits.append(((line, 0), (token.end[0] + 1, 0), ""))
            else:
                edits.append(((line, column), token.end, marker["code"]))
        if token.type == tokenize.NEWLINE:
            statement = None
    return edits


def _edits_of(tokens: list[tokenize.TokenInfo], index: int, twins: list[Twins]) -> list[_Edit]:
    token = tokens[index]
    if token.type != tokenize.NAME:
        quotes_code = token.type in (tokenize.COMMENT, tokenize.STRING)
        return [(token.start, token.end, _derive_text(token.string, twins))] if quotes_code else []
    following = tokens[index + 1]
    if token.string == "await" or (token.string == "async" and following.string in ("def", "with", "for")):
        return [(token.start, following.start, "")]
    if token.string in ("Awaitable", "Coroutine") and following.string == "[":
        start, end = _last_argument(tokens, index + 1)
        return [(token.start, start, ""), (end, (end[0], end[1] + 1), "")]
    for source, target, _ in twins:
        dotted = source.replace("/", " . ").split(" ")
        if [other.string for other in tokens[max(index + 1 - len(dotted), 0) : index + 1]] == dotted:
            if target == source.rpartition("/")[0]:
                return [(tokens[index - 1].start, token.end, "")]
            return [(token.start, token.end, target.rpartition("/")[2])]
    if token.string == "asyncio" and index and tokens[index - 1].string == ".":
        return [(token.start, token.end, "sync")]
    name = _derive_name(token.string)
    return [] if name == token.string else [(token.start, token.end, name)]


def _last_argument(tokens: list[tokenize.TokenInfo], opening: int) -> tuple[_Position, _Position]:
    """Where the last argument between the bracket at `opening` and its partner begins, and where the partner is."""
    depth = 0
    start = tokens[opening + 1].start
    for index in range(opening, len(tokens)):
        text = tokens[index].string
        if text in ("[", "(", "{"):
            depth += 1
        elif text in ("]", ")", "}"):
            depth -= 1
            if depth == 0:
                return start, tokens[index].start
        elif text == "," and depth == 1 and tokens[index + 1].string != "]":
            start = tokens[index + 1].start
    raise SourceError("an unclosed bracket")


def _derive_name(name: str) -> str:
    if name in NAMES:
        return NAMES[name]
    return re.sub(r"^(_*)Async(?=[A-Z])", r"\1", name)


def _derive_text(text: str, twins: list[Twins]) -> str:
    """The same replacements where code is quoted: in comments, docstrings and annotations given as text."""
    for source, target, _ in twins:
        for separator in "./":
            quoted = re.escape(source.replace("/", separator))
            text = re.sub(rf"\b{quoted}\b", target.replace("/", separator), text)
    text = _ASYNC.sub("", _AWAIT.sub("", _ARTICLE.sub(r"\1 \2Async", text)))
    text = re.sub(r"(?<=[\w`]\.)asyncio(?=\()", "sync", text)
    text = _WRAPPED.sub(r"\1", text)
    return _WORD.sub(lambda match: _derive_name(match.group()), text)


def _apply(source: str, edits: list[_Edit]) -> str:
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(position: _Position) -> int:
        return min(starts[min(position[0] - 1, len(lines))] + position[1], len(source))

    result = []
    done = 0
    for start, end, text in sorted(edits, key=lambda edit: (offset(edit[0]), offset(edit[1]))):
        result += [source[done : offset(start)], text]
        done = offset(end)
    return "".join(result) + source[done:]
