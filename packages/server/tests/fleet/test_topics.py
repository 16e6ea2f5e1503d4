"""`fleet.topics`: a message with as many hints as are sent at once fits the bus."""

import uuid

import msgspec

from vectorflow.fleet import topics

POSTGRESQL_LIMIT = 8000


def test_a_message_full_of_hints_fits() -> None:
    nodes = {str(uuid.uuid4()): "1767225600000.2147483647" for _ in range(topics.HINTS_PER_MESSAGE)}
    message = {"topic": topics.DESIRED, "organization_id": uuid.uuid4(), "nodes": nodes}
    assert len(msgspec.json.encode(message)) < POSTGRESQL_LIMIT
    ids = {"topic": topics.REPORTS, "organization_id": uuid.uuid4(), "pipeline_ids": list(nodes)}
    assert len(msgspec.json.encode(ids)) < POSTGRESQL_LIMIT
