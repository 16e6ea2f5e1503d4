import msgspec

from vectorflow_wire import bundles


def test_the_desired_answer_keeps_both_envelopes_byte_for_byte():
    body = bundles.desired_answer(b'{"payload": "x"}', b'{"keys":1}')
    read = msgspec.json.decode(body, type=bundles.DesiredAnswer)
    assert bytes(read.bundle) == b'{"payload": "x"}'
    assert bytes(read.keys) == b'{"keys":1}'


def test_etag_and_half_life():
    bundle = bundles.Bundle(
        organization="o",
        environment="e",
        node="n",
        generation=9,
        issue=3,
        issued_at=1000,
        expires_at=3000,
        keys_version=1,
    )
    assert bundle.etag == '"9.3"'
    assert bundle.half_life_at == 2000
    assert bundle.order > (9, 2)
