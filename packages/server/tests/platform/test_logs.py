"""Logs hold neither secrets nor anything that drives a terminal."""

import io
import json
import logging

import pytest
import structlog

from vectorflow.platform.logs import REDACTED, clean_text, configure_logs, names_secret, redact, wants_json

TOKEN = "vfn_acme_mfrgg_" + "a" * 58


@pytest.fixture
def written():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(json=True, level="debug", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_secrets_are_redacted_by_name_and_by_form(written) -> None:
    log = structlog.get_logger("test")
    log.info(
        "event",
        password="hunter2",
        nested={"api_key": "hunter2", "safe": [f"token {TOKEN} here"]},
        url="postgresql://app:hunter2@db/vf",
        header="Bearer hunter2.hunter2",
        raw=b"hunter2",
        cookie_text="vf_session=hunter2; x",
    )
    [line] = written()
    assert "hunter2" not in json.dumps(line)
    assert TOKEN not in json.dumps(line)
    assert line["password"] == REDACTED
    assert line["url"] == f"postgresql://{REDACTED}@db/vf"
    assert line["nested"]["safe"] == [f"token {REDACTED} here"]
    assert line["event"] == "event"
    assert line["level"] == "info"
    assert line["at"].endswith("Z")


def test_the_standard_library_and_traces_pass_the_same_way(written) -> None:
    try:
        raise ValueError(f"bad {TOKEN} \x1b[31m postgresql://u:hunter2@h/d")
    except ValueError:
        logging.getLogger("some.library").exception("failed with %s", "password=hunter2")
        structlog.get_logger().exception("ours")
    lines = written()
    assert len(lines) == 2
    text = json.dumps(lines)
    assert "hunter2" not in text
    assert TOKEN not in text
    assert all("ValueError" in line["exception"] for line in lines)


@pytest.mark.parametrize("hostile", ["a\r\nb", "\x1b[2J", "\x9b31m", "\u202eevil", "\u2028", "\x00", "\x7f"])
def test_control_characters_are_shown_not_obeyed(written, hostile) -> None:
    structlog.get_logger().info("hostile", name=hostile)
    [line] = written()
    assert hostile not in line["name"]
    assert clean_text(line["name"]) == line["name"]


def test_names_and_depth() -> None:
    assert names_secret("X-CSRF-Token")
    assert names_secret("dsn")
    assert not names_secret("pipeline_id")
    deep: dict[str, object] = {"v": "leaf"}
    for _ in range(20):
        deep = {"v": deep}
    assert REDACTED in json.dumps(redact(deep))
    assert len(clean_text("x" * 100_000)) < 20_000


def test_text_is_for_terminals() -> None:
    assert wants_json("auto", io.StringIO())
    assert wants_json("json")
    assert not wants_json("text")
