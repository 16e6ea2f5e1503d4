"""Policy rules: what an organisation allows in its pipelines. Works in the caller's transaction."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.library import store
from vectorflow.library.errors import (
    PolicyRuleInvalid,
    PolicyRuleNameTaken,
    PolicyRuleNotFound,
    TooManyPolicyRules,
)
from vectorflow.library.types import MOST_POLICY_RULES, PolicyRuleRow
from vectorflow.platform.database import Transaction
from vectorflow_topology.checks.policy import PolicyRule

_MOST_NAME = 100
_MOST_REASON = 500
_MOST_LISTED = 200
_MOST_TEXT = 200


class PolicyRuleService:
    """Makes, changes, lists and deletes rules, and tells which hold in an environment."""

    async def rules(
        self, txn: Transaction, *, after: str | None = None, limit: int = 50
    ) -> list[PolicyRuleRow]:
        """Return rules by name."""
        return await store.policy_rule_list(txn, after=after, limit=limit)

    async def of_environment(self, txn: Transaction, environment_id: UUID) -> list[PolicyRule]:
        """Return the rules that hold in an environment."""
        return [row.rule for row in await store.policy_rules_of_environment(txn, environment_id)]

    async def rule(self, txn: Transaction, rule_id: UUID) -> PolicyRuleRow:
        """Return a rule. Raises `PolicyRuleNotFound`."""
        row = await store.policy_rule_get(txn, rule_id)
        if row is None:
            raise PolicyRuleNotFound
        return row

    async def for_change(self, txn: Transaction, rule_id: UUID) -> PolicyRuleRow:
        """Return a rule and hold it until the transaction ends. Raises `PolicyRuleNotFound`."""
        row = await store.policy_rule_lock(txn, rule_id)
        if row is None:
            raise PolicyRuleNotFound
        return row

    async def create(
        self, txn: Transaction, actor: Actor, rule: PolicyRule, environments: Sequence[str]
    ) -> PolicyRuleRow:
        """Make a rule. Raises `PolicyRuleInvalid`, `PolicyRuleNameTaken` or `TooManyPolicyRules`."""
        await self._judge(txn, rule, environments)
        if await store.policy_rule_count(txn) >= MOST_POLICY_RULES:
            raise TooManyPolicyRules
        row = await store.policy_rule_insert(txn, new_id(), rule, environments, actor.name)
        if row is None:
            raise PolicyRuleNameTaken
        await _tell(txn, AuditAction.POLICY_RULE_CREATED, actor, None, row)
        return row

    async def update(
        self,
        txn: Transaction,
        actor: Actor,
        row: PolicyRuleRow,
        rule: PolicyRule,
        environments: Sequence[str],
    ) -> PolicyRuleRow:
        """Change a rule that `for_change` returned. Raises `PolicyRuleInvalid` or `PolicyRuleNameTaken`."""
        await self._judge(txn, rule, environments)
        if await store.policy_rule_name_taken(txn, rule.name, row.id):
            raise PolicyRuleNameTaken
        newer = await store.policy_rule_update(txn, row.id, rule, environments, actor.name)
        if newer is None:  # it is held
            raise PolicyRuleNotFound
        await _tell(txn, AuditAction.POLICY_RULE_UPDATED, actor, row, newer)
        return newer

    async def delete(self, txn: Transaction, actor: Actor, row: PolicyRuleRow) -> None:
        """Delete a rule that `for_change` returned."""
        await store.policy_rule_delete(txn, row.id)
        await _tell(txn, AuditAction.POLICY_RULE_DELETED, actor, row, None)

    async def _judge(self, txn: Transaction, rule: PolicyRule, environments: Sequence[str]) -> None:
        problems = list(_problems(rule))
        known = await store.environment_slugs(txn, environments) if environments else []
        unknown = sorted(set(environments) - set(known))
        if unknown:
            problems.append(FieldError("environments", f"there is no environment {unknown[0]!r}"))
        if problems:
            raise PolicyRuleInvalid(errors=problems)


def _problems(rule: PolicyRule) -> list[FieldError]:
    found = []
    if not 1 <= len(rule.name.strip()) <= _MOST_NAME or not rule.name.isprintable():
        found.append(FieldError("rule.name", f"use 1 to {_MOST_NAME} printable characters"))
    if len(rule.reason) > _MOST_REASON or "\0" in rule.reason:
        found.append(FieldError("rule.reason", f"use at most {_MOST_REASON} characters of text"))
    for name in ("types", "path", "values"):
        texts = getattr(rule, name)
        if len(texts) > _MOST_LISTED or any(
            not 1 <= len(each) <= _MOST_TEXT or "\0" in each for each in texts
        ):
            found.append(
                FieldError(f"rule.{name}", f"give at most {_MOST_LISTED} texts of up to {_MOST_TEXT}")
            )
    if rule.about == "option" and not rule.path:
        found.append(FieldError("rule.path", "say which option the rule is about"))
    if rule.about == "destination" and not rule.values:
        found.append(FieldError("rule.values", "say which hosts the rule is about"))
    if rule.about == "component" and not (rule.types or rule.kinds):
        found.append(FieldError("rule.types", "say which components the rule is about"))
    if rule.about == "component" and not rule.types:
        found.append(FieldError("rule.types", "name types; * stands for any"))
    if rule.verdict == "require" and rule.about != "option":
        found.append(FieldError("rule.verdict", "only options can be required"))
    return found[:20]


async def _tell(
    txn: Transaction,
    action: AuditAction,
    actor: Actor,
    before: PolicyRuleRow | None,
    after: PolicyRuleRow | None,
) -> None:
    row = after or before
    assert row is not None  # noqa: S101 - one of them is given
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="policy_rule",
            object_id=str(row.id),
            summary=f"The rule {row.name} was {action.rpartition('.')[2]}.",
            before=_audited(before),
            after=_audited(after),
        )
    )


def _audited(row: PolicyRuleRow | None) -> dict[str, object] | None:
    if row is None:
        return None
    plain: dict[str, object] = msgspec.to_builtins(row.rule)
    return plain | {"environments": row.environments}
