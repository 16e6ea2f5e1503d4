"""`delivery.live`: which topics there are."""

import uuid

import pytest

from vectorflow.delivery.errors import TopicUnknown
from vectorflow.delivery.live import parse_topic

ID = uuid.UUID("01a209c7-8154-7961-ab2f-ed42c3f7c1d0")


@pytest.mark.parametrize("kind", ["rates", "pipeline", "rollout", "nodes"])
def test_topics_name_a_kind_and_an_id(kind) -> None:
    assert parse_topic(f"{kind}:{ID}") == (kind, ID)


@pytest.mark.parametrize(
    "topic", ["", "rates", "rates:", f"secrets:{ID}", f"rates:{ID}x", f"rates: {ID}", "rates:*"]
)
def test_what_is_no_topic_is_refused(topic) -> None:
    with pytest.raises(TopicUnknown):
        parse_topic(topic)
