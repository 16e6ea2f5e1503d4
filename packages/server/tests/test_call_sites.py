"""Every place that calls out is known: its purpose, whether an organisation triggers it, and that it is documented."""

import ast
from pathlib import Path

import pytest
from packages.server.tests.test_house_rules import SERVER, Source, called_name, modules_of, source
from packages.server.tests.test_security_policy import tables

PAGE = Path(__file__).resolve().parents[3] / "docs/security/egress.md"
CLIENTS = {"http", "smtp", "tls", "git"}
Site = tuple[str, str, bool]  # module, purpose, whether it is called for an organisation


def constants(module: Source) -> dict[str, str]:
    """Texts that have a name at the top of the module."""
    return {
        target.id: node.value.value
        for node in module.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def callers(module: Source) -> list[ast.Call]:
    return [
        node for node in ast.walk(module.tree) if isinstance(node, ast.Call) and called_name(node) == "Caller"
    ]


def call_sites(modules: list[Source]) -> list[Site]:
    """Every caller that is made outside egress. A purpose that is no plain text is named `?`."""
    found = []
    for module in modules:
        if module.place.startswith("platform/egress/"):
            continue
        for node in callers(module):
            purpose = node.args[0] if node.args else ast.Constant(None)
            text = constants(module).get(purpose.id) if isinstance(purpose, ast.Name) else None
            text = purpose.value if isinstance(purpose, ast.Constant) else text
            found.append((module.place, text or "?", len(node.args) + len(node.keywords) > 1))
    return found


def clients_without_caller(modules: list[Source]) -> list[str]:
    """Modules that open a client of egress without saying who calls."""
    return [
        module.place
        for module in modules
        if not module.place.startswith("platform/egress/")
        and not callers(module)
        and any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLIENTS
            and "egress" in ast.unparse(node.func.value)
            for node in ast.walk(module.tree)
        )
    ]


def documented() -> dict[str, bool]:
    section = PAGE.read_text().partition("## Who calls")[2].partition("\n## ")[0]
    return {row[0].strip("`"): row[1] == "an organisation" for row in tables(section)[0]}


def undocumented(sites: list[Site], known: dict[str, bool]) -> list[Site]:
    return [site for site in sites if known.get(site[1]) is not site[2]]


def test_every_call_site_is_documented_and_says_for_whom_it_calls() -> None:
    modules = modules_of(SERVER)
    sites = call_sites(modules)
    assert len(sites) >= 2
    assert not undocumented(sites, documented())
    assert not clients_without_caller(modules)


@pytest.mark.parametrize(
    "text",
    [
        "def f(egress):\n    return egress.http(Caller('alerts.new'))",
        "def f(egress, org):\n    return egress.http(Caller('audit.ship', org))",
        "def f(egress, purpose):\n    return egress.http(Caller(purpose))",
    ],
)
def test_a_site_that_nobody_knows_is_found(text) -> None:
    assert undocumented(call_sites([source("alerts/service.py", text)]), documented())


def test_a_client_without_a_caller_is_found() -> None:
    text = "def f(self, who):\n    return self._egress.smtp(who)"
    assert clients_without_caller([source("alerts/service.py", text)]) == ["alerts/service.py"]


def test_nothing_finds_credentials_by_itself() -> None:
    """Whatever signs is given its credentials; nothing of AWS's that looks around is imported."""
    around = {"botocore.session", "botocore.credentials", "botocore.client", "botocore.configloader", "boto3"}
    allowed = {("platform/aws.py", "botocore.credentials.ReadOnlyCredentials")}
    found = []
    for module in modules_of(SERVER):
        for node in ast.walk(module.tree):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found += [
                (module.place, name) for name in names
                if any(name == each or name.startswith(f"{each}.") for each in around)
            ]  # fmt: skip
    assert set(found) == allowed
