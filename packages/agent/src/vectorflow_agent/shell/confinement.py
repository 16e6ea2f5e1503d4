"""What an engine may not do to its neighbours and to the agent: its user, its groups, its limits."""

import grp
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from vectorflow_agent.core.policy import Limits, Policy
from vectorflow_agent.settings import Settings, SettingsInvalid
from vectorflow_agent.shell.cgroups import Cgroups, cgroups_open
from vectorflow_agent.shell.disk import Layout, passage
from vectorflow_agent.shell.users import Account, Users, users_wanted


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """How one engine is confined. Without an account it runs as the agent's own user."""

    account: Account | None = None
    groups: tuple[int, ...] = ()
    low_ports: bool = False
    limits: Limits = Limits()
    cgroup: str = ""

    @property
    def group(self) -> int | None:
        """The group that may read the engine's configuration and secrets; None for nobody but us."""
        return self.account.gid if self.account else None

    def orders(self, environment: Iterable[str]) -> str:
        """The same for `launch.py`, as JSON, with the names of the variables to pass on."""
        limits = {"open_files": self.limits.open_files}
        if not self.cgroup:
            limits |= {"address_space": self.limits.memory_bytes}
            if self.account is not None:
                # The system counts this one per user, so it means something only for a user of its own.
                limits |= {"processes": self.limits.processes}
        orders: dict[str, Any] = {
            "limits": {name: value for name, value in limits.items() if value is not None}
        }
        orders["environment"] = sorted(environment)
        if self.cgroup:
            orders["cgroup"] = self.cgroup
        if self.account is not None:
            orders |= {"uid": self.account.uid, "gid": self.account.gid, "low_ports": self.low_ports}
            orders["groups"] = list(self.groups)
        return msgspec.json.encode(orders).decode()


class Confiner:
    """Knows how each pipeline's engine is confined on this machine."""

    def __init__(self, policy: Policy, users: Users | None, cgroups: Cgroups | None) -> None:
        self._policy = policy
        self._groups = _group_ids(policy) if users is not None else ()
        self.users = users
        self.cgroups = cgroups
        self.taken: Callable[[str], tuple[Account | None, tuple[int, ...]] | None] = lambda _: None
        """Whom the engine of a pipeline runs as that took another Vector's place."""

    def of(self, pipeline: str) -> Confinement:
        """How this pipeline's engine is confined. Raises UsersExhausted, OSError."""
        taken = self.taken(pipeline) if self.users else None
        if taken is None:
            taken = (self.users.account(pipeline) if self.users else None, self._groups)
        return Confinement(
            account=taken[0],
            groups=taken[1],
            low_ports=self._policy.low_ports,
            limits=self._policy.limits,
            cgroup=self.cgroups.make(pipeline, self._policy.limits) if self.cgroups else "",
        )


def confiner_open(settings: Settings, policy: Policy, layout: Layout, runtime: Path) -> Confiner:
    """Prepare the folders that users of engines must pass through. Raises SettingsInvalid, OSError."""
    if not users_wanted(settings):
        _closed_again(layout, runtime)
        return Confiner(policy, None, cgroups_open())
    _moved_out(layout, settings.engines)
    passage(settings.engines)
    passage(runtime)
    return Confiner(policy, Users(layout.users, settings.uids, layout.pipelines), cgroups_open())


def _closed_again(layout: Layout, runtime: Path) -> None:
    """Folders of one user are closed again, in case an earlier agent had users for engines."""
    for path in (layout.pipelines, runtime):
        if path.is_dir() and path.stat().st_uid == os.geteuid():
            path.chmod(0o700)


def _moved_out(layout: Layout, engines: Path) -> None:
    """What engines need lies outside the agent's own folder, which stays closed to them.

    A link is left behind: an engine that runs since before still finds its files.
    """
    inside = layout.root / "pipelines"
    if inside.is_symlink():
        if inside.resolve() != engines.resolve():
            raise SettingsInvalid(
                f"engines have their files in {inside.resolve()}; stop the agent and move that folder to "
                f"{engines}, or set VECTORFLOW_AGENT_ENGINES_DIR to it"
            )
        return
    if inside.is_dir():
        if engines.exists():
            raise SettingsInvalid(
                f"{inside} and {engines} both hold engines' files: remove the one not in use"
            )
        inside.rename(engines)
    inside.symlink_to(engines.absolute())


def _group_ids(policy: Policy) -> tuple[int, ...]:
    found = []
    for name in policy.groups:
        try:
            group = grp.getgrnam(name)
        except KeyError:
            raise SettingsInvalid(
                f"the node's policy names the group {name!r}, which does not exist"
            ) from None
        if group.gr_gid == 0:
            raise SettingsInvalid("the node's policy gives engines the group root, which is never done")
        found.append(group.gr_gid)
    return tuple(found)
