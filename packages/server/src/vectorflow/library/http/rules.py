"""Routes of policy rules: what the organisation allows in its pipelines."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.library.rules import PolicyRuleService
from vectorflow.library.types import PolicyRuleRow
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant
from vectorflow_topology.checks.policy import PolicyRule

_PATH = "/orgs/{org:str}/policy-rules"


class PolicyRuleInput(msgspec.Struct, forbid_unknown_fields=True):
    """A rule as it is to be. Without environments it holds in all of them."""

    rule: PolicyRule
    environments: Annotated[
        list[str], msgspec.Meta(max_length=100, description="Slugs of the environments that it holds in.")
    ] = []


class PolicyRuleKept(msgspec.Struct):
    """A rule of the organisation. A new revision that breaks one of severity `error` cannot be made."""

    id: UUID
    rule: PolicyRule
    environments: list[str]
    updated_at: Instant
    updated_by: str
    etag: str


class PolicyRuleList(msgspec.Struct):
    """A page of rules, by name."""

    items: list[PolicyRuleKept]
    next_cursor: str | None


@get(
    _PATH,
    operation_id="listPolicyRules",
    summary="The organisation's rules about pipelines, by name",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_READ,
)
async def list_policy_rules(
    *,
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
    policy_rules: NamedDependency[PolicyRuleService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> PolicyRuleList:
    """List rules."""
    del org
    key = decode_cursor(cursor, str)
    async with database.transaction(organization_id) as txn:
        rows = await policy_rules.rules(txn, after=key[0] if key else None, limit=limit + 1)
    items, next_cursor = page(rows, limit, lambda row: (row.name,))
    return PolicyRuleList([_shown(row) for row in items], next_cursor)


@get(
    _PATH + "/{id:uuid}",
    operation_id="getPolicyRule",
    summary="One rule about pipelines",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_READ,
)
async def get_policy_rule(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
    policy_rules: NamedDependency[PolicyRuleService],
) -> Response[PolicyRuleKept]:
    """Return a rule."""
    del org
    async with database.transaction(organization_id) as txn:
        answer = _shown(await policy_rules.rule(txn, id))
    return Response(answer, headers={"ETag": answer.etag})


@post(
    _PATH,
    operation_id="createPolicyRule",
    summary="Make a rule about pipelines",
    tags=["organisation"],
    permission=Permission.POLICY_MANAGE,
)
async def create_policy_rule(
    *,
    org: FromPath[str],
    data: JSONBody[PolicyRuleInput],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    policy_rules: NamedDependency[PolicyRuleService],
    idempotency: NamedDependency[Idempotency],
) -> Response[PolicyRuleKept]:
    """Make a rule."""
    del org
    async with database.transaction(organization_id) as txn:
        await idempotency.begin(txn)
        answer = _shown(await policy_rules.create(txn, actor, data.rule, data.environments))
        headers = {"ETag": answer.etag}
        await idempotency.finish(txn, 201, answer, headers)
    return Response(answer, status_code=201, headers=headers)


@put(
    _PATH + "/{id:uuid}",
    operation_id="updatePolicyRule",
    summary="Change a rule about pipelines",
    tags=["organisation"],
    permission=Permission.POLICY_MANAGE,
)
async def update_policy_rule(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[PolicyRuleInput],
    request: AnyRequest,
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    policy_rules: NamedDependency[PolicyRuleService],
) -> Response[PolicyRuleKept]:
    """Change a rule."""
    del org
    given = if_match(request)
    async with database.transaction(organization_id) as txn:
        row = await policy_rules.for_change(txn, id)
        require_match(given, _tag(row))
        answer = _shown(await policy_rules.update(txn, actor, row, data.rule, data.environments))
    return Response(answer, headers={"ETag": answer.etag})


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deletePolicyRule",
    summary="Delete a rule about pipelines",
    tags=["organisation"],
    permission=Permission.POLICY_MANAGE,
)
async def delete_policy_rule(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    policy_rules: NamedDependency[PolicyRuleService],
) -> None:
    """Delete a rule."""
    del org
    given = if_match(request)
    async with database.transaction(organization_id) as txn:
        row = await policy_rules.for_change(txn, id)
        require_match(given, _tag(row))
        await policy_rules.delete(txn, actor, row)


def _tag(row: PolicyRuleRow) -> str:
    return etag("policy-rule", row.id, row.version)


def _shown(row: PolicyRuleRow) -> PolicyRuleKept:
    return PolicyRuleKept(
        id=row.id,
        rule=row.rule,
        environments=row.environments,
        updated_at=rfc3339(row.updated_at),
        updated_by=row.updated_by,
        etag=_tag(row),
    )


routes = [list_policy_rules, get_policy_rule, create_policy_rule, update_policy_rule, delete_policy_rule]
