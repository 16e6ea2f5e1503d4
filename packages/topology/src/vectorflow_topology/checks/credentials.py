"""Credentials that stand in the document as they are."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from vectorflow_topology.catalogue import Catalogue
from vectorflow_topology.credentials import literal_findings
from vectorflow_topology.document import Component
from vectorflow_topology.findings import Finding


def credential_findings(component: Component, known: Catalogue) -> Iterator[Finding]:
    """Warn of literal credentials: whoever may read the pipeline may read them."""
    for finding in literal_findings(known.spec(component), component.id, component.options):
        if finding.rule == "secret.literal":
            yield msgspec.structs.replace(finding, severity="warning")
