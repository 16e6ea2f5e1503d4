import msgspec
import pytest
from nacl.signing import SigningKey

from vectorflow_wire import envelope, keys, statements
from vectorflow_wire.encoding import base64_text
from vectorflow_wire.verify import Trust

NOW = 1_800_000_000_000
HOUR = 3_600_000


def signer_of(key):
    return envelope.MemorySigner(key, keys.key_id(bytes(key.verify_key)))


ONLINE, STRANGER = SigningKey.generate(), SigningKey.generate()
TRUST = Trust(
    keys=keys.KeyList(
        organization="org",
        version=2,
        issued_at=NOW - HOUR,
        expires_at=NOW + HOUR,
        keys=(
            keys.OnlineKey(
                id=signer_of(ONLINE).key_id,
                public=base64_text(bytes(ONLINE.verify_key)),
                not_before=NOW - HOUR,
                not_after=NOW + HOUR,
            ),
        ),
    )
)
RESTART = statements.Statement(
    organization="org",
    node="node",
    id="one",
    kind=statements.StatementKind.RESTART,
    issued_at=NOW - 1000,
    expires_at=NOW + 60_000,
    keys_version=2,
    arguments={"pipeline": "p", "colour": "blue"},
)


def check(statement=RESTART, *, key=ONLINE, spent=None, now=NOW):
    return statements.verify_statement(
        envelope.sign(envelope.STATEMENT, statement, signer_of(key)),
        trust=TRUST,
        node="node",
        organization="org",
        spent=spent or {},
        now=now,
    )


def changed(**fields):
    return msgspec.structs.replace(RESTART, **fields)


def test_a_good_statement_is_believed_and_its_unknown_arguments_are_left_alone():
    statement = check()
    assert statement == RESTART
    assert statement.read(statements.RestartArguments).pipeline == "p"


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        (changed(organization="other"), statements.StatementForeignOrganization),
        (changed(node="other"), statements.StatementForeignNode),
        (changed(format=2), statements.StatementFormatUnknown),
        (changed(expires_at=NOW - envelope.CLOCK_TOLERANCE_MS - 1), statements.StatementExpired),
        (changed(expires_at=NOW + 48 * HOUR), statements.StatementLivesTooLong),
        (changed(issued_at=NOW - 2 * HOUR), statements.StatementForged),
        (changed(kind="levitate"), statements.StatementKindUnknown),
        (changed(arguments={}), statements.StatementUnreadable),
        (changed(arguments={"pipeline": 5}), statements.StatementUnreadable),
    ],
)
def test_each_rule_refuses(statement, refusal):
    with pytest.raises(refusal) as raised:
        check(statement)
    assert type(raised.value) is refusal
    assert str(raised.value)


def test_no_statement_is_believed_by_a_list_of_keys_that_has_expired():
    late = NOW + HOUR + envelope.CLOCK_TOLERANCE_MS + 1
    living = changed(issued_at=NOW + HOUR, expires_at=late + HOUR)
    assert check(living, now=late - 1) == living
    with pytest.raises(statements.StatementKeyUnknown, match="expired"):
        check(living, now=late)


def test_a_refusal_names_the_statement_only_when_its_signature_was_good():
    with pytest.raises(statements.StatementKindUnknown) as raised:
        check(changed(kind="levitate"))
    assert raised.value.statement == "one"
    with pytest.raises(statements.StatementKeyUnknown) as raised:
        check(key=STRANGER)
    assert raised.value.statement == ""


def test_every_refusal_has_its_own_code():
    kinds = statements.StatementRefused.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 11


def test_a_statement_that_was_changed_or_is_a_bundle_is_a_forgery():
    signed = envelope.sign(envelope.STATEMENT, RESTART, signer_of(ONLINE))
    other = envelope.sign(envelope.STATEMENT, changed(id="two"), signer_of(STRANGER))
    bundle = envelope.sign(envelope.BUNDLE, RESTART, signer_of(ONLINE))
    for forged in (msgspec.structs.replace(signed, payload=other.payload), bundle):
        with pytest.raises(statements.StatementForged):
            statements.verify_statement(
                forged.encoded(), trust=TRUST, node="node", organization="org", spent={}, now=NOW
            )


def test_a_statement_is_spent_once_and_forgotten_when_nobody_could_believe_it_any_more():
    memory = statements.SpentStatements().spend(RESTART, NOW)
    with pytest.raises(statements.StatementSpent):
        check(spent=memory.until)
    assert check(changed(id="two"), spent=memory.until).id == "two"
    last = RESTART.expires_at + envelope.CLOCK_TOLERANCE_MS
    assert set(memory.spend(changed(id="two"), last).until) == {"one", "two"}
    assert set(memory.spend(changed(id="two"), last + 1).until) == {"two"}
    with pytest.raises(statements.StatementExpired):
        check(now=last + 1)


def test_every_kind_has_arguments():
    kinds = {value for name, value in vars(statements.StatementKind).items() if name.isupper()}
    assert kinds == set(statements.ARGUMENTS)
