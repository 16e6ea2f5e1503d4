"""The signed index of releases: which agents and engines there are, and below which agent nobody goes.

Signed with a release key that is kept offline; nodes know its public half. The control plane only passes the index
on: it can leave an update out, never make one. Numbers of indexes only grow, so an old index cannot be shown again.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal

import msgspec

from vectorflow_wire import envelope
from vectorflow_wire.encoding import EncodingInvalid
from vectorflow_wire.keys import key_id, public_key

RELEASES_FORMAT: Final = 1
RELEASES_PATH: Final = "/agent/v1/releases"
"""`GET` of this is the index; of `<path>/<64 hex digits>` the file with this SHA-256, in ranges if asked."""
ANY: Final = "any"
LARGEST_FILE: Final = 1024 * 1024 * 1024
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9]+){1,3}(?:-[0-9A-Za-z.-]+)?")


class ReleaseRefused(Exception):
    """An index or a release that must not be used. `code` is stable; the text says what was wrong."""

    code: ClassVar[str] = "release-refused"


class ReleaseKeyMissing(ReleaseRefused):
    """This agent knows no release key: it was built without one, and the node's policy names none."""

    code = "release-key-missing"


class ReleaseIndexForged(ReleaseRefused):
    """The index of releases is not signed with the release key that this node knows."""

    code = "release-signature"


class ReleaseIndexUnreadable(ReleaseRefused):
    """The index of releases is signed, but its content cannot be read; update the agent by hand."""

    code = "release-unreadable"


class ReleaseIndexOlder(ReleaseRefused):
    """The index of releases is older than one that this node has seen."""

    code = "release-older"


class ReleaseIndexExpired(ReleaseRefused):
    """The index of releases has expired, or this clock is wrong."""

    code = "release-expired"


class ReleaseBelowMinimum(ReleaseRefused):
    """The version is below the lowest that the index allows."""

    code = "release-below-minimum"


class ReleaseUnlisted(ReleaseRefused):
    """The index of releases has no such version for this machine."""

    code = "release-unlisted"


class Release(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file that can be installed. `digest` is `sha256:<hex>` of the file, `size` its bytes.

    `program` is `agent` (a zipped archive) or the kind of an engine (its program itself). `python` is the tag of
    the interpreter that an agent's release needs, like `cp311`.
    """

    program: Literal["agent", "vector"]
    version: str
    digest: str
    size: int
    os: str
    arch: str
    python: str = ""
    file: str = ""

    @property
    def sha256(self) -> str:
        """The digest's 64 hex digits."""
        return self.digest.removeprefix("sha256:")


class ReleaseIndex(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All releases there are. Believe it only as the answer of `index_verify`. Times are epoch ms."""

    number: int
    issued_at: int
    expires_at: int
    minimum: str
    """The lowest version of the agent that any node may go to."""
    releases: tuple[Release, ...] = ()
    format: int = msgspec.field(default=RELEASES_FORMAT)

    def find(self, *, program: str, version: str, digest: str, machine: "Machine") -> Release:
        """The release of this version (and digest, where one is given) for a machine.

        Raises ReleaseUnlisted, ReleaseBelowMinimum.
        """
        fitting = [
            each
            for each in self.releases
            if each.program == program
            and each.version == version
            and digest in {"", each.digest}
            and machine.fits(each)
        ]
        if not fitting:
            raise ReleaseUnlisted(
                f"the index of releases has no {program} {version} for {machine.os} {machine.arch}"
                f"{' ' + machine.python if program == 'agent' else ''}"
            )
        if program == "agent" and version_key(version) < version_key(self.minimum):
            raise ReleaseBelowMinimum(f"agent {version} is below {self.minimum}, the lowest allowed")
        return fitting[0]


class Machine(msgspec.Struct, frozen=True):
    """What a release must fit: the system, the processor, and the Python that agents run on."""

    os: str
    arch: str
    python: str

    def fits(self, release: Release) -> bool:
        """Whether this machine can run it."""
        return (
            release.os in {ANY, self.os}
            and release.arch in {ANY, self.arch}
            and release.python in {"", ANY, self.python}
        )


def version_key(version: str) -> tuple[tuple[int, ...], bool, str]:
    """What versions are compared by: their numbers, and a release above what led to it (`1.2.0-rc1`)."""
    numbers, _, before = version.partition("-")
    parts = [int(part) if part.isdigit() else 0 for part in numbers.split(".")]
    return tuple(parts + [0] * (4 - len(parts))), not before, before


def index_problems(index: ReleaseIndex) -> Sequence[str]:
    """What is wrong with an index in itself, each in one sentence; nothing when it may be signed and used."""
    found = []
    if not _VERSION.fullmatch(index.minimum):
        found.append(f"the minimum {index.minimum[:40]!r} is no version")
    for each in index.releases:
        name = f"{each.program} {each.version[:40]!r}"
        if not _VERSION.fullmatch(each.version):
            found.append(f"{name}: the version is not like 1.2.3")
        if not _DIGEST.fullmatch(each.digest):
            found.append(f"{name}: the digest is not sha256: and 64 hexadecimal digits")
        if not 0 < each.size <= LARGEST_FILE:
            found.append(f"{name}: the size is not between 1 byte and {LARGEST_FILE} bytes")
    if index.number < 1 or index.expires_at <= index.issued_at:
        found.append("an index has a number from 1 on, and expires after it was issued")
    return found


def index_sign(index: ReleaseIndex, signer: envelope.Signer) -> bytes:
    """Sign an index: the JSON bytes of the envelope. Raises ReleaseIndexUnreadable for one nobody could use."""
    if problems := index_problems(index):
        raise ReleaseIndexUnreadable("; ".join(problems))
    return envelope.sign(envelope.RELEASES, index, signer).encoded()


def release_keys(texts: Sequence[str]) -> dict[str, bytes]:
    """Public release keys, base64 each, by their ids. Raises EncodingInvalid."""
    return {key_id(public): public for public in map(public_key, texts)}


def index_verify(
    data: bytes, *, keys: Mapping[str, bytes], last_number: int = 0, now: int | None
) -> ReleaseIndex:
    """Check a signed index by every rule and give its content. Raises a subclass of ReleaseRefused.

    `last_number` is of the newest index seen before. `now` is epoch ms; None skips the expiry.
    """
    if not keys:
        raise ReleaseKeyMissing(ReleaseKeyMissing.__doc__)
    try:
        payload = envelope.verify(data, keys, envelope.RELEASES)
    except (envelope.EnvelopeRefused, EncodingInvalid) as error:
        raise ReleaseIndexForged(f"the index of releases cannot be trusted: {error}") from error
    try:
        index = msgspec.json.decode(payload, type=ReleaseIndex)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReleaseIndexUnreadable(str(error)) from error
    if index.format != RELEASES_FORMAT:
        raise ReleaseIndexUnreadable(
            f"the index has format {index.format}; this agent reads {RELEASES_FORMAT}"
        )
    if problems := index_problems(index):
        raise ReleaseIndexUnreadable("; ".join(problems)[:500])
    if index.number < last_number:
        raise ReleaseIndexOlder(f"index {index.number} is older than {last_number}, seen before")
    if now is not None and index.expires_at + envelope.CLOCK_TOLERANCE_MS < now:
        raise ReleaseIndexExpired(f"the index expired {(now - index.expires_at) // 1000} s ago by this clock")
    return index
