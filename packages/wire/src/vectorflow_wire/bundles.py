"""The desired state of one node: what a signed bundle says, and the reply that carries it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from vectorflow_wire.envelope import canonical
from vectorflow_wire.sealing import SealedSecret

BUNDLE_FORMAT: Final = 1


class DesiredState:
    """Known values of `BundlePipeline.state`. An unknown one is treated as `hold`."""

    RUN: Final = "run"
    HOLD: Final = "hold"
    STOP: Final = "stop"


class Handover:
    """Known values of `BundlePipeline.handover`. An unknown one is treated as `restart`."""

    BESIDE: Final = "beside"
    RELOAD: Final = "reload"
    RESTART: Final = "restart"


class FileRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file the configuration refers to as `files/<sha256>`. `sha256` is 64 hex digits."""

    sha256: str
    size: int = 0
    """Bytes; 0 when not told."""


class StoreRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A secret store that the engine asks by itself, with the node's own identity: the backend's options by name.

    Only what the node's policy names is set up; no credential is ever part of it.
    """

    name: str
    type: str
    options: dict[str, str] = {}


class VersionWanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A program version the node should run; empty means any."""

    version: str = ""
    digest: str = ""


class BundlePipeline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pipeline on one node.

    `revision` is the SHA-256 (hex) of the compiled configuration, fetched like any file by that
    hash. With `hold` and `stop` the revision may be empty. `handover_from` is the revision that
    `handover` was computed against; empty means that it holds whatever runs. `root` is a digest of
    the settings that Vector does not take over while it runs, empty when not told. A node that runs
    another revision than `handover_from` starts the new one beside it if both are `beside`, which
    says that a revision takes nothing for itself; else it reloads if both have the same `root`; else
    it restarts. `attempt` is raised with each order: a node that refused this revision tries it again
    (nothing else makes it do so while another revision runs), and one that runs it already reports
    once more that it is applied.
    """

    id: str
    name: str
    state: str
    revision: str = ""
    number: int = 0
    reason: str = ""
    handover: str = Handover.RESTART
    handover_from: str = ""
    root: str = ""
    attempt: int = 0
    drain_seconds: float = 60.0
    files: tuple[FileRef, ...] = ()
    secrets: tuple[SealedSecret, ...] = ()
    """Each `SECRET[vectorflow.<name>]` of the configuration."""
    stores: tuple[StoreRef, ...] = ()
    """Each other backend that a `SECRET[<backend>.<key>]` of the configuration names."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything one node should run. Believe it only as the answer of `verify.verify_bundle`.

    `organization`, `environment` and `node` are ids. `issued_at` and `expires_at` are epoch ms.
    `keys_version` is the version of the key list it was signed under.
    """

    organization: str
    environment: str
    node: str
    generation: int
    issue: int
    issued_at: int
    expires_at: int
    keys_version: int
    pipelines: tuple[BundlePipeline, ...] = ()
    pending: bool = False
    """A person has yet to admit the node; nothing may be concluded from the empty list of pipelines."""
    agent: VersionWanted | None = None
    engine: VersionWanted | None = None
    max_offline_seconds: int = 0
    """How long the node keeps secrets without a newer bundle; 0 means for ever. Older agents keep them for ever."""
    format: int = msgspec.field(default=BUNDLE_FORMAT)

    @property
    def order(self) -> tuple[int, int]:
        """(generation, issue): a node never goes back in it."""
        return self.generation, self.issue

    @property
    def etag(self) -> str:
        """The `ETag` of the desired state, with its quotes: `"<generation>.<issue>"`."""
        return etag_of(self.generation, self.issue)

    @property
    def half_life_at(self) -> int:
        """Epoch ms after which a bundle that was not renewed is stale."""
        return self.issued_at + (self.expires_at - self.issued_at) // 2


def bundle_payload(bundle: Bundle, pipelines: Sequence[bytes]) -> bytes:
    """Canonical JSON of a bundle with these pipelines, each in canonical JSON already: many nodes have the same ones.

    The bundle given has none itself.
    """
    head = canonical(bundle)
    if not pipelines:
        return head
    # Of a bundle's members `pipelines` is the last in the canonical order.
    return b'%s,"pipelines":[%s]}' % (head[:-1], b",".join(pipelines))


class DesiredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `GET /agent/v1/desired`: the bundle's envelope and the key list's, both as stored JSON.

    The node keeps the whole body on disk as it came, so that it can be verified again at boot.
    """

    bundle: msgspec.Raw
    keys: msgspec.Raw

    def encoded(self) -> bytes:
        """The answer as JSON bytes."""
        return msgspec.json.encode(self)


def desired_answer(bundle_envelope: bytes, key_list_envelope: bytes) -> bytes:
    """Body of `GET /agent/v1/desired` from the two stored envelopes."""
    return DesiredAnswer(bundle=msgspec.Raw(bundle_envelope), keys=msgspec.Raw(key_list_envelope)).encoded()


def etag_of(generation: int, issue: int) -> str:
    """Quoted `ETag` of a (generation, issue)."""
    return f'"{generation}.{issue}"'
