"""An export's file: a compressed tar that is written in parts, and signed at its end.

The files come first, as gzip member one. The last member holds the manifest with each file's SHA-256, the manifest
signed by the organisation's online key, the key list that names this key, and the root key that signed the list.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from vectorflow.audit.errors import AuditExportUnreadableError
from vectorflow.audit.types import ChainVerdict
from vectorflow.audit.verifying import verify_export
from vectorflow.tenancy.errors import ExportUnreadableError
from vectorflow_wire import envelope, keys
from vectorflow_wire.encoding import EncodingInvalid

FORMAT = "vectorflow.export.v1"
AUDIT_FILE = "audit/log.ndjson"
MANIFEST, SIGNED, KEY_LIST, ROOT = "manifest.json", "manifest.signed.json", "keys.json", "root.txt"
_GZIP = 31
_BLOCK = tarfile.BLOCKSIZE


class ExportedFile(msgspec.Struct, frozen=True):
    """A file of the export; `rows` are its lines."""

    name: str
    bytes: int
    rows: int
    sha256: str


class ExportManifest(msgspec.Struct, frozen=True):
    """What the organisation's key signs."""

    format: str
    organization_id: str
    slug: str
    name: str
    made_at: str
    version: str
    files: list[ExportedFile]
    left_out: dict[str, str]


class Packer:
    """Makes the bytes of a compressed tar; what it returns is to be appended to the file."""

    def __init__(self) -> None:
        self._packed = zlib.compressobj(6, zlib.DEFLATED, _GZIP)

    def header(self, name: str, size: int) -> bytes:
        """Begin a file of a known size."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        return self._packed.compress(info.tobuf(tarfile.PAX_FORMAT))

    def content(self, piece: bytes) -> bytes:
        """Take a piece of the file."""
        return self._packed.compress(piece)

    def padding(self, size: int) -> bytes:
        """End a file of this size."""
        return self._packed.compress(bytes(-size % _BLOCK))

    def file(self, name: str, content: bytes) -> bytes:
        """Take a whole file."""
        return self.header(name, len(content)) + self.content(content) + self.padding(len(content))

    def end(self, *, of_tar: bool) -> bytes:
        """End the gzip member, and the tar where this is the last one."""
        rest = self._packed.compress(bytes(2 * _BLOCK)) if of_tar else b""
        return rest + self._packed.flush()


def signed_end(manifest: bytes, signer: envelope.Signer, key_list: bytes, root: bytes) -> bytes:
    """Return the last part of an archive."""
    packer = Packer()
    signed = envelope.sign_bytes(envelope.EXPORT, manifest, signer).encoded()
    files = {MANIFEST: manifest, SIGNED: signed, KEY_LIST: key_list, ROOT: root.hex().encode() + b"\n"}
    return b"".join(packer.file(*each) for each in files.items()) + packer.end(of_tar=True)


class Verdict(msgspec.Struct, frozen=True):
    """An export that is whole and genuine: signed under the root key with this fingerprint."""

    manifest: ExportManifest
    fingerprint: str
    audit: ChainVerdict


def verify(path: Path, fingerprint: str | None) -> Verdict:
    """Read an export to its end and check everything; needs no server. Raises `ExportUnreadableError`.

    With `fingerprint`, as the install command of agents shows it, only that organisation's root key is believed.
    """
    found: dict[str, ExportedFile] = {}
    ends: dict[str, bytes] = {}
    audit: list[ChainVerdict] = []
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is None or member.name in found or member.name in ends:
                    raise ExportUnreadableError
                if member.name in (MANIFEST, SIGNED, KEY_LIST, ROOT):
                    ends[member.name] = stream.read(4 * 2**20)
                    continue
                counted = _Counted(stream)
                if member.name == AUDIT_FILE:
                    audit.append(verify_export(counted.lines()))
                found[member.name] = counted.finish(member.name)
        manifest, root = _signed(ends, fingerprint)
        if {each.name: each for each in manifest.files} != found:
            message = f"A file of the export is not the one that was signed. {ExportUnreadableError.__doc__}"
            raise ExportUnreadableError(message)
    except (tarfile.TarError, EOFError, zlib.error, OSError, KeyError, ValueError, IndexError) as error:
        raise ExportUnreadableError from error
    except (AuditExportUnreadableError, msgspec.MsgspecError) as error:
        raise ExportUnreadableError from error
    if audit[0].broken_at is not None:
        message = f"The log in the export is broken at record {audit[0].broken_at}: {audit[0].reason}."
        raise ExportUnreadableError(message)
    return Verdict(manifest, keys.root_fingerprint(root), audit[0])


def _signed(ends: dict[str, bytes], fingerprint: str | None) -> tuple[ExportManifest, bytes]:
    manifest = msgspec.json.decode(ends[MANIFEST], type=ExportManifest)
    root = bytes.fromhex(ends[ROOT].decode().strip())
    if fingerprint is not None and not keys.fingerprint_matches(root, fingerprint):
        message = "The export was signed under another root key than the one given."
        raise ExportUnreadableError(message)
    try:
        key_list = keys.key_list_verify(
            ends[KEY_LIST], root_public=root, organization=manifest.organization_id, last_version=0, now=None
        )
        trusted = {each.id: keys.public_key(each.public) for each in key_list.keys}
        payload = envelope.verify(ends[SIGNED], trusted, envelope.EXPORT)
    except (keys.KeyListRefused, envelope.EnvelopeRefused, EncodingInvalid) as error:
        message = f"The export's signature does not hold: {error}."
        raise ExportUnreadableError(message) from error
    if payload != ends[MANIFEST] or manifest.format != FORMAT:
        raise ExportUnreadableError
    return manifest, root


class _Counted:
    """Reads a stream once: digest, size and lines are known at the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._bytes = self._rows = 0

    def lines(self) -> Iterator[bytes]:
        """Yield line by line."""
        for line in self._stream:
            self._take(line)
            yield line

    def finish(self, name: str) -> ExportedFile:
        """Read the rest."""
        for _ in self.lines():
            pass
        return ExportedFile(name, self._bytes, self._rows, self._digest.hexdigest())

    def _take(self, line: bytes) -> None:
        self._digest.update(line)
        self._bytes += len(line)
        self._rows += 1


def canonical(manifest: ExportManifest) -> bytes:
    """Return the manifest as it is signed."""
    return envelope.canonical(manifest)
