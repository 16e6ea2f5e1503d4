"""Pipelines to begin with: data files in a form of their own, read, given parameters and made documents.

What lives here is the built-in gallery and the one way in which a template becomes a document. What an
organisation keeps as a template is a document already, whose variables are its parameters; the server stores it.
"""

from vectorflow_topology.templates.load import templates
from vectorflow_topology.templates.own import own_parameters, with_parameters
from vectorflow_topology.templates.render import TemplateRefused, render_template
from vectorflow_topology.templates.types import Fixture, Parameter, Template

__all__ = [
    "Fixture",
    "Parameter",
    "Template",
    "TemplateRefused",
    "own_parameters",
    "render_template",
    "templates",
    "with_parameters",
]
