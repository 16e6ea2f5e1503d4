"""Routes of engine schemas and policy rules: thin, each declaring the permission it needs."""

from vectorflow.library.http import engines, rules

routes = [*engines.routes, *rules.routes]
