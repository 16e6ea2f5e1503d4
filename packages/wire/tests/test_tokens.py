from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow_wire import tokens

ID = UUID("01936f3e-7a10-7c1b-8f00-0123456789ab")


def test_a_minted_token_parses_to_itself():
    token = tokens.mint(tokens.NODE, "acme-corp", ID)
    assert tokens.parse(token.text) == token
    assert tokens.secret_matches(token.secret, token.hash)
    assert token.text.startswith("vfn_acme-corp_")
    assert token.text == token.text.lower()


def test_secrets_differ_and_stay_out_of_repr():
    token = tokens.mint(tokens.ENROLMENT, "acme", ID)
    assert token.secret != tokens.mint(tokens.ENROLMENT, "acme", ID).secret
    assert token.text[-30:] not in repr(token)
    assert repr(token.secret) not in repr(token)


def test_every_single_character_typo_is_told_apart_from_a_forgery():
    text = tokens.mint(tokens.NODE, "acme", ID).text
    for position in range(len(text)):
        typo = text[:position] + ("b" if text[position] != "b" else "c") + text[position + 1 :]
        with pytest.raises(tokens.TokenInvalid):
            tokens.parse(typo)


@pytest.mark.parametrize(
    "change", [str.upper, lambda t: t[:-1], lambda t: t + "a", lambda t: t + "\n", lambda t: "x" * 5000]
)
def test_other_spellings_are_refused(change):
    with pytest.raises(tokens.TokenInvalid):
        tokens.parse(change(tokens.mint(tokens.NODE, "acme", ID).text))


def test_a_token_of_another_kind_is_refused():
    text = tokens.mint(tokens.SERVICE_ACCOUNT, "acme", ID).text
    with pytest.raises(tokens.TokenInvalid):
        tokens.parse(text, prefixes={tokens.NODE})


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text):
    with pytest.raises(tokens.TokenInvalid) as raised:
        tokens.parse(text)
    assert str(raised.value) == tokens.TokenInvalid.__doc__


@pytest.mark.parametrize("slug", ["ab", "-abc", "abc-", "a_b", "A" * 4, "a" * 33])
def test_a_bad_slug_mints_nothing(slug):
    with pytest.raises(ValueError, match="slug"):
        tokens.mint(tokens.NODE, slug, ID)
