"""One strict reading of URLs and hosts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vectorflow.platform.egress.destination import (
    MAX_URL,
    Destination,
    authority,
    parse_destination,
    parse_url,
)
from vectorflow.platform.egress.errors import DestinationInvalid

BAD_URLS = [
    "http://2130706433/",  # decimal
    "http://0x7f000001/",  # hex
    "http://0x7f.1/",
    "http://127.0.0.0x1/",
    "http://017700000001/",  # octal
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1.1/",
    "http://127.0.0.256/",
    "http://example.0x/",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://example.com@169.254.169.254/",
    "http://@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com\\.evil.test/",
    "http://example.com:80:80/",
    "http://example.com:99999/",
    "http://example.com:0/",
    "http://example.com:/",
    "http://example.com:٨٠/",
    "http://example..com/",
    "http://.example.com/",
    "http://example.com../",
    "http:///path",
    "http://",
    "http:example.com",
    "//example.com/",
    "example.com",
    "",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\r\nHost: evil",
    "http://exam\tple.com/",
    "http://example.com/\x00",
    "http://[::1",
    "http://[::1]x/",
    "http://[127.0.0.1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[v1.x]/",
    "http://-example.com/",
    "http://exa$mple.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 130 + "com/",
    "http://example.com/" + "a" * MAX_URL,
    "http://１２７.１/",  # full-width digits, then a short form
    "http://％31.com/",
]


@pytest.mark.parametrize("url", BAD_URLS, ids=lambda url: url[:50])
def test_a_bad_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(DestinationInvalid) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://Example.COM", "https://example.com/"),
        ("https://example.com.:443/x", "https://example.com/x"),
        ("http://example.com:8080/a?b=c#d", "http://example.com:8080/a?b=c"),
        ("https://bücher.example/ä?ö=%20", "https://xn--bcher-kva.example/%C3%A4?%C3%B6=%20"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://example。com/", "https://example.com/"),
        ("http://１２７.０.０.１/", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"),
        ("http://[::FFFF:7F00:1]/", "http://[::ffff:7f00:1]/"),
        ("http://[::ffff:127.0.0.1]:81/", "http://[::ffff:7f00:1]:81/"),
        ("https://a_b.example/?", "https://a_b.example/"),
        ("https://example.com/a%2Fb;c=(1)", "https://example.com/a%2Fb;c=(1)"),
    ],
)
def test_a_good_url_has_one_form(url: str, canonical: str) -> None:
    target = parse_url(url)
    assert target.url == canonical
    assert parse_url(target.url) == target


def test_literals_become_addresses_and_names_do_not() -> None:
    assert str(parse_url("http://１２７.０.０.１/").destination.address) == "127.0.0.1"
    assert parse_url("https://example.com/").destination.address is None
    assert authority("::1", 80) == "[::1]:80"


def test_the_path_stays_out_of_texts() -> None:
    target = parse_url("https://hooks.example/services/T0/SECRET")
    assert "SECRET" not in repr(target)
    assert str(target.destination) == "hooks.example:443"


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_is_in_range(port: int) -> None:
    with pytest.raises(DestinationInvalid):
        parse_destination("example.com", port)


@given(st.text(max_size=60) | st.from_regex(r"\A[0-9a-fx.:\[\]%@]{1,25}\Z"))
@example("1.2.3.4%")
@example("٣.com")
def test_any_text_is_canonical_or_refused(text: str) -> None:
    try:
        destination = parse_destination(text, 1)
    except DestinationInvalid:
        return
    assert destination == Destination(destination.host, 1)
    assert destination.host.isascii()
    assert not set(destination.host) & set("@/\\ %[]\r\n\t#?")
    assert parse_destination(destination.host, 1) == destination
