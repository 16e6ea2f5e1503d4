"""Every fence taken down, one at a time: the suite must notice each, else it proves nothing."""

import collections

import pytest
from packages.server.tests.isolation import checks
from packages.server.tests.isolation.killing import all_cases, judge_all
from packages.server.tests.isolation.mutants import FUNCTIONS, Mutant, mutants
from packages.server.tests.isolation.running import Runner

pytestmark = pytest.mark.timeout(600)  # some hundred fences, each with every case of its objects


@pytest.fixture(scope="module")
def verdicts(superuser, world):
    return judge_all(superuser, world, all_cases(superuser, world))


def test_the_catalogue_is_in_order(superuser) -> None:
    assert checks.faults(superuser) == []


def test_no_mutant_survives(verdicts) -> None:
    killed = collections.Counter(each.by for each in verdicts)
    print(  # noqa: T201  # shown with -s
        f"mutants killed: {len(verdicts) - killed['']}/{len(verdicts)} "
        f"({killed['case']} by a case, {killed['catalogue']} by the catalogue)"
    )
    survived = [f"{each.mutant} – {each.evidence}" for each in verdicts if not each.by]
    assert not survived, f"{len(survived)} of {len(verdicts)} survived:\n" + "\n".join(survived)


def test_every_kind_of_mutant_is_made(verdicts, world) -> None:
    kinds = collections.Counter(each.mutant.kind for each in verdicts)
    tables = len(world.tenant_tables)
    assert tables > 20
    assert kinds["NO FORCE"] == kinds["RLS disabled"] == tables
    assert kinds["USING (true)"] == kinds["WITH CHECK (true)"] == tables
    assert kinds["policy dropped"] > tables
    assert kinds["partition granted"] == len(world.partitions) > 10
    assert min(kinds[each] for each in ("reference made single", "function granted to public")) > 15


def test_a_gap_is_shown_by_doing_wherever_a_role_can(verdicts) -> None:
    """The catalogue alone is the witness only where no role holds the grant that would show the gap."""
    for kind in (
        "RLS disabled",
        "NO FORCE",
        "USING (true)",
        "partition granted",
        "function granted to public",
    ):
        told = [str(each.mutant) for each in verdicts if each.mutant.kind == kind and each.by != "case"]
        assert not told, f"only the catalogue noticed: {told}"


def test_a_mutant_that_does_nothing_survives_and_one_that_fails_is_red(superuser, world, monkeypatch) -> None:
    idle = Mutant("idle", "nothing", ("select 1",), ("public.teams", FUNCTIONS))
    broken = Mutant("broken", "nothing", ("drop policy unheard_of on public.teams",), ("public.teams",))
    monkeypatch.setattr(
        "packages.server.tests.isolation.killing.mutants", lambda *given: mutants(*given) and [idle, broken]
    )
    verdicts = judge_all(superuser, world, all_cases(superuser, world))
    assert [each.by for each in verdicts] == ["", ""], verdicts[0].evidence
    assert "could not be applied" in verdicts[1].evidence


def test_mutants_are_undone(superuser, world) -> None:
    before = checks.faults(superuser)
    for mutant in mutants(superuser, world)[:5]:
        with Runner(superuser, world, become=True).changed(mutant.statements):
            pass
    assert checks.faults(superuser) == before
    superuser.rollback()
