"""How SQL finds nodes by their labels: the words of `selectors`, evaluated on jsonb.

Equality and existence can use the index on `nodes.labels`; `CONTAINS` is written beside the full condition for that.
"""

from collections.abc import Sequence
from typing import Any, Final, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.fleet.selectors import Requirement

_UNFULFILLED: Final[LiteralString] = """ as need (key text, op text, vals text[])
    where not case need.op
        when 'in' then coalesce(n.labels ->> need.key = any(need.vals), false)
        when 'not-in' then not coalesce(n.labels ->> need.key = any(need.vals), false)
        when 'exists' then n.labels ? need.key
        else not n.labels ? need.key end)"""

SELECTED: Final[LiteralString] = (
    "n.labels @> %(contains)s and not exists (select 1 from "  # noqa: S608 - literals alone
    "jsonb_to_recordset(%(requirements)s)" + _UNFULFILLED
)
"""The nodes `n` that fulfil bound requirements; see `selecting`."""

OF_GROUP: Final[LiteralString] = (
    "not exists (select 1 from jsonb_to_recordset(g.requirements)" + _UNFULFILLED  # noqa: S608 - literals alone
)
"""The nodes `n` of a group `g`."""

OF_DEPLOYMENT: Final[LiteralString] = (
    "not exists (select 1 from jsonb_to_recordset(coalesce(g.requirements, d.requirements))" + _UNFULFILLED  # noqa: S608 - literals alone
)
"""The nodes `n` that a deployment `d` is for; `g` is its group, if it has one."""


def requirements_json(requirements: Sequence[Requirement]) -> Jsonb:
    """Return requirements as they are stored."""
    return Jsonb(msgspec.to_builtins(tuple(requirements)))


def selecting(requirements: Sequence[Requirement]) -> dict[str, Any]:
    """Return the parameters of `SELECTED`."""
    contains = {each.key: each.vals[0] for each in requirements if each.op == "in" and len(each.vals) == 1}
    return {"contains": Jsonb(contains), "requirements": requirements_json(requirements)}
