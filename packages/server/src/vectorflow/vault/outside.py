"""Fetching secrets from outside stores, through egress and with the organisation's own credentials only.

Runs in the signer, beside the signing. What was fetched is held for 60 seconds, since a rotation outside must be seen
soon, and lent for as long as it takes to ask again. A store that cannot be reached is left alone for pauses that grow.
No answer's text is passed on: it may hold anything.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid5

import msgspec
import structlog

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.keys.service import KeyService
from vectorflow.platform.aws import AwsCredentials, AwsFailed, call_json
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.egress.errors import EgressFailed, EgressTimedOut
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.pauses import Pause
from vectorflow.vault.columns import store_cell
from vectorflow.vault.errors import StoreFailed, StoreNotAsked
from vectorflow.vault.store import stores
from vectorflow.vault.store.stores import OutsideRow, StoreSealed
from vectorflow.vault.stores import AwsSettings, StoreCredentials, VaultSettings
from vectorflow.vault.types import MOST_VALUE_BYTES, SecretValue

log = structlog.get_logger()

HELD_SECONDS: Final = 60.0
ORGANIZATION_SECONDS: Final = 30.0
"""All look-ups of one refresh together."""
_FORGOTTEN_SECONDS: Final = 2 * HELD_SECONDS
_FIRST_PAUSE: Final = 30.0
_LONGEST_PAUSE: Final = 300.0
_AT_ONCE: Final = 8
_LIMITS: Final = EgressLimits(
    total_seconds=5.0, max_request_bytes=16_384, max_response_bytes=2**20, redirects=0
)
_Place = tuple[UUID, int, str]


class Fetched(msgspec.Struct, frozen=True):
    """What lies in one place of a store: fields by name and its version, or the reason why it cannot be had."""

    fields: dict[str, str]
    version: str
    problem: str
    at: float

    def __repr__(self) -> str:
        """Leave the values out."""
        return f"Fetched({self.version!r}, {self.problem!r})"


class OpenStore(msgspec.Struct, frozen=True):
    """A store with its credentials, for as long as one look-up takes."""

    row: StoreSealed
    credentials: StoreCredentials

    def __repr__(self) -> str:
        """Leave the credentials out."""
        return f"OpenStore({self.row.name!r})"


class OutsideFetcher:
    """Asks stores outside of any transaction, and lends what is held inside of one."""

    def __init__(
        self,
        database: Database,
        keys: KeyService,
        egress: Egress,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._keys = keys
        self._egress = egress
        self._monotonic = monotonic
        self._held: dict[_Place, Fetched] = {}
        self._pauses: dict[tuple[UUID, int], Pause[VectorFlowError]] = {}

    async def refresh(self, organization_id: UUID, wanted: Sequence[tuple[UUID, str]]) -> int:
        """Fetch those secrets (environment, name) that lie in stores and are not held; note what changed.

        Returns how many places were asked; each of them has an answer then, or a reason why there is none.
        Raises `KeysUnavailable` or `SealBroken`.
        """
        rows, opened = await self._opened(organization_id, wanted)
        oldest = self._monotonic() - HELD_SECONDS
        due = {
            place: store
            for row in rows
            if (store := opened.get(row.store_id)) is not None
            and self._is_due(place := (store.row.id, store.row.version, row.store_path), oldest)
        }
        try:
            async with asyncio.timeout(ORGANIZATION_SECONDS):
                await self._ask(organization_id, due)
        except TimeoutError:
            now = self._monotonic()
            for place in due:
                if self._is_due(place, oldest):
                    self._held[place] = Fetched({}, "", "The stores took too long to answer for all.", now)
        if due:
            await self._note(organization_id, rows, opened)
        self._forget_old()
        return len(due)

    def _is_due(self, place: _Place, oldest: float) -> bool:
        held = self._held.get(place)
        return held is None or held.at <= oldest

    async def _ask(self, organization_id: UUID, due: Mapping[_Place, OpenStore]) -> None:
        """Ask for all places; of a store that failed for one first, which tells whether it is back."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(place: _Place) -> None:
            async with gate:
                self._held[place] = await self._fetch(organization_id, due[place], place[2])

        first = {place[:2]: place for place in due if place[:2] in self._pauses}.values()
        await asyncio.gather(*(one(place) for place in first))
        await asyncio.gather(*(one(place) for place in due if place not in first))

    async def values(
        self, txn: Transaction, rows: Sequence[OutsideRow]
    ) -> tuple[list[SecretValue], dict[str, str]]:
        """Return the values that are held, and for the other names the reason.

        Raises `StoreNotAsked` for what `refresh` has to fetch first.
        """
        versions = {
            store.id: store.version
            for store in await stores.store_of_ids(txn, sorted({row.store_id for row in rows}))
        }
        values: list[SecretValue] = []
        problems: dict[str, str] = {}
        for row in rows:
            held = self._held.get((row.store_id, versions.get(row.store_id, 0), row.store_path))
            if held is None:
                raise StoreNotAsked
            value, problem = _picked(row, held)
            if value is None:
                problems[row.name] = problem
            else:
                values.append(value)
        return values, problems

    def _forget_old(self) -> None:
        now = self._monotonic()
        oldest = now - _FORGOTTEN_SECONDS
        for place in [place for place, held in self._held.items() if held.at <= oldest]:
            del self._held[place]
        oldest = now - 2 * _LONGEST_PAUSE
        for paused in [each for each, pause in self._pauses.items() if pause.until <= oldest]:
            del self._pauses[paused]

    async def _opened(
        self, organization_id: UUID, wanted: Sequence[tuple[UUID, str]]
    ) -> tuple[list[OutsideRow], dict[UUID, OpenStore]]:
        names: dict[UUID, list[str]] = {}
        for environment_id, name in wanted:
            names.setdefault(environment_id, []).append(name)
        opened: dict[UUID, OpenStore] = {}
        async with self._database.transaction(organization_id) as txn:
            rows = [
                row
                for environment_id, several in names.items()
                for row in await stores.outside_list(txn, environment_id, several)
                if row.resolve == "server"
            ]
            if not rows:
                return [], {}
            await self._keys.hold(txn)
            for store in await stores.store_of_ids(txn, sorted({row.store_id for row in rows})):
                plain = await self._keys.unseal(txn, store_cell(store.id, store.version), store.credentials)
                opened[store.id] = OpenStore(store, msgspec.json.decode(plain, type=StoreCredentials))
        return rows, opened

    async def _note(
        self, organization_id: UUID, rows: Sequence[OutsideRow], opened: dict[UUID, OpenStore]
    ) -> None:
        """Tell what was learnt: a version that changed gives nodes a new bundle, by the database's own trigger."""
        async with self._database.transaction(organization_id) as txn:
            problems: dict[UUID, str] = dict.fromkeys(opened, "")
            for row in rows:
                store = opened[row.store_id].row
                held = self._held.get((store.id, store.version, row.store_path))
                value, problem = _picked(row, held)
                problems[store.id] = problems[store.id] or problem
                told = _told_version(held, value)
                if told != row.outside_version:
                    await stores.outside_told(txn, row.id, told)
            for store_id, problem in problems.items():
                await stores.store_told(txn, store_id, problem)

    async def _fetch(self, organization_id: UUID, store: OpenStore, path: str) -> Fetched:
        key = (store.row.id, store.row.version)
        pause = self._pauses.get(key)
        if pause is not None and pause.failure is not None and pause.holds:
            return Fetched({}, "", pause.failure.detail[:300], self._monotonic())
        try:
            ask = _from_aws if store.row.kind == "aws" else _from_vault
            fields, version = await ask(self._egress, organization_id, store, path)
        except VectorFlowError as error:
            log.info("store.failed", store_id=str(store.row.id), problem=error.code)
            if isinstance(error, EgressFailed | EgressTimedOut):
                new: Pause[VectorFlowError] = Pause(_FIRST_PAUSE, _LONGEST_PAUSE, monotonic=self._monotonic)
                self._pauses.setdefault(key, new).failed(error)
            else:  # it answers
                self._pauses.pop(key, None)
            return Fetched({}, "", error.detail[:300], self._monotonic())
        self._pauses.pop(key, None)
        return Fetched(fields, version, "", self._monotonic())


async def _from_vault(
    egress: Egress, organization_id: UUID, store: OpenStore, path: str
) -> tuple[dict[str, str], str]:
    """Read one secret of a KV engine of version 2. Raises `StoreFailed` and errors of egress."""
    settings = msgspec.convert(store.row.settings, VaultSettings)
    headers = {"X-Vault-Token": store.credentials.token, "X-Vault-Request": "true"}
    if settings.namespace:
        headers["X-Vault-Namespace"] = settings.namespace
    url = f"{settings.address.rstrip('/')}/v1/{quote(settings.mount)}/data/{quote(path)}"
    caller = Caller("vault.store", organization_id)
    async with egress.http(caller, limits=_LIMITS, ca_pem=settings.ca_pem or None, plain=False) as client:
        answer = await client.request(HttpRequest(url=url, headers=headers))
    if answer.status != 200:
        raise StoreFailed(_VAULT_WORDS.get(answer.status, f"Vault answered {answer.status}."))
    try:
        found = msgspec.json.decode(answer.body, type=_VaultAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise StoreFailed("Vault's answer is not that of a KV engine of version 2.") from None
    if found.data.data is None:
        raise StoreFailed("The present version of the secret was deleted in Vault.")
    return _texts(found.data.data), str(found.data.metadata.version)


async def _from_aws(
    egress: Egress, organization_id: UUID, store: OpenStore, path: str
) -> tuple[dict[str, str], str]:
    """Read one secret of AWS Secrets Manager. Raises `StoreFailed` and errors of egress."""
    settings = msgspec.convert(store.row.settings, AwsSettings)
    identity = _Given(AwsCredentials(store.credentials.access_key_id, store.credentials.secret_access_key))
    caller = Caller("vault.store", organization_id)
    async with egress.http(caller, limits=_LIMITS, plain=False) as client:
        try:
            found = await call_json(
                client,
                identity,
                endpoint=settings.endpoint or f"https://secretsmanager.{settings.region}.amazonaws.com/",
                service="secretsmanager",
                region=settings.region,
                target="secretsmanager.GetSecretValue",
                content={"SecretId": path},
            )
        except AwsFailed as error:
            raise StoreFailed(_AWS_WORDS.get(error.aws_code, f"AWS answered {error.aws_code}.")) from error
    text = found.get("SecretString")
    if not isinstance(text, str):
        raise StoreFailed("The secret in AWS is binary; only text can be used.")
    return {"": text, **_object(text)}, str(found.get("VersionId", ""))


class _Given:
    """The identity that the store was set up with, and no other."""

    def __init__(self, credentials: AwsCredentials) -> None:
        self._credentials = credentials

    async def credentials(self) -> AwsCredentials:
        return self._credentials


class _VaultMetadata(msgspec.Struct):
    version: int


class _VaultData(msgspec.Struct):
    data: dict[str, Any] | None
    metadata: _VaultMetadata


class _VaultAnswer(msgspec.Struct):
    data: _VaultData


_VAULT_WORDS = {
    400: "Vault refused the request.",
    403: "Vault does not let the token read this secret, or the token has ended.",
    404: "There is no such secret in Vault, or it was deleted.",
    429: "Vault is busy.",
    472: "Vault is a standby for disaster recovery.",
    473: "Vault is a standby.",
    503: "Vault is sealed or not ready.",
}
_AWS_WORDS = {
    "AccessDeniedException": "AWS does not let the access key read this secret.",
    "DecryptionFailure": "AWS could not decrypt the secret: its key may be disabled.",
    "InvalidRequestException": "The secret is marked for deletion in AWS.",
    "ResourceNotFoundException": "There is no such secret in AWS.",
    "UnrecognizedClientException": "AWS does not know the access key.",
    "InvalidClientTokenId": "AWS does not know the access key.",
}


def _picked(row: OutsideRow, held: Fetched | None) -> tuple[SecretValue | None, str]:
    """Return the value of a secret, or the reason why there is none."""
    if held is None:
        return None, f"the store {row.store_name} was not asked yet"
    if held.problem:
        return None, f"the store {row.store_name} did not give it. {held.problem}"
    text = held.fields.get(row.store_field)
    if text is None:
        return None, f"what lies in the store {row.store_name} has no field {row.store_field!r}"
    content = text.encode(errors="replace")
    if not content or len(content) > MOST_VALUE_BYTES or b"\0" in content:
        return None, f"the value in the store {row.store_name} is empty, too long or holds a NUL character"
    return (
        SecretValue(
            name=row.name,
            version_id=uuid5(row.id, held.version),
            version=_number(held.version),
            value=content,
            stored=False,
        ),
        "",
    )


def _told_version(held: Fetched | None, value: SecretValue | None) -> str:
    return held.version[:100] if held is not None and value is not None else ""


def _number(version: str) -> int:
    """Return a version as the wire has it: a positive integer, the same for the same version."""
    if version.isdecimal() and len(version) < 10:
        return int(version)
    return int.from_bytes(hashlib.sha256(version.encode()).digest()[:6]) + 1


def _object(text: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return _texts(found) if isinstance(found, dict) else {}


def _texts(found: dict[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for key, value in found.items()
        if isinstance(value, str | int | float | bool)
    }
