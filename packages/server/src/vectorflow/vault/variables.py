"""Rules of variables: typed values of an environment that documents refer to by name."""

import re
from collections.abc import Callable, Mapping
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Transaction
from vectorflow.vault.columns import variable_cell
from vectorflow.vault.errors import VariableInUse, VariableInvalid, VariableNameTaken, VariableNotFound
from vectorflow.vault.names import description_errors, in_words, name_errors
from vectorflow.vault.places import SecretPlaces
from vectorflow.vault.store import uses
from vectorflow.vault.store import variables as store
from vectorflow.vault.store.variables import Variable, VariableColumns
from vectorflow.vault.types import MOST_VALUE_BYTES, Place
from vectorflow_topology.surroundings import EnvironmentVariable

Value = str | int | float | bool | list[str]
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)\Z")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = re.compile(r"(\d+)(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)?\Z")
_SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_LARGEST = 2**63 - 1


class VariableService:
    """Keeps variables. A sensitive one is sealed like a secret and never shown."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys
        self._places = SecretPlaces()

    async def variables(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        after: str | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[Variable]:
        """Return variables in the order of their names."""
        return await store.variable_list(txn, environment_id, after=after, limit=limit, text=text)

    async def create(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        *,
        name: str,
        type_: str,
        value: Value,
        sensitive: bool = False,
        description: str = "",
    ) -> Variable:
        """Keep a new variable. Raises `VariableInvalid`, `VariableNameTaken` or `KeysUnavailable`."""
        problems = [*name_errors(name), *description_errors(description)]
        if sensitive and type_ != "string":
            problems.append(FieldError("sensitive", "only text can be sensitive: it is put in place as text"))
        text, wrong = written(type_, value)
        if problems or wrong:
            raise VariableInvalid(errors=[*problems, *wrong])
        columns = VariableColumns(
            id=new_id(), name=name, type=type_, value=text, sealed=None, description=description
        )
        columns = await self._sealed(txn, columns, 1) if sensitive else columns
        made = await store.variable_insert(txn, environment_id, columns, actor)
        if made is None:
            raise VariableNameTaken
        await uses.use_mark_stale(txn, environment_id, "variable", name)
        await txn.audit(
            _entry(AuditAction.VARIABLE_CREATED, actor, made, f"The variable {name} was made.", None)
        )
        return made

    async def variable(self, txn: Transaction, environment_id: UUID, variable_id: UUID) -> Variable:
        """Return a variable. Raises `VariableNotFound`."""
        found = await store.variable_get(txn, environment_id, variable_id)
        if found is None:
            raise VariableNotFound
        return found

    async def for_change(self, txn: Transaction, environment_id: UUID, variable_id: UUID) -> Variable:
        """Return a variable and hold it. Raises `VariableNotFound`."""
        found = await store.variable_lock(txn, environment_id, variable_id)
        if found is None:
            raise VariableNotFound
        return found

    async def update(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        variable: Variable,
        *,
        value: Value,
        description: str,
        places: tuple[Place, ...] = (),
    ) -> Variable:
        """Change a variable that `for_change` returned; a sensitive one's value approves `places`.

        Raises `VariableInvalid`, `PlaceNotAsked` or `KeysUnavailable`.
        """
        text, wrong = written(variable.type, value)
        problems = [*description_errors(description), *wrong]
        if problems:
            raise VariableInvalid(errors=problems)
        version = variable.version + 1
        columns = VariableColumns(
            id=variable.id,
            name=variable.name,
            type=variable.type,
            value=text,
            sealed=None,
            description=description,
        )
        columns = await self._sealed(txn, columns, version) if variable.sensitive else columns
        newer = await store.variable_update(txn, version, columns, actor)
        if newer is None:
            raise VariableNotFound
        if variable.sensitive:
            await self._places.approve_by_value(txn, actor, environment_id, f"var.{variable.name}", places)
        elif newer.value != variable.value:
            await uses.use_mark_stale(txn, environment_id, "variable", variable.name)
        summary = f"The variable {variable.name} was changed."
        await txn.audit(_entry(AuditAction.VARIABLE_UPDATED, actor, newer, summary, variable))
        return newer

    async def delete(self, txn: Transaction, actor: Actor, environment_id: UUID, variable: Variable) -> None:
        """Remove a variable that `for_change` returned. Raises `VariableInUse`."""
        used = await uses.use_list(txn, environment_id, "variable", [variable.name])
        if used:
            raise VariableInUse(
                f"{VariableInUse.title()} They are: {in_words([each.name for each in used])}."
            )
        await store.variable_delete(txn, variable.id)
        await uses.place_delete_of(txn, environment_id, f"var.{variable.name}")
        summary = f"The variable {variable.name} was deleted."
        await txn.audit(_entry(AuditAction.VARIABLE_DELETED, actor, variable, summary, None))

    async def _sealed(self, txn: Transaction, columns: VariableColumns, version: int) -> VariableColumns:
        cell = variable_cell(columns.id, version)
        sealed = await self._keys.seal(txn, cell, (columns.value or "").encode())
        return msgspec.structs.replace(columns, value=None, sealed=sealed)


def written(type_: str, value: Value) -> tuple[str, list[FieldError]]:
    """Return a value as it is stored, and what is wrong with it."""
    if type_ not in _READERS:
        return "", [FieldError("type", f"use one of {', '.join(_READERS)}")]
    text, problem = _READERS[type_](value)
    if problem is None and (len(text.encode(errors="replace")) > MOST_VALUE_BYTES or "\0" in text):
        problem = f"use at most {MOST_VALUE_BYTES} bytes of text"
    if problem is None and any("\ud800" <= letter <= "\udfff" for letter in text):
        problem = "use text"
    return text, [FieldError("value", problem)] if problem else []


def variable_lent(variable: Variable) -> EnvironmentVariable:
    """Return a variable as the compiler takes it: durations in seconds, sizes in bytes."""
    if variable.sensitive or variable.value is None:
        return EnvironmentVariable(None, sensitive=True)
    return EnvironmentVariable(value_of(variable.type, variable.value))


def value_of(type_: str, text: str) -> Value:
    """Return what a stored text means."""
    match type_:
        case "duration":
            number, unit = _DURATION.findall(text)[0]
            seconds = float(number) * _SECONDS[unit]
            return int(seconds) if seconds.is_integer() else seconds
        case "bytes":
            number, unit = _BYTES.findall(text)[0]
            return int(number) * _SIZES[unit or "B"]
        case "number" | "boolean" | "list":
            decoded: Value = msgspec.json.decode(text)
            return decoded
        case _:
            return text


def shown(variable: Variable) -> Value | None:
    """Return a variable's value as people wrote it; None for a sensitive one."""
    if variable.value is None or variable.type in ("duration", "bytes"):
        return variable.value
    return value_of(variable.type, variable.value)


def _string(value: Value) -> tuple[str, str | None]:
    return (value, None) if isinstance(value, str) and value else ("", "give a text that is not empty")


def _number(value: Value) -> tuple[str, str | None]:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        return "", "give a number that fits into 64 bits"
    return msgspec.json.encode(value).decode(), None


def _boolean(value: Value) -> tuple[str, str | None]:
    return ("true" if value else "false", None) if isinstance(value, bool) else ("", "give true or false")


def _duration(value: Value) -> tuple[str, str | None]:
    if isinstance(value, str) and len(value) < 20 and _DURATION.fullmatch(value):
        return value, None
    return "", "write a number with a unit: ms, s, m, h or d, such as 30s"


def _bytes(value: Value) -> tuple[str, str | None]:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = _BYTES.fullmatch(text) if isinstance(text, str) and len(text) < 20 else None
    if found and int(found[1]) * _SIZES[found[2] or "B"] <= _LARGEST:
        return str(text), None
    return "", "write a number of bytes, or one with a unit such as 256MiB"


def _list(value: Value) -> tuple[str, str | None]:
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return msgspec.json.encode(value).decode(), None
    return "", "give a list of texts with at least one"


_READERS: Mapping[str, Callable[[Value], tuple[str, str | None]]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "duration": _duration,
    "bytes": _bytes,
    "list": _list,
}


def _entry(
    action: AuditAction, actor: Actor, variable: Variable, summary: str, before: Variable | None
) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="variable",
        object_id=str(variable.id),
        summary=summary,
        before=_audited(before) if before else None,
        after=_audited(variable),
    )


def _audited(variable: Variable) -> dict[str, object]:
    value = "[REDACTED]" if variable.sensitive else (variable.value or "")[:1000]
    return {
        "name": variable.name,
        "type": variable.type,
        "value": value,
        "description": variable.description,
        "version": variable.version,
    }
