"""Routes of engine schemas, policy rules, templates and snippets: thin, each declaring the permission it needs."""

from vectorflow.library.http import engines, rules, snippets, templates

routes = [*engines.routes, *rules.routes, *templates.routes, *snippets.routes]
