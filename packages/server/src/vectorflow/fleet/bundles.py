"""What a node's bundle says: pure building of payloads from what the database holds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from vectorflow.fleet.offline import renewed_within
from vectorflow.fleet.store.bundles import DueNode, SealedRow, StoredBundle, Validity, WantedPipeline
from vectorflow.vault.types import LentValues, SecretValue
from vectorflow_wire.bundles import Bundle, BundlePipeline, DesiredState, FileRef, StoreRef, bundle_payload
from vectorflow_wire.envelope import BUNDLE, Signer, canonical, sign_bytes
from vectorflow_wire.keys import key_id
from vectorflow_wire.sealing import SealedContext, SealedSecret, SealingKeyUnusable, seal

LIFETIME = timedelta(hours=24)
_NOTHING = LentValues({}, {})
SealedKey = tuple[UUID, UUID, str]


class Way(msgspec.Struct, frozen=True):
    """How to come to a revision: the hand-over from the one before, and the digest of its own root settings."""

    handover: str
    root: str


WayOf = Callable[[WantedPipeline], Way]


class Ingredients(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that bundles of one organisation are made of. `secrets` are by environment, `stores` by
    environment and name."""

    organization_id: UUID
    signer: Signer
    keys_version: int
    secrets: Mapping[UUID, LentValues]
    stores: Mapping[UUID, Mapping[str, StoreRef]]
    sealed: Mapping[SealedKey, str]
    way: WayOf
    now: datetime
    lifetime: timedelta = LIFETIME
    max_offline_seconds: int | None = None


class Made(msgspec.Struct, frozen=True):
    """Signed bundles, and the secrets that were sealed for them."""

    bundles: list[StoredBundle]
    sealed: list[SealedRow]
    validity: Validity


class _Part(msgspec.Struct, frozen=True):
    """A pipeline as bundles hold it, in canonical JSON, with the files that it names."""

    encoded: bytes
    hashes: tuple[str, ...]


def make_bundles(due: Sequence[tuple[DueNode, Sequence[WantedPipeline]]], given: Ingredients) -> Made:
    """Build and sign the bundle of each node. Takes a fraction of a millisecond each; holds no loop."""
    issued = given.now.replace(microsecond=given.now.microsecond // 1000 * 1000)
    expires = issued + given.lifetime
    renew_at = issued + renewed_within(given.max_offline_seconds, given.lifetime)
    fresh: dict[SealedKey, SealedRow] = {}
    same: dict[tuple[int, UUID], _Part] = {}
    bundles: list[StoredBundle] = []

    def part(node: DueNode, wanted: WantedPipeline) -> _Part:
        # What is sealed is sealed to one node; the rest is the same for all that run it.
        place = id(wanted), node.environment_id
        made = same.get(place)
        if made is None:
            pipeline = _pipeline(node, wanted, given, fresh)
            made = _Part(canonical(pipeline), tuple(file.sha256 for file in pipeline.files))
            if not wanted.secrets:
                same[place] = made
        return made

    for node, wanted in due:
        changed = node.wanted > node.generation
        generation = node.wanted if changed else node.generation
        issue = 1 if changed else node.issue + 1
        parts = [part(node, each) for each in wanted]
        bundle = Bundle(
            organization=str(given.organization_id),
            environment=str(node.environment_id),
            node=str(node.id),
            generation=generation,
            issue=issue,
            issued_at=_milliseconds(issued),
            expires_at=_milliseconds(expires),
            keys_version=given.keys_version,
            pending=node.pending,
            max_offline_seconds=given.max_offline_seconds or 0,
        )
        payload = bundle_payload(bundle, [each.encoded for each in parts])
        bundles.append(
            StoredBundle(
                node_id=node.id,
                generation=generation,
                issue=issue,
                envelope=sign_bytes(BUNDLE, payload, given.signer).encoded(),
                hashes=sorted({file for each in parts for file in each.hashes}),
            )
        )
    validity = Validity(issued_at=issued, half_life_at=renew_at, expires_at=expires)
    return Made(bundles, list(fresh.values()), validity)


def _pipeline(
    node: DueNode, wanted: WantedPipeline, given: Ingredients, fresh: dict[SealedKey, SealedRow]
) -> BundlePipeline:
    state, reason = wanted.desired, wanted.reason
    revision = wanted.sha256.hex()
    sealed: tuple[SealedSecret, ...] = ()
    stores: tuple[StoreRef, ...] = ()
    if state == DesiredState.RUN:
        problem = _problem(node, wanted, given)
        if problem is not None:
            # What cannot be rendered is held, and running copies go on.
            state, reason = DesiredState.HOLD, problem
        else:
            known = given.secrets.get(node.environment_id, _NOTHING).values
            try:
                sealed = tuple(_sealed(node, known[name], given, fresh) for name in wanted.secrets)
            except SealingKeyUnusable as error:
                state, reason = DesiredState.HOLD, f"the node's sealing key cannot be used: {error}"
            else:
                stores = tuple(given.stores[node.environment_id][name] for name in wanted.stores)
    way = given.way(wanted)
    return BundlePipeline(
        id=str(wanted.pipeline_id),
        name=wanted.name,
        state=state,
        revision=revision,
        number=wanted.number,
        reason=reason,
        handover=way.handover,
        handover_from=wanted.previous_sha256.hex() if wanted.previous_sha256 else "",
        root=way.root,
        attempt=wanted.attempt,
        files=(FileRef(sha256=revision, size=wanted.size), *(FileRef(sha256=each) for each in wanted.files)),
        secrets=sealed,
        stores=stores,
    )


def _problem(node: DueNode, wanted: WantedPipeline, given: Ingredients) -> str | None:
    """Return why the pipeline cannot be rendered now, None when it can."""
    lent = given.secrets.get(node.environment_id, _NOTHING)
    for name in wanted.secrets:
        if name in lent.failures:
            return f"the secret {name} cannot be had: {lent.failures[name]}"
        if name not in lent.values:
            return f"the {_words(name)} does not exist in this environment; make it, or deploy without it"
    stores = given.stores.get(node.environment_id, {})
    gone = next((name for name in wanted.stores if name not in stores), None)
    return f"the store {gone} does not exist in this environment any more" if gone else None


def _words(name: str) -> str:
    kind, _, rest = name.partition(".")
    if not rest:
        return f"secret {name}"
    if kind == "var":
        return f"variable {rest}"
    certificate, _, version = rest.rpartition(".")
    return f"private key of version {version} of the certificate {certificate}"


def _sealed(
    node: DueNode, secret: SecretValue, given: Ingredients, fresh: dict[SealedKey, SealedRow]
) -> SealedSecret:
    key = key_id(node.sealing_key)
    place = (secret.version_id, node.id, key)
    again = fresh.get(place)
    stored = given.sealed.get(place) or (again.sealed if again else None)
    if stored is not None:
        return SealedSecret(
            name=secret.name, version=secret.version, key=key, sealed=stored, file=secret.file
        )
    context = SealedContext(
        organization=str(given.organization_id), node=str(node.id), name=secret.name, version=secret.version
    )
    made = seal(secret.value.decode(), context=context, public=node.sealing_key)
    if secret.stored:
        fresh[place] = SealedRow(secret.version_id, node.id, key, made.sealed)
    return msgspec.structs.replace(made, file=secret.file)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
