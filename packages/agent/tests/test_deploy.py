"""The image's definition and the manifests: read as their tools read them, and held to what the agent needs."""

import json
import shlex
from pathlib import Path

import yaml

from vectorflow_agent.cli import _parser
from vectorflow_agent.settings import _VARIABLES

ROOT = Path(__file__).resolve().parents[3]
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "STOPSIGNAL", "ENTRYPOINT"}


def instructions():
    """The image's definition as (instruction, rest), continued lines joined and comments left out."""
    text = (ROOT / "deploy/agent/Containerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def test_the_image_is_made_of_known_instructions_and_what_is_there() -> None:
    made = instructions()
    assert {name for name, _ in made} <= INSTRUCTIONS
    stages = set()
    for name, rest in made:
        if name == "FROM":
            words = rest.split()
            assert ":" in words[0]
            assert not words[0].endswith(":latest")
            if len(words) > 1:
                assert words[1] == "AS"
                stages.add(words[2])
        elif name == "COPY":
            *sources, _ = [word for word in rest.split() if not word.startswith("--")]
            origin = [word.removeprefix("--from=") for word in rest.split() if word.startswith("--from=")]
            assert not origin or origin[0] in stages
            assert origin or all((ROOT / source).exists() for source in sources)


def test_the_image_calls_the_agent_as_it_can_be_called() -> None:
    made = dict(instructions())
    program, *arguments = json.loads(made["ENTRYPOINT"])
    assert program == "vectorflow-agent"
    assert _parser().parse_args(arguments).command == "run"
    names = {part.partition("=")[0] for part in shlex.split(made["ENV"])}
    assert names - {"PATH"} <= set(_VARIABLES.values())


def manifests():
    return {
        each["kind"]: each for each in yaml.safe_load_all((ROOT / "deploy/kubernetes/agent.yaml").read_text())
    }


def test_the_manifests_belong_together() -> None:
    made = manifests()
    assert set(made) == {
        "Namespace",
        "ConfigMap",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "DaemonSet",
    }
    daemons = made["DaemonSet"]["spec"]
    assert daemons["selector"]["matchLabels"] == daemons["template"]["metadata"]["labels"]
    pod = daemons["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["serviceAccountName"] == made["ServiceAccount"]["metadata"]["name"]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    assert container["envFrom"][0]["configMapRef"]["name"] == made["ConfigMap"]["metadata"]["name"]
    assert made["ClusterRoleBinding"]["roleRef"]["name"] == made["ClusterRole"]["metadata"]["name"]
    assert set(made["ConfigMap"]["data"]) <= set(_VARIABLES.values())


def test_the_pod_has_few_rights_and_writes_nothing() -> None:
    made = manifests()
    (rule,) = made["ClusterRole"]["rules"]
    assert set(rule["verbs"]) == {"get", "list", "watch"}
    assert "secrets" not in rule["resources"]
    guard = made["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert guard["capabilities"]["drop"] == ["ALL"]
    assert (guard["privileged"], guard["allowPrivilegeEscalation"], guard["readOnlyRootFilesystem"]) == (
        False,
        False,
        True,
    )
    # The token is a file of the secret, where the image looks for it.
    mounts = {
        each["name"]: each["mountPath"]
        for each in made["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    }
    environment = dict(part.split("=", 1) for part in shlex.split(dict(instructions())["ENV"]))
    assert environment["VECTORFLOW_ENROLMENT_TOKEN_FILE"] == f"{mounts['enrolment']}/token"
