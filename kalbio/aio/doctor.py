"""Runs the doctor on a client: asks for everything that can be read, and reports where the answers differ."""

from __future__ import annotations

from collections.abc import Callable

from kalbio._core import constants
from kalbio._core.aio.examiner import AsyncExaminer
from kalbio._core.aio.session import AsyncSession
from kalbio._core.auth.tokens import Tokens
from kalbio._core.diagnosis.exchanges import Call
from kalbio._core.diagnosis.report import Report
from kalbio.diagnosis.doctor import KALEIDOSCOPE

Progress = Callable[[str], object]


class AsyncDoctor:
    """Finds where the server and the API description differ. It is `client.doctor`, and is called.

    Args:
        session: that of the client.
        own: the address of the platform itself.
        tokens: the credentials, for a login that is held against the description too.
    """

    def __init__(self, session: AsyncSession, own: str, tokens: Tokens) -> None:
        self._session = session
        self._own = own
        self._tokens = tokens

    async def __call__(
        self,
        *,
        writes: bool = False,
        max_requests: int = constants.DOCTOR_REQUESTS,
        progress: Progress | None = None,
    ) -> Report:
        """Hold the answers of the server against the API description, and report where they differ.

        Everything that can be read is asked for, one request after the other. The report holds shapes and no data:
        it can be given away.

        Args:
            writes: also write a little of everything into a program of its own, which nothing can delete afterwards.
            max_requests: how many requests to make at most.
            progress: gets a line about each call, and on a connection that failed, which names its address.

        Returns:
            The report. It prints as tables, and has `findings`, `points`, `operations`, `setup`, `to_json`, `to_html`.

        Raises:
            ModuleNotFoundError: the extra `doctor` is not installed.
            ValueError: `max_requests` makes no sense; nothing was sent.

        Example:
            >>> report = await client.doctor()
            >>> print(report.summary())
        """
        examiner = AsyncExaminer(self._session, KALEIDOSCOPE, max_requests, progress)
        from kaleidoscope_api.api.auth import create_token
        from kaleidoscope_api.models import CreateTokenBody

        login = create_token.build_request(body=CreateTokenBody.from_dict(dict(self._tokens.login_grant())))
        return await examiner.examine(Call("createToken"), {**login, "extensions": {}}, own=self._own, writes=writes)
