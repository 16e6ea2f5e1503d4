from pathlib import Path

import pytest

from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.disk import sha256_file
from vectorflow_agent.shell.engines import (
    Chosen,
    Engine,
    EngineMissing,
    clean_environment,
    engine_find,
    engine_path,
)
from vectorflow_wire.messages import EngineFacts, EngineKind


def program(path, text="echo vector 0.57.0"):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def test_vector_is_taken_when_it_is_there_and_the_embedded_engine_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    embedded = program(tmp_path / "vectorflow-engine")
    assert engine_path(Settings(engine_bin=embedded)) == (EngineKind.EMBEDDED, embedded)
    vector = program(tmp_path / "vector")
    assert engine_path(Settings(engine_bin=embedded)) == (EngineKind.VECTOR, vector)
    assert engine_path(Settings(engine="embedded", engine_bin=embedded)) == (EngineKind.EMBEDDED, embedded)


@pytest.mark.parametrize("settings", [Settings(engine="vector"), Settings(vector_bin="/none/vector")])
def test_a_named_vector_that_is_missing_is_told(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="VECTOR_BIN"):
        engine_path(settings)


async def test_the_version_is_asked_for(tmp_path):
    found = await engine_find(Settings(vector_bin=program(tmp_path / "v", "echo 'vector 0.57.0 (x86_64)'")))
    assert (found.facts.kind, found.facts.version) == (EngineKind.VECTOR, "0.57.0")
    with pytest.raises(EngineMissing, match="failed: broken"):
        await engine_find(Settings(vector_bin=program(tmp_path / "w", "echo broken; exit 3")))


@pytest.mark.parametrize("damage", ["echo vector 0.58.1", "exit 1", "kill -SEGV $$"])
async def test_one_that_an_update_brought_and_that_is_damaged_is_not_used(tmp_path, damage):
    settings = Settings(vector_bin=program(tmp_path / "vector"))
    brought = tmp_path / "brought"
    program(brought, "echo vector 0.58.0")
    chosen = Chosen(version="0.58.0", digest=f"sha256:{sha256_file(brought)}", program=str(brought))
    assert (await engine_find(settings, chosen)).binary == str(brought)
    program(brought, damage)
    assert (await engine_find(settings, chosen)).facts.version == "0.57.0"
    with pytest.raises(EngineMissing):
        await engine_find(Settings(vector_bin="/none/vector"), chosen)


def test_how_the_engines_are_called():
    vector = Engine(facts=EngineFacts(kind=EngineKind.VECTOR), binary="v")
    embedded = Engine(facts=EngineFacts(kind=EngineKind.EMBEDDED), binary="e")
    files = [Path("a"), Path("b")]
    assert vector.run_arguments(files, 7.0) == [
        "v", "--config", "a", "--config", "b", "--graceful-shutdown-limit-secs", "7",
    ]  # fmt: skip
    assert vector.check_arguments(files) == ["v", "validate", "--skip-healthchecks", "a", "b"]
    assert embedded.check_arguments(files) == ["e", "validate", "a", "b"]


def test_engines_get_a_short_environment():
    environ = {"PATH": "p", "HOME": "h", "VECTORFLOW_ENROLMENT_TOKEN": "t", "AWS_REGION": "r", "OTHER": "o"}
    off = {"VECTOR_DISABLE_ENV_VAR_INTERPOLATION": "true"}
    assert clean_environment(environ, Policy()) == {"PATH": "p", "HOME": "h"} | off
    wide = Policy(environment=("AWS_REGION", "VECTORFLOW_ENROLMENT_TOKEN"))
    assert clean_environment(environ, wide) == {"PATH": "p", "HOME": "h", "AWS_REGION": "r"} | off
