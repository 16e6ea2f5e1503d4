"""Templates that an organisation keeps: documents whose variables are the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vectorflow_topology.document import Document, Variable
from vectorflow_topology.templates.render import TemplateRefused
from vectorflow_topology.templates.types import Parameter, ParameterType
from vectorflow_topology.templates.values import settled_parameters

_TYPES: Final[Mapping[str, ParameterType]] = {"string": "text", "number": "number", "boolean": "boolean"}


def own_parameters(variables: Mapping[str, Variable]) -> tuple[Parameter, ...]:
    """Return a parameter for each variable, with its value as the default."""
    return tuple(
        Parameter(
            name=name,
            title=name.replace("_", " ").replace("-", " ").strip().capitalize() or name,
            type=_TYPES[variable.type],
            default=variable.value,
            variable=True,
        )
        for name, variable in variables.items()
    )


def with_parameters(document: Document, given: Mapping[str, Any]) -> Document:
    """Return the document with these values of its variables. Raises `TemplateRefused`."""
    values, findings = settled_parameters(own_parameters(document.variables), given)
    if findings:
        raise TemplateRefused(findings)
    variables = {
        name: msgspec.structs.replace(variable, value=values[name])
        for name, variable in document.variables.items()
    }
    return msgspec.structs.replace(document, variables=variables)
