"""Routes of channels, alert rules and incidents: thin, each declaring the permission it needs."""

from vectorflow.alerts.http import channels, rules

routes = [*channels.routes, *rules.routes]
