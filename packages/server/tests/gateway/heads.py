"""What the head of each answer of a gateway says, whoever made the answer."""

PROTECTED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


async def protected(response) -> None:
    """A hook of the client: every header stands once, and none tells what program answers."""
    for name, value in PROTECTED.items():
        assert response.headers.get_list(name) == [value], (response.request.url, response.status_code, name)
    assert "server" not in response.headers
