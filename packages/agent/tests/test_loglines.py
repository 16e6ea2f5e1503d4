"""`core.loglines`: lines of engines without secrets and control characters, whatever the engines write."""

import time

from vectorflow_agent.core.loglines import (
    KEPT_BYTES,
    Allowance,
    Parser,
    Splitter,
    at_least,
    clean,
    hidden,
)

VECTOR = (
    b'2030-05-01T10:00:00.250000Z ERROR sink{component_kind="sink" component_id=out component_type=http}: '
    b"vector::internal_events: Service call failed."
)


def read(raw, secrets=(), parser=None):
    return (parser or Parser()).read(raw, len(raw), secrets)


def test_a_line_of_vector_says_when_how_serious_and_about_what() -> None:
    line = read(VECTOR)
    assert (line.at, line.level, line.component) == (1903860000250, "error", "out")
    assert line.text.endswith("Service call failed.")
    assert not line.text.startswith("2030")


def test_a_line_of_the_embedded_engine_is_read_the_same() -> None:
    line = read(
        b"2030-05-01T10:00:00.250000Z  WARN "
        b'source{component_kind="source" component_id=in component_type=file}: vectorflow_engine: slow'
    )
    assert (line.level, line.component) == ("warn", "in")


def test_what_follows_a_line_belongs_to_it_and_a_panic_is_an_error() -> None:
    parser = Parser()
    read(VECTOR, parser=parser)
    more = read(b"  caused by: connection refused", parser=parser)
    assert (more.level, more.component, more.text) == ("error", "out", "caused by: connection refused")
    panic = read(b"thread 'vector-worker' (7) panicked at src/main.rs:1:2:", parser=parser)
    assert (panic.level, panic.component) == ("error", "")
    assert read(b"INFO vector: Vector has started.").level == "info"
    assert read(b"no head at all").level == "warn"
    assert read(b"   ") is None


def test_terminals_are_not_steered_and_secrets_do_not_pass() -> None:
    bad = "\x1b[31mred\x1b[0m \x1b]0;title\x07 a\rb\x00c \u202e tail <script>x</script>"
    text = clean(bad, ())
    assert text.isprintable()
    assert text == "red  a b c   tail <script>x</script>"
    secrets = hidden(
        ["hunter2-and-more", "hunter2", "abc", "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----"]
    )
    assert clean("got hunter2-and-more, hunter2", secrets) == "got [secret], [secret]"
    assert clean("line MIIEvQIBADANBg of a key", secrets) == "line [secret] of a key"
    assert clean("abc is too short to be a secret", secrets).startswith("abc")
    token = "vfn_acme_" + "a" * 26 + "_" + "b" * 58
    assert token not in clean(f"Bearer {token}", ())


def test_a_line_of_a_megabyte_is_cut_with_a_mark_and_held_in_bounds() -> None:
    splitter = Splitter()
    found = []
    for _ in range(16):
        found += splitter.feed(b"x" * 65_536)
    assert found == []
    assert splitter.waiting == 1_048_576
    ((data, length),) = splitter.feed(b"\n")
    assert len(data) == KEPT_BYTES
    line = Parser().read(data, length, ())
    assert line.text.endswith("…[cut, 1048576 bytes]")
    assert len(line.text.encode()) < 4200


def test_a_secret_at_the_place_of_the_cut_is_not_seen_in_part() -> None:
    text = "x" * 4090 + "hunter2-and-more"
    line = Parser().read(text.encode(), len(text), hidden(["hunter2-and-more"]))
    assert "hunter" not in line.text


def test_binary_is_text_of_some_sort() -> None:
    line = read(bytes(range(256)))
    assert line.text.isprintable()


def test_lines_come_whole_however_they_are_written() -> None:
    splitter = Splitter()
    assert list(splitter.feed(b"on")) == []
    assert [data for data, _ in splitter.feed(b"e\ntwo\n\nthr")] == [b"one", b"two", b""]
    assert splitter.flush() == (b"thr", 3)
    assert splitter.waiting == 0


def test_levels_have_an_order_and_an_unknown_one_passes() -> None:
    assert at_least("error", "warn")
    assert not at_least("info", "warn")
    assert at_least("loud", "error")


def test_an_allowance_lets_a_burst_pass_and_then_its_rate() -> None:
    allowance = Allowance(per_second=2, burst=3, now=0)
    assert [allowance.take(0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(1) for _ in range(3)] == [True, True, False]


def test_a_credential_that_an_engine_quotes_of_an_event_is_taken_out_and_an_address_stays() -> None:
    line = read(
        b'ERROR sink{component_id=out}: cannot take {"password":"canary-1","n":1} api_key=canary-2 '
        b"Authorization: Bearer canary-33 from https://ann:canary-4@example.com 10.0.0.7:514"
    )
    assert "canary" not in line.text
    assert "cannot take" in line.text
    assert "10.0.0.7:514" in line.text


def test_a_long_line_of_any_kind_is_cleaned_quickly() -> None:
    began = time.process_time()
    for piece in ("password=", "a" * 9, "token ", "://", "eyJ", "-----BEGIN ", "Cookie:", '\\"secret'):
        clean(piece * (KEPT_BYTES // len(piece)), ())
    # Of the processor, so that neighbours do not count; a pattern that goes back and forth takes minutes.
    assert time.process_time() - began < 10
