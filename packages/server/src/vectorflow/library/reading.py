"""What an agent sends of its engine, read within limits: pure."""

import gzip
import hashlib
import io

import msgspec

from vectorflow.library.errors import EngineSchemaRefused
from vectorflow.library.types import MOST_PLAIN_BYTES, MOST_SCHEMA_BYTES
from vectorflow.platform.logs import clean_text
from vectorflow_topology.catalogue import Catalogue, SchemaRefused, catalogue_from_schema
from vectorflow_topology.compiler.types import version_key
from vectorflow_wire.messages import EngineSchema


class Read(msgspec.Struct, frozen=True):
    """A sent schema: its version, a digest of what it says, and its compressed bytes."""

    version: str
    content_sha256: bytes
    content: bytes


def read_schema(zipped: bytes) -> Read:
    """Read what an agent sent and try it as a catalogue. Raises `EngineSchemaRefused`."""
    sent = _sent(zipped)
    _catalogue(sent)
    plain = hashlib.sha256()
    for part in (sent.version.encode(), bytes(sent.schema), bytes(sent.listing)):
        plain.update(len(part).to_bytes(8, "big") + part)
    return Read(sent.version, plain.digest(), zipped)


def catalogue_of(zipped: bytes) -> Catalogue:
    """Return the catalogue of a stored schema. Raises `EngineSchemaRefused`."""
    return _catalogue(_sent(zipped))


def _sent(zipped: bytes) -> EngineSchema:
    if len(zipped) > MOST_SCHEMA_BYTES:
        raise EngineSchemaRefused(f"the compressed schema is longer than {MOST_SCHEMA_BYTES} bytes")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(zipped)) as file:
            plain = file.read(MOST_PLAIN_BYTES + 1)
        if len(plain) > MOST_PLAIN_BYTES:
            raise EngineSchemaRefused(f"the schema is longer than {MOST_PLAIN_BYTES} bytes")
        sent = msgspec.json.decode(plain, type=EngineSchema)
    except (OSError, EOFError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise EngineSchemaRefused(f"it is not a compressed schema: {clean_text(str(error))[:200]}") from None
    try:
        version_key(sent.version)
    except ValueError as error:
        raise EngineSchemaRefused(clean_text(str(error))[:200]) from None
    return msgspec.structs.replace(sent, version=clean_text(sent.version)[:100])


def _catalogue(sent: EngineSchema) -> Catalogue:
    try:
        return catalogue_from_schema(
            msgspec.json.decode(sent.schema), msgspec.json.decode(sent.listing), version=sent.version
        )
    except (SchemaRefused, msgspec.MsgspecError, RecursionError) as error:
        raise EngineSchemaRefused(clean_text(str(error))[:300]) from None
