"""What the gateway answers polls from: versions of bundles in memory, bundles and files in bounded caches.

Versions are kept right in two ways: the bus tells of each new bundle, and every ten seconds one statement
compares all of them. A poll that is up to date costs no statement.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from vectorflow.fleet.errors import BundlePending, FileNotNamed
from vectorflow.fleet.gathering import GATHER_SECONDS, Gathering, News
from vectorflow.fleet.store import bundles as store
from vectorflow.fleet.types import NodeAuthority
from vectorflow.keys.signing import SigningService
from vectorflow.platform.database import Database
from vectorflow_wire.bundles import desired_answer, etag_of

REFRESH_SECONDS = 10.0
LIFETIME_SECONDS = 30.0
_REFRESH_CHUNK = 5000

K = TypeVar("K")


class BytesCache(Generic[K]):
    """Bytes by key, least recently used out first, bounded by their sum."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._entries: OrderedDict[K, bytes] = OrderedDict()

    def get(self, key: K) -> bytes | None:
        """Return the bytes, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: bytes) -> None:
        """Keep the bytes; what alone is over the limit is not kept."""
        self.drop(key)
        if len(value) > self._limit:
            return
        self._entries[key] = value
        self._size += len(value)
        while self._size > self._limit:
            _, gone = self._entries.popitem(last=False)
            self._size -= len(gone)

    def drop(self, key: K) -> None:
        """Forget the bytes of a key."""
        gone = self._entries.pop(key, None)
        if gone is not None:
            self._size -= len(gone)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._size = 0


class Served(msgspec.Struct, frozen=True):
    """What `GET /agent/v1/desired` answers."""

    etag: str
    body: bytes


class _Version(msgspec.Struct):
    """Which bundle a node has; `hashes` once its content was read, `fresh_until` 0 when the bus told of a newer one."""

    generation: int
    issue: int
    hashes: list[str] | None
    fresh_until: float

    @property
    def etag(self) -> str:
        return etag_of(self.generation, self.issue)


class DesiredBook:
    """Bundles as nodes fetch them."""

    def __init__(
        self,
        database: Database,
        signing: SigningService,
        *,
        max_nodes: int = 50_000,
        cache_bytes: int = 64 * 2**20,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._signing = signing
        self._max_nodes = max_nodes
        self._monotonic = monotonic
        self._versions: OrderedDict[UUID, _Version] = OrderedDict()
        self._bodies: BytesCache[UUID] = BytesCache(cache_bytes)
        self._files: BytesCache[tuple[UUID, str]] = BytesCache(cache_bytes)
        self._waiting: dict[UUID, tuple[set[UUID], asyncio.Future[None]]] = {}
        self._reading: dict[UUID, asyncio.Future[None]] = {}
        self._loaders: set[asyncio.Task[None]] = set()
        self._news = News()
        self._asked: Gathering[UUID, store.BundleVersion] = Gathering(self._read_versions)

    def current(self, node_id: UUID) -> tuple[int, int]:
        """Return (generation, issue) as far as known without a statement; (0, 0) when not."""
        version = self._versions.get(node_id)
        return (version.generation, version.issue) if version else (0, 0)

    def unchanged(self, node_id: UUID, if_none_match: str | None) -> str | None:
        """Return the entity tag when it is what the node has already, from memory alone."""
        version = self._versions.get(node_id)
        if version is None or if_none_match is None or version.fresh_until < self._monotonic():
            return None
        return version.etag if if_none_match == version.etag else None

    async def confirmed(self, node_id: UUID, if_none_match: str | None) -> str | None:
        """Return the entity tag when it is what the node has already; asks for the version alone where none is held.

        After a start every agent asks at once, nearly all of them about what they have: no content is read for those.
        """
        if if_none_match is None or node_id in self._versions:
            return self.unchanged(node_id, if_none_match)
        with self._news.during() as heard:
            row = await self._asked.get(node_id)
        if row is None or etag_of(row.generation, row.issue) != if_none_match:
            return None
        if not heard & {node_id, None} and node_id not in self._versions:
            self._hold(
                node_id, _Version(row.generation, row.issue, None, self._monotonic() + LIFETIME_SECONDS)
            )
        return if_none_match

    async def answer(self, authority: NodeAuthority) -> Served:
        """Return a node's bundle. Raises `BundlePending` before the signer has made one."""
        version = await self._fresh(authority)
        body = self._bodies.get(authority.node_id)
        if body is None:
            await self.load(authority.organization_id, authority.node_id)
            version = self._versions.get(authority.node_id)
            body = self._bodies.get(authority.node_id)
        if version is None or body is None:
            raise BundlePending(headers={"Retry-After": "1"})
        return Served(version.etag, body)

    async def file(self, authority: NodeAuthority, sha256: str) -> bytes:
        """Return a file by its hash, only when the node's present bundle names it. Raises `FileNotNamed`."""
        version = await self._fresh(authority)
        if version is not None and version.hashes is None:
            await self.load(authority.organization_id, authority.node_id)
            version = self._versions.get(authority.node_id)
        if version is None or version.hashes is None or sha256 not in version.hashes:
            raise FileNotNamed
        key = (authority.organization_id, sha256)
        content = self._files.get(key)
        if content is None:
            async with self._database.transaction(authority.organization_id) as txn:
                content = await store.file_content(txn, authority.node_id, sha256)
            if content is None:
                raise FileNotNamed
            self._files.put(key, content)
        return content

    async def size(self, authority: NodeAuthority, sha256: str) -> int:
        """Return the size of a certificate or lookup file that the node's present bundle names.

        Raises `FileNotNamed`.
        """
        version = await self._fresh(authority)
        if version is None or version.hashes is None or sha256 not in version.hashes:
            raise FileNotNamed
        async with self._database.transaction(authority.organization_id) as txn:
            size = await store.file_size(txn, authority.node_id, sha256)
        if size is None:
            raise FileNotNamed
        return size

    async def part(self, authority: NodeAuthority, sha256: str, position: int) -> bytes | None:
        """Return a piece of such a file, None past its end; many nodes fetch the same ones."""
        key = (authority.organization_id, f"{sha256}.{position}")
        content = self._files.get(key)
        if content is None:
            async with self._database.transaction(authority.organization_id) as txn:
                content = await store.file_part(txn, authority.node_id, sha256, position)
            if content is not None:
                self._files.put(key, content)
        return content

    async def load(self, organization_id: UUID, *node_ids: UUID) -> None:
        """Read the bundles of nodes together with all others of the organisation asked for within 5 ms.

        A node whose bundle is being read already waits for that.
        """
        awaited = {self._reading[each] for each in node_ids if each in self._reading}
        missing = [each for each in node_ids if each not in self._reading]
        if missing:
            waiting = self._waiting.get(organization_id)
            if waiting is None:
                waiting = self._waiting[organization_id] = set(), asyncio.get_running_loop().create_future()
                task = asyncio.create_task(self._load_gathered(organization_id, *waiting))
                self._loaders.add(task)
                task.add_done_callback(self._loaders.discard)
            waiting[0].update(missing)
            awaited.add(waiting[1])
        for each in awaited:
            # Shielded: a caller that goes away must not take the others along.
            await asyncio.shield(each)

    def changed(self, node_id: UUID, generation: int = 0, issue: int = 0) -> None:
        """A new bundle was signed: read it at the next poll, and tell its version to heartbeats until then."""
        self._news.told(node_id)
        self._reading.pop(node_id, None)  # what is read of it now may be the older word
        known = self._versions.get(node_id)
        if known is not None:
            known.generation, known.issue, known.hashes, known.fresh_until = generation, issue, None, 0.0
        self._bodies.drop(node_id)

    def clear(self) -> None:
        """Drop everything, since news may have been missed."""
        self._news.told(None)
        self._reading.clear()
        self._versions.clear()
        self._bodies.clear()

    async def refresh(self) -> dict[UUID, tuple[int, int]]:
        """Compare all versions held with the database; return the newer (generation, issue) of nodes.

        Only what differs is answered, so that comparing thousands takes the loop no noticeable time.
        """
        held = [store.BundleVersion(node, at.generation, at.issue) for node, at in self._versions.items()]
        changed: dict[UUID, tuple[int, int]] = {}
        for start in range(0, len(held), _REFRESH_CHUNK):
            chunk = held[start : start + _REFRESH_CHUNK]
            async with self._database.unscoped() as txn:
                rows = await store.bundle_versions_changed(txn, chunk)
            for row in rows:
                if row.node_id in self._versions:
                    self.changed(row.node_id, row.generation, row.issue)
                    changed[row.node_id] = (row.generation, row.issue)
            until = self._monotonic() + LIFETIME_SECONDS
            for each in chunk:
                version = self._versions.get(each.node_id)
                if version is not None and version.fresh_until and each.node_id not in changed:
                    version.fresh_until = until
        return changed

    async def close(self) -> None:
        """Let reads that are under way finish."""
        await asyncio.gather(self._asked.close(), *self._loaders, return_exceptions=True)

    async def _fresh(self, authority: NodeAuthority) -> _Version | None:
        version = self._versions.get(authority.node_id)
        if version is None or version.fresh_until < self._monotonic():
            await self.load(authority.organization_id, authority.node_id)
            version = self._versions.get(authority.node_id)
        return version

    async def _load_gathered(
        self, organization_id: UUID, node_ids: set[UUID], done: asyncio.Future[None]
    ) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        del self._waiting[organization_id]
        self._reading.update(dict.fromkeys(node_ids, done))
        try:
            with self._news.during() as heard:
                async with self._database.transaction(organization_id) as txn:
                    keys = await self._signing.key_list(txn)
                    rows = await store.bundle_list(txn, list(node_ids))
        except BaseException as error:
            # Cancelled at shutdown: those who wait are told like any failure.
            done.set_exception(error if isinstance(error, Exception) else BundlePending())
            done.exception()
            if not isinstance(error, Exception):
                raise
            return
        finally:
            for each in node_ids:
                if self._reading.get(each) is done:
                    del self._reading[each]
        until = self._monotonic() + LIFETIME_SECONDS
        for row in rows:
            # The bus may have told of a newer one while this was read: it is served now, and read again next time.
            fresh = row.node_id not in heard and None not in heard
            self._keep(row, desired_answer(row.envelope, keys.envelope), until if fresh else 0.0)
        done.set_result(None)

    async def _read_versions(self, node_ids: list[UUID]) -> dict[UUID, store.BundleVersion]:
        async with self._database.unscoped() as txn:
            return {row.node_id: row for row in await store.bundle_versions(txn, node_ids)}

    def _keep(self, row: store.ServedBundle, body: bytes, until: float) -> None:
        self._hold(row.node_id, _Version(row.generation, row.issue, row.hashes, until))
        self._bodies.put(row.node_id, body)

    def _hold(self, node_id: UUID, version: _Version) -> None:
        self._versions[node_id] = version
        self._versions.move_to_end(node_id)
        while len(self._versions) > self._max_nodes:
            gone, _ = self._versions.popitem(last=False)
            self._bodies.drop(gone)
