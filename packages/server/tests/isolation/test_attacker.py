"""An attacker with a prompt as ``vf_app`` while fifty transactions of other organisations run.

Whatever one session of a role can read about the others must not hold a scope, nor an organisation's id.
"""

import threading
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from vectorflow.platform.credentials import Role, role_url

VICTIMS = 50
# Where one session may find out about another.
VIEWS = [
    "select t::text from pg_stat_activity t",
    "select t::text from pg_locks t",
    "select t::text from pg_settings t",
    "select t::text from pg_prepared_statements t",
    "select t::text from pg_prepared_xacts t",
    "select t::text from pg_cursors t",
    "select t::text from pg_stat_ssl t",
    "select t::text from pg_stat_replication t",
    "select t::text from pg_listening_channels() t",
    "select t::text from pg_db_role_setting t",
    "select t::text from pg_stats t where tablename in (select tablename from pg_tables where schemaname = 'public')",
    "select pg_stat_get_backend_activity(i)::text from pg_stat_get_backend_idset() i",
    "select current_setting('vf.scope', true)",
    "select reset_val from pg_settings where name like 'vf%'",
]
# What would show it, and must be refused.
REFUSED = [
    "select pg_read_file('postgresql.conf')",
    "select pg_ls_logdir()",
    "select pg_current_logfile()",
    "select * from pg_file_settings",
    "select * from pg_hba_file_rules",
    "select * from pg_shadow",
    "select * from pg_authid",
    "select * from pg_statistic",
    "select * from pg_backend_memory_contexts",
    "select pg_log_backend_memory_contexts({pid})",
    "select * from vf.scope_keys",
    "set log_statement = 'all'",
    "set log_min_error_statement = 'error'",
    "set session_preload_libraries = 'auto_explain'",
    "load 'auto_explain'",
    "create extension dblink",
    "copy (select 1) to program 'true'",
    "alter system set log_statement = 'all'",
    "alter role vf_app set log_statement = 'all'",
]


class Crowd:
    """Transactions of other organisations, each open in a thread with its scope set as the product sets it."""

    def __init__(self, url: str, signer) -> None:
        self.organizations = [uuid4() for _ in range(VICTIMS)]
        self.scopes = [signer.sign(each) for each in self.organizations]
        self.pids: list[int] = []
        self.errors: list[BaseException] = []
        self._url = url
        self._arrived = threading.Barrier(VICTIMS + 1, timeout=30)
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(each,)) for each in range(VICTIMS)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        self._arrived.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _work(self, number: int) -> None:
        try:
            with psycopg.connect(self._url) as connection:
                connection.execute("select set_config('vf.scope', %s, true)", [self.scopes[number]])
                connection.execute(
                    "select count(*) from pipelines where organization_id = %s", [self.organizations[number]]
                )
                if number % 2:  # half of them are seen with a prepared statement, half with an error
                    connection.execute("select vf.org()", prepare=True)
                else:
                    with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
                        connection.execute("select vf.org(), 1/(%s - 1)", [1])
                self.pids.append(connection.info.backend_pid)
                self._arrived.wait()
                self._done.wait(timeout=60)
        except BaseException as error:
            self.errors.append(error)
            self._arrived.abort()


@pytest.fixture(scope="module")
def app_url(isolated_url, state_dir) -> str:
    return role_url(isolated_url, Role.APP, state_dir)


@pytest.fixture(scope="module")
def crowd(app_url, signer):
    with Crowd(app_url, signer) as running:
        yield running
    assert running.errors == []


@pytest.fixture
def prompt(app_url):
    with psycopg.connect(app_url, autocommit=True) as connection:
        yield connection


def test_the_crowd_is_there(crowd, prompt) -> None:
    rows = prompt.execute(
        "select count(*) from pg_stat_activity where state = 'idle in transaction' and pid = any(%s)",
        [crowd.pids],
    ).fetchone()
    assert rows == (VICTIMS,)


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_shows_another_scope(crowd, prompt, view) -> None:
    text = "\n".join(str(row[0]) for row in prompt.execute(view))
    macs = [scope.rpartition(".")[2] for scope in crowd.scopes]
    assert not [mac for mac in macs if mac in text]
    assert not [each for each in crowd.organizations if str(each) in text]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_would_show_it_is_refused(crowd, prompt, statement) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)):
        prompt.execute(statement.format(pid=crowd.pids[0]))


def test_a_plain_text_scope_would_have_been_seen(crowd, prompt, app_url) -> None:
    """The positive control: a scope written into a statement is there for all to read."""
    with psycopg.connect(app_url) as careless:
        careless.execute(
            sql.SQL("select set_config('vf.scope', {}, true)").format(sql.Literal(crowd.scopes[0]))
        )
        text = "\n".join(row[0] for row in prompt.execute(VIEWS[0]))
    assert crowd.scopes[0] in text


def test_no_log_holds_a_scope(crowd, state_dir) -> None:
    log = state_dir.parent / "postgres" / "postgres.log"
    text = log.read_text(errors="replace")
    assert text
    assert not [each for each in crowd.scopes if each.rpartition(".")[2] in text]


def test_nothing_of_the_crowd_is_reached_with_stolen_ids(crowd, prompt) -> None:
    """Knowing the organisation and even an old mac is not enough; only a genuine scope of this moment is."""
    for organization, scope in zip(crowd.organizations[:10], crowd.scopes[1:11], strict=True):
        spliced = f"{organization}{scope[36:]}"
        prompt.execute("select set_config('vf.scope', %s, false)", [spliced])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="scope"):
            prompt.execute("select vf.org()")
