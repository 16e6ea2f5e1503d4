import pytest

from vectorflow_wire import slugs


@pytest.mark.parametrize("slug", ["abc", "a-b", "a1-b2-c3", "a" * 32, "123"])
def test_good_slugs(slug):
    assert slugs.slug_checked(slug) == slug


@pytest.mark.parametrize("slug", ["", "ab", "a" * 33, "-ab", "ab-", "a_b", "Abc", "äbc", "abc\n", "a.b"])
def test_bad_slugs(slug):
    with pytest.raises(slugs.SlugInvalid):
        slugs.slug_checked(slug)


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("acme.agents.example.com", "acme"),
        ("ACME.Agents.Example.com:8443", "acme"),
        ("agents.example.com", None),
        ("a.b.agents.example.com", None),
        ("acme.agents.example.com.evil.test", None),
        ("acme.agentsXexample.com", None),
        ("x.agents.example.com", None),
        ("", None),
    ],
)
def test_slug_of_host(host, slug):
    assert slugs.slug_of_host(host, "agents.example.com") == slug
