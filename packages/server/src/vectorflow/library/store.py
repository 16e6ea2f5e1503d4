"""The SQL of engine schemas, policy rules, templates and snippets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json, Jsonb

from vectorflow.library.types import (
    Account,
    EngineSchemaRow,
    KnownEngine,
    NewSnippet,
    NewTemplate,
    PolicyRuleRow,
    SnippetRow,
    TemplateRow,
)
from vectorflow.platform.database import Transaction
from vectorflow_topology.checks.policy import PolicyRule


async def engine_schema_list(txn: Transaction, *, after: UUID | None, limit: int) -> list[EngineSchemaRow]:
    """Return schemas, newest first."""
    return await txn.rows(
        EngineSchemaRow,
        """select s.id, s.digest, s.content_sha256, s.version, length(s.content) as size, s.first_at,
            s.confirmed_at, s.confirmed_by,
            (select count(*) from engine_schema_nodes n
                where n.organization_id = s.organization_id and n.schema_id = s.id) as nodes,
            (select count(*) from engine_schemas r
                where r.organization_id = s.organization_id and r.digest = s.digest and r.id <> s.id) as rivals
        from engine_schemas s
        where s.organization_id = %(organization_id)s and (%(after)s::uuid is null or s.id < %(after)s)
        order by s.id desc limit %(limit)s""",
        {"after": after, "limit": limit},
    )


async def engine_schema_get(txn: Transaction, schema_id: UUID) -> EngineSchemaRow | None:
    """Return one schema without its content."""
    return await txn.row(
        EngineSchemaRow,
        """select s.id, s.digest, s.content_sha256, s.version, length(s.content) as size, s.first_at,
            s.confirmed_at, s.confirmed_by,
            (select count(*) from engine_schema_nodes n
                where n.organization_id = s.organization_id and n.schema_id = s.id) as nodes,
            (select count(*) from engine_schemas r
                where r.organization_id = s.organization_id and r.digest = s.digest and r.id <> s.id) as rivals
        from engine_schemas s
        where s.organization_id = %(organization_id)s and s.id = %(id)s""",
        {"id": schema_id},
    )


async def engine_schemas_lock(txn: Transaction) -> None:
    """Let one transaction at a time add or confirm schemas of the organisation."""
    await txn.execute(
        "select pg_advisory_xact_lock(hashtextextended('engine-schemas' || %(organization_id)s::text, 0))"
    )


async def engine_schema_accounts(txn: Transaction, digests: Sequence[bytes]) -> list[Account]:
    """Return what is known of programs, one row for each account of each."""
    return await txn.rows(
        Account,
        """select s.digest, s.confirmed_at is not null as confirmed,
            (select count(*) from engine_schema_nodes n
                where n.organization_id = s.organization_id and n.schema_id = s.id) as nodes
        from engine_schemas s
        where s.organization_id = %(organization_id)s and s.digest = any(%(digests)s::bytea[])""",
        {"digests": list(digests)},
    )


async def engine_schema_count(txn: Transaction) -> int:
    """Return how many schemas the organisation has."""
    return int(
        await txn.value("select count(*) from engine_schemas where organization_id = %(organization_id)s")
    )


async def engine_schema_of_content(txn: Transaction, digest: bytes, content_sha256: bytes) -> UUID | None:
    """Return the schema of exactly this account of a program."""
    found = await txn.value(
        """select id from engine_schemas where organization_id = %(organization_id)s
        and digest = %(digest)s and content_sha256 = %(content_sha256)s""",
        {"digest": digest, "content_sha256": content_sha256},
    )
    return found if isinstance(found, UUID) else None


async def engine_schema_insert(
    txn: Transaction, schema_id: UUID, *, digest: bytes, content_sha256: bytes, version: str, content: bytes
) -> None:
    """Store an account of a program."""
    await txn.execute(
        """insert into engine_schemas (organization_id, id, digest, content_sha256, version, content)
        values (%(organization_id)s, %(id)s, %(digest)s, %(content_sha256)s, %(version)s, %(content)s)""",
        {
            "id": schema_id,
            "digest": digest,
            "content_sha256": content_sha256,
            "version": version,
            "content": content,
        },
    )


async def engine_schema_vouch(txn: Transaction, schema_id: UUID, node_id: UUID) -> None:
    """Note that a node gave this account."""
    await txn.execute(
        """insert into engine_schema_nodes (organization_id, schema_id, node_id)
        values (%(organization_id)s, %(schema_id)s, %(node_id)s) on conflict do nothing""",
        {"schema_id": schema_id, "node_id": node_id},
    )


async def engine_schema_confirm(txn: Transaction, schema_id: UUID, digest: bytes, by: str) -> None:
    """Believe this account of a program, and no other."""
    await txn.execute(
        """update engine_schemas set confirmed_at = null, confirmed_by = ''
        where organization_id = %(organization_id)s and digest = %(digest)s and id <> %(id)s
          and confirmed_at is not null""",
        {"digest": digest, "id": schema_id},
    )
    await txn.execute(
        """update engine_schemas set confirmed_at = now(), confirmed_by = %(by)s
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": schema_id, "by": by},
    )


async def engine_schema_delete(txn: Transaction, schema_id: UUID) -> None:
    """Forget an account of a program."""
    await txn.execute(
        "delete from engine_schemas where organization_id = %(organization_id)s and id = %(id)s",
        {"id": schema_id},
    )


async def engine_schemas_known(txn: Transaction, digests: Sequence[bytes]) -> list[KnownEngine]:
    """Return the account to go by of each program: the confirmed one, else the one most nodes gave."""
    return await txn.rows(
        KnownEngine,
        """select distinct on (s.digest) s.id, s.digest, s.content_sha256, s.version,
            s.confirmed_at is not null as confirmed
        from engine_schemas s
        where s.organization_id = %(organization_id)s and s.digest = any(%(digests)s::bytea[])
        order by s.digest, s.confirmed_at is null,
            (select count(*) from engine_schema_nodes n
                where n.organization_id = s.organization_id and n.schema_id = s.id) desc, s.id""",
        {"digests": list(digests)},
    )


async def engine_schema_content(txn: Transaction, schema_id: UUID) -> bytes | None:
    """Return an account's content as it was sent, compressed."""
    found = await txn.value(
        "select content from engine_schemas where organization_id = %(organization_id)s and id = %(id)s",
        {"id": schema_id},
    )
    return None if found is None else bytes(found)


async def policy_rule_list(txn: Transaction, *, after: str | None, limit: int) -> list[PolicyRuleRow]:
    """Return rules by name."""
    return await txn.rows(
        PolicyRuleRow,
        """select id, name, rule, environments, version, updated_at, updated_by from policy_rules
        where organization_id = %(organization_id)s and name > coalesce(%(after)s, '')
        order by name limit %(limit)s""",
        {"after": after, "limit": limit},
    )


async def policy_rules_of_environment(txn: Transaction, environment_id: UUID) -> list[PolicyRuleRow]:
    """Return the rules that hold in an environment."""
    return await txn.rows(
        PolicyRuleRow,
        """select r.id, r.name, r.rule, r.environments, r.version, r.updated_at, r.updated_by
        from policy_rules r
        join environments e on e.organization_id = r.organization_id and e.id = %(environment_id)s
        where r.organization_id = %(organization_id)s
          and (r.environments = '{}' or e.slug = any(r.environments))
        order by r.name""",
        {"environment_id": environment_id},
    )


_RULE = """select id, name, rule, environments, version, updated_at, updated_by from policy_rules
        where organization_id = %(organization_id)s and id = %(id)s"""


async def policy_rule_get(txn: Transaction, rule_id: UUID) -> PolicyRuleRow | None:
    """Return a rule, whoever is changing it."""
    return await txn.row(PolicyRuleRow, _RULE, {"id": rule_id})


async def policy_rule_lock(txn: Transaction, rule_id: UUID) -> PolicyRuleRow | None:
    """Return a rule, holding its row until the transaction ends."""
    return await txn.row(PolicyRuleRow, _RULE + " for update", {"id": rule_id})


async def policy_rule_count(txn: Transaction) -> int:
    """Return how many rules the organisation has."""
    return int(
        await txn.value("select count(*) from policy_rules where organization_id = %(organization_id)s")
    )


async def policy_rule_name_taken(txn: Transaction, name: str, but: UUID) -> bool:
    """Tell whether another rule has this name."""
    return bool(
        await txn.value(
            """select exists(select from policy_rules
            where organization_id = %(organization_id)s and name = %(name)s and id <> %(but)s)""",
            {"name": name, "but": but},
        )
    )


async def policy_rule_insert(
    txn: Transaction, rule_id: UUID, rule: PolicyRule, environments: Sequence[str], by: str
) -> PolicyRuleRow | None:
    """Store a new rule; None when the name is taken."""
    return await txn.row(
        PolicyRuleRow,
        """insert into policy_rules (organization_id, id, name, rule, environments, updated_by)
        values (%(organization_id)s, %(id)s, %(name)s, %(rule)s, %(environments)s::text[], %(by)s)
        on conflict (organization_id, name) do nothing
        returning id, name, rule, environments, version, updated_at, updated_by""",
        {"id": rule_id, **_rule(rule, environments, by)},
    )


async def policy_rule_update(
    txn: Transaction, rule_id: UUID, rule: PolicyRule, environments: Sequence[str], by: str
) -> PolicyRuleRow | None:
    """Store a rule as its next version."""
    return await txn.row(
        PolicyRuleRow,
        """update policy_rules set name = %(name)s, rule = %(rule)s, environments = %(environments)s::text[],
            version = version + 1, updated_at = now(), updated_by = %(by)s
        where organization_id = %(organization_id)s and id = %(id)s
        returning id, name, rule, environments, version, updated_at, updated_by""",
        {"id": rule_id, **_rule(rule, environments, by)},
    )


async def policy_rule_delete(txn: Transaction, rule_id: UUID) -> None:
    """Remove a rule."""
    await txn.execute(
        "delete from policy_rules where organization_id = %(organization_id)s and id = %(id)s",
        {"id": rule_id},
    )


async def environment_slugs(txn: Transaction, slugs: Sequence[str]) -> list[str]:
    """Return which of the slugs are environments of the organisation."""
    found: Sequence[str] | None = await txn.value(
        """select array_agg(slug) from environments
        where organization_id = %(organization_id)s and slug = any(%(slugs)s::text[])""",
        {"slugs": list(slugs)},
    )
    return list(found or ())


async def template_list(txn: Transaction, *, limit: int) -> list[TemplateRow]:
    """Return templates by name, without their documents."""
    return await txn.rows(
        TemplateRow,
        """select id, name, summary, component_count, updated_at, updated_by,
            array(select distinct c ->> 'type' from json_array_elements(document -> 'components') c order by 1)
                as types,
            coalesce(document -> 'variables', '{}') as variables
        from pipeline_templates where organization_id = %(organization_id)s order by name limit %(limit)s""",
        {"limit": limit},
    )


async def template_document(txn: Transaction, template_id: UUID) -> dict[str, Any] | None:
    """Return a template's document."""
    found: dict[str, Any] | None = await txn.value(
        "select document from pipeline_templates where organization_id = %(organization_id)s and id = %(id)s",
        {"id": template_id},
    )
    return found


async def template_count(txn: Transaction) -> int:
    """Return how many templates the organisation has."""
    return int(
        await txn.value("select count(*) from pipeline_templates where organization_id = %(organization_id)s")
    )


async def template_insert(
    txn: Transaction, template_id: UUID, template: NewTemplate, document: dict[str, Any], by: str
) -> TemplateRow | None:
    """Store a template; None when the name is taken."""
    return await txn.row(
        TemplateRow,
        """insert into pipeline_templates
            (organization_id, id, name, summary, document, component_count, updated_by)
        values (%(organization_id)s, %(id)s, %(name)s, %(summary)s, %(document)s, %(count)s, %(by)s)
        on conflict (organization_id, name) do nothing
        returning id, name, summary, component_count, updated_at, updated_by, '{}'::text[] as types""",
        {
            "id": template_id,
            "name": template.name,
            "summary": template.summary,
            "document": Json(document),
            "count": len(template.document.components),
            "by": by[:200],
        },
    )


async def template_delete(txn: Transaction, template_id: UUID) -> TemplateRow | None:
    """Remove a template and return what it was."""
    return await txn.row(
        TemplateRow,
        """delete from pipeline_templates where organization_id = %(organization_id)s and id = %(id)s
        returning id, name, summary, component_count, updated_at, updated_by, '{}'::text[] as types""",
        {"id": template_id},
    )


async def snippet_list(txn: Transaction, *, limit: int) -> list[SnippetRow]:
    """Return snippets by name."""
    return await txn.rows(
        SnippetRow,
        """select id, name, summary, program, version, updated_by from vrl_snippets
        where organization_id = %(organization_id)s order by name limit %(limit)s""",
        {"limit": limit},
    )


async def snippet_count(txn: Transaction) -> int:
    """Return how many snippets the organisation has."""
    return int(
        await txn.value("select count(*) from vrl_snippets where organization_id = %(organization_id)s")
    )


async def snippet_insert(
    txn: Transaction, snippet_id: UUID, snippet: NewSnippet, by: str
) -> SnippetRow | None:
    """Store a snippet; None when the name is taken."""
    return await txn.row(
        SnippetRow,
        """insert into vrl_snippets (organization_id, id, name, summary, program, updated_by)
        values (%(organization_id)s, %(id)s, %(name)s, %(summary)s, %(program)s, %(by)s)
        on conflict (organization_id, name) do nothing
        returning id, name, summary, program, version, updated_by""",
        {"id": snippet_id, "by": by[:200], **msgspec.structs.asdict(snippet)},
    )


async def snippet_lock(txn: Transaction, snippet_id: UUID) -> SnippetRow | None:
    """Return a snippet, holding its row until the transaction ends."""
    return await txn.row(
        SnippetRow,
        """select id, name, summary, program, version, updated_by from vrl_snippets
        where organization_id = %(organization_id)s and id = %(id)s for update""",
        {"id": snippet_id},
    )


async def snippet_update(
    txn: Transaction, snippet_id: UUID, snippet: NewSnippet, by: str
) -> SnippetRow | None:
    """Store a snippet as its next version. Raises UniqueViolation for a name that another one has."""
    return await txn.row(
        SnippetRow,
        """update vrl_snippets set name = %(name)s, summary = %(summary)s, program = %(program)s,
            version = version + 1, updated_at = now(), updated_by = %(by)s
        where organization_id = %(organization_id)s and id = %(id)s
        returning id, name, summary, program, version, updated_by""",
        {"id": snippet_id, "by": by[:200], **msgspec.structs.asdict(snippet)},
    )


async def snippet_delete(txn: Transaction, snippet_id: UUID) -> None:
    """Remove a snippet."""
    await txn.execute(
        "delete from vrl_snippets where organization_id = %(organization_id)s and id = %(id)s",
        {"id": snippet_id},
    )


def _rule(rule: PolicyRule, environments: Sequence[str], by: str) -> dict[str, object]:
    return {
        "name": rule.name,
        "rule": Jsonb(msgspec.to_builtins(rule)),
        "environments": sorted(set(environments)),
        "by": by[:200],
    }
