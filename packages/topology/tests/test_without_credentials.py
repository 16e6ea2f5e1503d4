"""A pipeline that is given away takes no credential along."""

from vectorflow_topology.credentials import without_credentials
from vectorflow_topology.document import Component, Document, Variable


def test_credentials_go_and_references_stay():
    options = {
        "endpoints": ["https://ann:pw@search.example.com"],
        "auth": {"strategy": "basic", "user": "ann", "password": "SECRET[search]"},
        "request": {"headers": {"Authorization": "Bearer abc", "X-Team": "shop"}},
    }
    one = Component(id="out", kind="sink", type="elasticsearch", options=options)
    variables = {
        "api_key": Variable(type="string", value="k"),
        "region": Variable(type="string", value="eu"),
    }
    clean, removed = without_credentials(Document(components=(one,), variables=variables))
    assert sorted(removed) == ["out.endpoints.0", "out.request.headers.Authorization", "variables.api_key"]
    left = clean.components[0].options
    assert left["auth"] == options["auth"]
    assert left["endpoints"] == [""]
    assert left["request"]["headers"] == {"Authorization": "", "X-Team": "shop"}
    assert (clean.variables["api_key"].value, clean.variables["region"].value) == ("", "eu")
    assert options["endpoints"] == ["https://ann:pw@search.example.com"], "what was handed over stays"
