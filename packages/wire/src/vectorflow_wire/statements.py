"""Signed single-use statements to one node: tap, sample, update, restart, log level, wipe.

A statement is a DSSE envelope of its own payload type, signed with the organisation's online keys like
a bundle. It says one thing once: a node acts on an id a single time and remembers the ids it acted on
until they expire, so that a repeated delivery (stream and heartbeat both carry statements) and a replay
do nothing. Kinds and argument fields that are not known are refused with a code, never with a crash.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from vectorflow_wire import envelope
from vectorflow_wire.bundles import VersionWanted
from vectorflow_wire.encoding import EncodingInvalid
from vectorflow_wire.keys import public_key
from vectorflow_wire.taps import TapCondition
from vectorflow_wire.verify import Trust

STATEMENT_FORMAT: Final = 1
LONGEST_LIFE_MS: Final = 24 * 60 * 60 * 1000
"""No statement may live longer, so that remembering ids until they expire stays small."""

T = TypeVar("T", bound=msgspec.Struct)


class StatementKind:
    """Known values of `Statement.kind`; each is also the name of the stream's event that carries it."""

    TAP: Final = "tap"
    SAMPLE: Final = "sample"
    UPDATE: Final = "update"
    RESTART: Final = "restart"
    LOG_LEVEL: Final = "log-level"
    WIPE: Final = "wipe"


class LogLevel:
    """Known values of `LogLevelArguments.level`."""

    TRACE: Final = "trace"
    DEBUG: Final = "debug"
    INFO: Final = "info"
    WARN: Final = "warn"
    ERROR: Final = "error"


class WipeEngines:
    """Known values of `WipeArguments.engines`. An unknown one is treated as `keep`: absence never means stop."""

    KEEP: Final = "keep"
    """Engines go on with the configuration they have, on their own; nothing supervises them any more."""
    STOP: Final = "stop"
    """Engines are drained and stopped before anything is removed."""


class RestartArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Restart the engine of one pipeline with the revision that it runs. `pipeline` is its id."""

    pipeline: str
    drain_seconds: float = 60.0


class LogLevelArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Log at another level until `until` (epoch ms; 0 means until told otherwise).

    An empty `pipeline` means the agent itself; else the engine of that pipeline, which may need to
    restart for it.
    """

    level: str
    until: int = 0
    pipeline: str = ""


class WipeArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Leave the control plane: remove state, secrets, keys and token from this node.

    The report `wiped` is sent and answered before the token and the identity key go, last of all.
    """

    engines: str = WipeEngines.KEEP
    drain_seconds: float = 60.0


class UpdateArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Look for and install these versions now; what is acceptable is judged by the node and its policy."""

    agent: VersionWanted | None = None
    engine: VersionWanted | None = None
    plan: str = ""
    """The control plane's own: which plan it belongs to."""


class TapArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Send events that leave the matching outputs to `…/taps/{tap}/events`, for `seconds` at most.

    `outputs` are component ids, or `component.port`, wildcards allowed; empty means all.
    An event is sent when it fulfils all of `where`. `redact` are names of fields whose values the node
    replaces before anything leaves it, on top of those that it always replaces and of its own policy.
    """

    tap: str
    pipeline: str
    outputs: tuple[str, ...] = ()
    seconds: float = 60.0
    events_per_second: float = 100.0
    most_events: int = 10_000
    where: tuple[TapCondition, ...] = ()
    redact: tuple[str, ...] = ()


class SampleArguments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Send `events` events of each matching output once, to `…/taps/{tap}/events`."""

    tap: str
    pipeline: str
    outputs: tuple[str, ...] = ()
    events: int = 10
    seconds: float = 10.0
    redact: tuple[str, ...] = ()


ARGUMENTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    StatementKind.TAP: TapArguments,
    StatementKind.SAMPLE: SampleArguments,
    StatementKind.UPDATE: UpdateArguments,
    StatementKind.RESTART: RestartArguments,
    StatementKind.LOG_LEVEL: LogLevelArguments,
    StatementKind.WIPE: WipeArguments,
}


class Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the control plane tells one node once. Believe it only as the answer of `verify_statement`.

    `organization` and `node` are ids, `id` is unique for ever, times are epoch ms. `keys_version` is the
    version of the key list it was signed under.
    """

    organization: str
    node: str
    id: str
    kind: str
    issued_at: int
    expires_at: int
    keys_version: int
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    format: int = msgspec.field(default=STATEMENT_FORMAT)

    def read(self, kind: type[T]) -> T:
        """The arguments as one of the structs of `ARGUMENTS`. Raises StatementUnreadable."""
        try:
            return msgspec.convert(self.arguments, kind)
        except msgspec.ValidationError as error:
            raise StatementUnreadable(f"the arguments of {self.kind}: {error}") from error


class StatementRefused(Exception):
    """A statement that must not be acted on. `code` is stable; the text says what was wrong.

    `statement` is the id when the signature was good, so that the refusal can be reported to it.
    """

    code: ClassVar[str] = "statement-refused"
    statement: str = ""


class StatementForged(StatementRefused):
    """It is not an envelope signed by a key that may sign statements."""

    code = "statement-signature"


class StatementKeyUnknown(StatementRefused):
    """It was signed with a key that is not in the list this node holds, or that list has expired.

    Fetch the desired state, which brings the newest list, then try again.
    """

    code = "statement-key"


class StatementUnreadable(StatementRefused):
    """It is signed, but its content cannot be read."""

    code = "statement-unreadable"


class StatementFormatUnknown(StatementRefused):
    """It has a format this agent does not know; update the agent."""

    code = "statement-format"


class StatementForeignOrganization(StatementRefused):
    """It was made for another organisation."""

    code = "statement-organization"


class StatementForeignNode(StatementRefused):
    """It was made for another node."""

    code = "statement-node"


class StatementLivesTooLong(StatementRefused):
    """Its life is longer than any statement may live."""

    code = "statement-life"


class StatementExpired(StatementRefused):
    """It had expired when it arrived, or this clock is wrong. `offset_ms` tells by how much."""

    code = "statement-expired"

    def __init__(self, offset_ms: int) -> None:
        self.offset_ms = offset_ms
        super().__init__(f"the statement expired {offset_ms // 1000} s ago by this node's clock")


class StatementSpent(StatementRefused):
    """It was acted on before; nothing is to be done or reported."""

    code = "statement-spent"


class StatementNotNoted(StatementRefused):
    """Its id cannot be noted on this node's disk, and acting twice is worse than not acting."""

    code = "statement-not-noted"


class StatementKindUnknown(StatementRefused):
    """This agent does not know what it asks for; update the agent."""

    code = "statement-kind"


def statement_signed(statement: Statement, signer: envelope.Signer) -> envelope.Envelope:
    """Sign a statement with an online key."""
    return envelope.sign(envelope.STATEMENT, statement, signer)


def verify_statement(
    data: bytes | envelope.Envelope,
    *,
    trust: Trust,
    node: str,
    organization: str,
    spent: Mapping[str, int],
    now: int,
) -> Statement:
    """Check a signed statement by every rule and give its content, with arguments that can be read.

    `spent` are the ids acted on before, see `SpentStatements`. `now` is epoch ms. Raises a subclass of
    StatementRefused. The node's own policy is not checked here.
    """
    statement = _opened(data, trust)
    try:
        _judge(statement, node, organization, spent, now)
        # Last, so that a clock that is wrong is told as what it is.
        if trust.keys.expires_at + envelope.CLOCK_TOLERANCE_MS < now:
            raise StatementKeyUnknown("the list of keys that is held has expired")
    except StatementRefused as refusal:
        refusal.statement = statement.id
        raise
    return statement


def _judge(statement: Statement, node: str, organization: str, spent: Mapping[str, int], now: int) -> None:
    if statement.format != STATEMENT_FORMAT:
        raise StatementFormatUnknown(f"format {statement.format}; this agent reads format {STATEMENT_FORMAT}")
    if statement.organization != organization:
        raise StatementForeignOrganization(StatementForeignOrganization.__doc__)
    if statement.node != node:
        raise StatementForeignNode(StatementForeignNode.__doc__)
    if statement.expires_at - statement.issued_at > LONGEST_LIFE_MS:
        raise StatementLivesTooLong(StatementLivesTooLong.__doc__)
    if statement.expires_at + envelope.CLOCK_TOLERANCE_MS < now:
        raise StatementExpired(now - statement.expires_at)
    if statement.id in spent:
        raise StatementSpent(StatementSpent.__doc__)
    arguments = ARGUMENTS.get(statement.kind)
    if arguments is None:
        raise StatementKindUnknown(f"{statement.kind[:40]!r} is not known to this agent")
    statement.read(arguments)


def _opened(data: bytes | envelope.Envelope, trust: Trust) -> Statement:
    try:
        # Every listed key may verify here; whether it was valid then is asked once the time is known.
        listed = {key.id: public_key(key.public) for key in trust.keys.keys}
        payload = envelope.verify(data, listed, envelope.STATEMENT)
    except envelope.UnknownKey as error:
        raise StatementKeyUnknown(str(error)) from error
    except (envelope.EnvelopeRefused, EncodingInvalid) as error:
        raise StatementForged(str(error)) from error
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StatementUnreadable(str(error)) from error
    try:
        envelope.verify(data, trust.signing_keys(statement.issued_at), envelope.STATEMENT)
    except envelope.EnvelopeRefused as error:
        raise StatementForged("signed with a key outside the time it may be used") from error
    return statement


class SpentStatements(msgspec.Struct, frozen=True):
    """The ids a node acted on, with the time (epoch ms) until which each must be remembered.

    Kept on disk before the node acts: acting twice is worse than not acting.
    """

    until: dict[str, int] = msgspec.field(default_factory=dict)

    def spend(self, statement: Statement, now: int) -> "SpentStatements":
        """Give the memory with this statement in it and without those that can no longer be believed."""
        kept = {each: until for each, until in self.until.items() if until >= now}
        kept[statement.id] = statement.expires_at + envelope.CLOCK_TOLERANCE_MS
        return SpentStatements(kept)
