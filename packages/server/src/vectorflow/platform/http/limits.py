"""The flood limit in front of everything: a token bucket per client address."""

import math

import msgspec

from vectorflow.platform.http.asgi import ASGIApp, Receive, Scope, Send, answer
from vectorflow.platform.http.context import request_context
from vectorflow.platform.http.problems import MEDIA_TYPE, problem_of
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.rate_limit import RateLimitedError, TokenBuckets


class AddressLimitMiddleware:
    """Answers 429 for addresses that ask faster than their bucket fills; only paths under `prefix` count."""

    def __init__(
        self, app: ASGIApp, *, buckets: TokenBuckets, metrics: Metrics, prefix: str = "/api/"
    ) -> None:
        self._app = app
        self._buckets = buckets
        self._metrics = metrics
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            context = request_context(scope)
            seconds = self._buckets.wait(context.address)
            if seconds > 0:
                self._metrics.rate_limited.labels("address").inc()
                problem = problem_of(RateLimitedError.after(seconds), context.id)
                retry = (b"retry-after", str(max(1, math.ceil(seconds))).encode())
                await answer(send, 429, MEDIA_TYPE, msgspec.json.encode(problem), retry)
                return
        await self._app(scope, receive, send)
