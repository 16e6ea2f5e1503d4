"""Installing: what is written with which mode, twice the same, checked by systemd's own tools, and gone again."""

import os
import shutil
import stat
import subprocess
import sys
import uuid

import pytest
import yaml

from vectorflow_agent.install.plan import FOLDER, UNIT, Wanted, plan_of
from vectorflow_agent.install.unit import unit_text
from vectorflow_agent.settings import Settings, SettingsInvalid, enrolment_token, settings_load
from vectorflow_agent.shell.secrets import memory_places
from vectorflow_wire import tokens

FINGERPRINT = "sha256:" + "ab" * 32
TOKEN = tokens.mint(tokens.ENROLMENT, "acme", uuid.uuid4()).text


def wanted(**changes):
    given = {
        "server": "https://acme.agents.example.com",
        "token": TOKEN,
        "fingerprint": FINGERPRINT,
        "program": "/usr/bin/vectorflow-agent",
    }
    return Wanted(**(given | changes))


def called(*arguments, stdin=None):
    return subprocess.run(
        [sys.executable, "-m", "vectorflow_agent", *(str(each) for each in arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )


def install(root, *more, stdin=TOKEN + "\n"):
    return called(
        "install", "--server", "https://acme.agents.example.com", "--token-file", "-",
        "--root-fingerprint", FINGERPRINT, "--root", root, *more, stdin=stdin,
    )  # fmt: skip


def tree(root):
    return {
        str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), path.is_dir() or path.read_text())
        for path in sorted(root.rglob("*"))
    }


def test_an_installation_holds_what_the_agent_needs_and_the_token_is_for_nobody_else(tmp_path):
    done = install(tmp_path)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    made = tree(tmp_path)
    assert made["etc/vectorflow-agent/token"] == (0o600, TOKEN + "\n")
    assert made["var/lib/vectorflow-agent"] == (0o711, True)
    settings = settings_load({}, tmp_path / "etc/vectorflow-agent/agent.yaml")
    assert settings.url == "https://acme.agents.example.com"
    assert settings.root_fingerprint == FINGERPRINT
    assert yaml.safe_load(made["etc/vectorflow-agent/policy.yaml"][1])["deny_components"] == ["exec"]
    assert "supervise --config /etc/vectorflow-agent/agent.yaml" in made[str(UNIT)[1:]][1]


def test_twice_is_once_and_a_changed_policy_stays(tmp_path):
    install(tmp_path)
    policy = tmp_path / "etc/vectorflow-agent/policy.yaml"
    policy.write_text("updates: false\n")
    before = tree(tmp_path)
    again = install(tmp_path)
    assert again.returncode == 0
    assert "write " not in again.stdout
    assert tree(tmp_path) == before


def test_a_dry_run_does_nothing_and_says_all(tmp_path):
    done = install(tmp_path, "--dry-run", "--proxy", "http://u:secret@proxy.example.com:3128")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    for path in ("token", "agent.yaml", "policy.yaml", "environment"):
        assert f"write {FOLDER}/{path}" in done.stdout
    assert "secret@" not in done.stdout
    assert TOKEN not in done.stdout


def test_uninstalling_keeps_state_and_policy_unless_told_otherwise(tmp_path):
    install(tmp_path)
    (tmp_path / "var/lib/vectorflow-agent/identity.key").write_text("k")
    assert called("uninstall", "--root", tmp_path, "--dry-run").returncode == 0
    assert (tmp_path / "etc/vectorflow-agent/token").exists()
    assert called("uninstall", "--root", tmp_path).returncode == 0
    left = {path for path, (_, content) in tree(tmp_path).items() if content is not True}
    assert left == {"etc/vectorflow-agent/policy.yaml", "var/lib/vectorflow-agent/identity.key"}
    assert called("uninstall", "--root", tmp_path, "--purge").returncode == 0
    assert not [path for path in tmp_path.rglob("*") if "vectorflow" in path.name]
    # Removing what is not there is no fault.
    assert called("uninstall", "--root", tmp_path, "--purge").returncode == 0


def test_uninstalling_leaves_no_opened_secrets(tmp_path):
    install(tmp_path)
    of_the_service = tmp_path / "run/vectorflow-agent/p1/1/pass"
    # As an agent has them that no service runs.
    state = Settings(state_dir=str(tmp_path / "var/lib/vectorflow-agent"))
    of_a_hand = [place / "p1/1/pass" for place in memory_places(state)]
    for path in (of_the_service, *of_a_hand):
        path.parent.mkdir(parents=True)
        path.write_text("canary")
    assert called("uninstall", "--root", tmp_path, "--purge", "--dry-run").returncode == 0
    assert of_the_service.exists()
    assert called("uninstall", "--root", tmp_path).returncode == 0
    assert not (tmp_path / "run/vectorflow-agent").exists()
    assert called("uninstall", "--root", tmp_path, "--purge").returncode == 0
    assert not [place for place in memory_places(state) if place.exists()]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": TOKEN[:-2]}, "mistyped or cut"),
        ({"token": TOKEN.replace("vfe_", "vfn_")}, "starts with vfe_"),
        ({"fingerprint": "sha256:1234"}, "64 hexadecimal digits"),
        ({"server": "acme.example.com"}, "https://"),
        ({"ca_file": "/does/not/exist.pem"}, "there is no file"),
        ({"proxy": "proxy:3128"}, "must look like"),
        ({"user": "a b"}, "cannot stand in a unit"),
        ({"write_paths": ("var/log",)}, "must be absolute"),
        ({"write_paths": ("/x\nExecStart=/bin/sh",)}, "cannot stand in a unit"),
        ({"client_cert": "/etc/hostname"}, "together"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(changes, words):
    with pytest.raises(SettingsInvalid, match=words):
        plan_of(wanted(**changes))


def test_a_mistyped_token_leaves_nothing_behind(tmp_path):
    done = install(tmp_path, stdin="vfe_acme_no\n")
    assert done.returncode == 1
    assert "mistyped" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_service_starts_without_the_token_that_was_used(tmp_path):
    unit = unit_text(program="/bin/true", arguments=(), configuration="/c", token="/gone/token").splitlines()
    loaded = {line.partition("=")[2].partition(":")[0] for line in unit if line.startswith("LoadCredential=")}
    defaults = dict(
        line.partition("=")[2].split(":", 1) for line in unit if line.startswith("SetCredential=")
    )
    # systemd takes a default for what it cannot load, and starts nothing where there is none.
    assert loaded == set(defaults) == {"enrolment-token"}
    handed_over = tmp_path / "enrolment-token"
    handed_over.write_text(defaults["enrolment-token"].encode().decode("unicode_escape"))
    assert enrolment_token(Settings(enrolment_token_file=str(handed_over))) == ""


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")
@pytest.mark.parametrize("user", ["", "daemon"])
def test_systemd_accepts_the_unit_and_calls_it_well_guarded(tmp_path, user):
    program = tmp_path / "vectorflow-agent"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "vectorflow-agent.service"
    unit.write_text(
        unit_text(
            program=str(program),
            arguments=(),
            configuration="/etc/vectorflow-agent/agent.yaml",
            token="/etc/vectorflow-agent/token",
            user=user,
            write_paths=("/var/log",),
        )
    )
    verified = subprocess.run(
        [ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=60", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # Of 100, where a service without any guard has 96.
    assert rated.returncode == 0, rated.stdout[-600:] + rated.stderr
