"""Slugs of organisations and environments, and the organisation's slug in an agent host name."""

import re

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,30})[a-z0-9]", re.ASCII)


class SlugInvalid(ValueError):
    """A slug has 3 to 32 characters of a-z, 0-9 and hyphen, with no hyphen at either end."""


def is_slug(text: str) -> bool:
    """Tell whether the text is a slug: 3 to 32 of `a-z0-9-`, no hyphen at the ends."""
    return _SLUG.fullmatch(text) is not None


def slug_checked(text: str) -> str:
    """Return the text unchanged when it is a slug; else raise SlugInvalid."""
    if not is_slug(text):
        raise SlugInvalid(SlugInvalid.__doc__)
    return text


def slug_of_host(host: str, domain: str) -> str | None:
    """Give the slug in a Host header `<slug>.<domain>[:port]`, or None when it has another form.

    `domain` is the agent domain as configured, for example `agents.example.com`.
    """
    name = host.lower().rpartition(":")[0] if ":" in host else host.lower()
    slug, dot, rest = name.partition(".")
    if not dot or rest != domain.lower() or not is_slug(slug):
        return None
    return slug
