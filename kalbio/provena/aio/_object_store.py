"""Requests to the object store that has the files of datasets: signed anew for each try, with keys that are renewed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kalbio._core.aio.concurrency import Lock
from kalbio._core.errors import ConnectionFailedError, ErrorBody
from kalbio._core.http.aws_signature import EMPTY, Keys, query_text, quoted, signed_headers
from kalbio._core.http.httpx_names import URL, AsyncByteStream, Auth, HTTPError, Request, Response
from kalbio._core.platform import Platform
from kalbio._core.text.log_redaction import RedactedHeaders
from kalbio._version import __version__
from kalbio.provena._model.credentials import Credentials
from kalbio.provena._model.dataset_files import StoreFolder, in_region, pieces

if TYPE_CHECKING:
    from kalbio._core.aio.client_per_loop import AsyncClientPerLoop

_MARGIN = timedelta(minutes=10)
_KEPT = 64
"""How many secrets are kept to be hidden: those of all datasets that files travel of, and what they were before."""
_CODE = re.compile(rb"<Code>\s*(\w+)\s*</Code>")
_OF_KEYS = frozenset({b"ExpiredToken", b"InvalidToken", b"InvalidAccessKeyId", b"TokenRefreshRequired"})
_CLOCK = frozenset({b"RequestTimeTooSkewed", b"RequestExpired"})
_DATE = "%a, %d %b %Y %H:%M:%S GMT"

_KEYS, _DIGEST, _FOLDER = "object_keys", "object_digest", "object_folder"


def _meaning(status: int, body: bytes) -> int:
    return status


def _read_error(body: Any) -> ErrorBody:
    return ErrorBody()


STORE = Platform(
    name="kalbio.provena.files",
    version=__version__,
    base_url="https://files.invalid",  # every dataset says where its files are
    operations=dict,
    token_request=lambda grant: {},
    read_error=_read_error,
    meaning=_meaning,
)


class KeyRing:
    """The keys for the files of one dataset, renewed before they end; any number of calls share one renewal."""

    def __init__(self, fetch: Callable[[], Awaitable[Credentials]]) -> None:
        self._fetch = fetch
        self._lock = Lock()
        self._keys: Keys | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        self.renewals = 0

    def secrets(self) -> tuple[str, ...]:
        """Return what must not be shown to anyone."""
        return () if self._keys is None else (self._keys.secret, self._keys.token)

    async def current(self, refused: Keys | None = None) -> Keys:
        """Return keys that are good, others than those that were refused."""
        if self._keys is not None and self._keys is not refused and datetime.now(UTC) < self._renew_at:
            return self._keys
        async with self._lock:
            if self._keys is None or self._keys is refused or datetime.now(UTC) >= self._renew_at:
                got = await self._fetch()
                now = datetime.now(UTC)
                # Short-lived ones are used for most of their life.
                self._renew_at = now + max((got.expiry - now) * 0.8, (got.expiry - now) - _MARGIN)
                self._keys = Keys(got.aws_access_key_id, got.aws_secret_access_key, got.aws_session_token)
                self.renewals += 1
            return self._keys


class AsyncSigning(Auth):
    """Signs requests for the object store; those without keys go out as they are."""

    failures = 0

    def __init__(self) -> None:
        self._secrets: deque[str] = deque(maxlen=_KEPT)
        self._skew = timedelta()

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown to anyone."""
        return tuple(self._secrets)

    def end(self) -> None:
        """There is no login to give up."""

    async def async_auth_flow(
        self, request: Request
    ) -> AsyncGenerator[
        Request, Response
    ]:  # sync: def sync_auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Yield the request with its signature; once more with other keys, in another region, or at another time."""
        ring: KeyRing | None = request.extensions.get(_KEYS)
        if ring is None:
            yield request
            return
        folder: StoreFolder = request.extensions[_FOLDER]
        keys = await ring.current()
        for last in (False, False, True):
            self._sign(request, keys, folder.region)
            self._secrets.extend(one for one in ring.secrets() if one not in self._secrets)
            response = yield request
            if last or response.status_code < 300:
                return
            region = response.headers.get("x-amz-bucket-region")
            if region and region != folder.region:
                folder.region = region
                moved = in_region(folder.base, region)
                if moved != folder.base:
                    request.url = URL(str(request.url).replace(folder.base, moved, 1))
                    folder.base = moved
                continue
            if response.status_code not in (400, 403):
                return
            code = _CODE.search(await response.aread())
            if code is None:
                return
            if code[1] in _OF_KEYS:
                keys = await ring.current(keys)
            elif code[1] in _CLOCK and (told := _read_date(response)) is not None:
                self._skew = told - datetime.now(UTC)
            else:
                return

    def _sign(self, request: Request, keys: Keys, region: str) -> None:
        path = request.url.path
        query = dict(request.url.params.multi_items())
        given: Mapping[str, str] = request.extensions["object_headers"]
        host = request.url.netloc.decode("ascii")
        now = datetime.now(UTC) + self._skew
        signed = signed_headers(
            keys, region, request.method, host, path, query, given, request.extensions[_DIGEST], now
        )
        if not isinstance(request.headers, RedactedHeaders):
            request.headers = RedactedHeaders(request.headers)
        request.headers["Host"] = host
        for name, value in signed.items():
            request.headers[name] = value


def _read_date(response: Response) -> datetime | None:
    try:
        return datetime.strptime(response.headers.get("date", ""), _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None


class Slice(AsyncByteStream):
    """Part of a file as the body of a request, read while it is sent, and from its beginning for each try."""

    def __init__(self, file: Path, begin: int, length: int, tell: Callable[[int], object]) -> None:
        self._file = file
        self._begin = begin
        self._length = length
        self._tell = tell
        self._told = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        done = 0
        with self._file.open("rb", buffering=0) as opened:
            for piece in pieces(opened, self._begin, self._length):
                yield piece
                done += len(piece)
                if done > self._told:
                    self._tell(done - self._told)
                    self._told = done


class AsyncObjectStore:
    """The files of one dataset, as the object store has them."""

    def __init__(self, http_clients: AsyncClientPerLoop, folder: StoreFolder, ring: KeyRing | None) -> None:
        self._http_clients = http_clients
        self.folder = folder
        self._ring = ring

    async def call(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Slice = b"",
        digest: str = EMPTY,
        idempotent: bool = True,
        stream: bool = False,
    ) -> Response:
        """Send a request for an object, or about the bucket."""
        http = self._http_clients.current()
        text = query_text(query or {})
        base = self.folder.base
        url = f"{base.partition('//')[0]}//{base.partition('//')[2].partition('/')[0]}"
        url += quoted(self.folder.path_of(key)) + (f"?{text}" if text else "")
        given = dict(headers or {})
        sent = {**given, "Accept-Encoding": "identity"}
        request = http.build_request(method, url, headers=sent, content=body)
        if not isinstance(body, bytes):
            request.stream = body  # the library takes what is iterated for something that can be read only once
            request.extensions["replayable"] = True
            given.pop("content-length")  # nothing on the way may change it, and not every store signs it
        request.extensions.update(
            idempotent=idempotent, object_headers=given, **{_DIGEST: digest, _FOLDER: self.folder, _KEYS: self._ring}
        )
        return await http.send(request, stream=stream)


async def body_of(response: Response) -> AsyncIterator[bytes]:
    """Yield the body of a streamed answer as it travelled. Raises ConnectionFailedError when it breaks off."""
    stated = response.headers.get("content-length")
    size = 0
    try:
        if response.is_stream_consumed:  # a transport in this process gives it whole
            size = len(response.content)
            yield response.content
        else:
            async for piece in response.aiter_raw():
                size += len(piece)
                yield piece
        if stated is not None and stated != str(size):
            raise ConnectionFailedError.of(response.request, f"{size} of {stated} bytes arrived")
    except HTTPError as error:
        raise ConnectionFailedError.of(response.request, str(error) or type(error).__name__) from None
    finally:
        await response.aclose()
