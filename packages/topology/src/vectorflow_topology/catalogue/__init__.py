"""What Vector's components are: their options, ports, event types, ports they listen on and secrets.

One readable data file per component lies in `sources/`, `transforms/` and `sinks/`; blocks that many
share lie in `shared/`. The format is described in `types`. Judging a document by the catalogue is not
done here but in `checks`.
"""

from vectorflow_topology.catalogue.fleet import catalogue_from_schema
from vectorflow_topology.catalogue.load import Catalogue, catalogue
from vectorflow_topology.catalogue.schema import SchemaRefused
from vectorflow_topology.catalogue.types import ComponentSpec, OptionSpec, Port, Resource, ResourceSpec

__all__ = [
    "Catalogue",
    "ComponentSpec",
    "OptionSpec",
    "Port",
    "Resource",
    "ResourceSpec",
    "SchemaRefused",
    "catalogue",
    "catalogue_from_schema",
]
