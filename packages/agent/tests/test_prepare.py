import errno

import msgspec
import pytest
from nacl.signing import SigningKey
from packages.agent.tests.real_agent import files_in

from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell import prepare as prepare_module
from vectorflow_agent.shell.client import GatewayError
from vectorflow_agent.shell.confinement import Confiner
from vectorflow_agent.shell.context import Context, Ports, PortsTaken
from vectorflow_agent.shell.disk import sha256_hex, write_atomic
from vectorflow_agent.shell.identity import Enrolment, Identity
from vectorflow_agent.shell.instances import Instance
from vectorflow_agent.shell.prepare import NotPrepared, prepare
from vectorflow_agent.shell.sealing_keys import Protection, SealingKeys
from vectorflow_agent.shell.spool import Spool
from vectorflow_agent.shell.starting import last_lines
from vectorflow_wire.bundles import BundlePipeline, FileRef
from vectorflow_wire.encoding import base64_bytes
from vectorflow_wire.messages import ReportReason
from vectorflow_wire.sealing import SealedContext, seal

TEXT = b'{"sources": {"in": {"type": "stdin"}}}'


@pytest.fixture
async def context(tmp_path):
    files = {sha256_hex(TEXT): TEXT, sha256_hex(b"table"): b"table"}

    async def fetch(sha256):
        if sha256 not in files:
            raise GatewayError("the gateway answered 404", status=404)
        return files[sha256]

    made = Context(
        Settings(state_dir=str(tmp_path / "state"), vector_bin="/none"),
        Policy(),
        identity=Identity(SigningKey.generate(), SealingKeys(tmp_path, Protection("")), "m"),
        runtime=tmp_path / "runtime",
        spool=Spool(tmp_path / "spool"),
        fetch=fetch,
        confiner=Confiner(Policy(), None, None),
    )
    made.files = files
    yield made
    await made.loopback.close()


def pipeline(context, text=TEXT, **fields):
    context.files[sha256_hex(text)] = text
    return BundlePipeline(id="p", name="p", state="run", revision=sha256_hex(text), **fields)


def sealed_for(context, value):
    """A secret named `x`, for a node that is enrolled from now on."""
    context.enrolment = Enrolment(
        node_id="n", node_token="", organization="o", environment="e", root_key="",
        key_list=msgspec.Raw(b"{}"), token_digest="", name="n", token_since=0,
    )  # fmt: skip
    belongs = SealedContext(organization="o", node="n", name="x", version=1)
    return seal(value, context=belongs, public=base64_bytes(context.identity.sealing.public))


async def refusal(context, spec, **arguments):
    with pytest.raises(NotPrepared) as raised:
        await prepare(context, spec, 1, **({"check": False} | arguments))
    return raised.value


async def test_everything_is_written_where_the_engine_looks(context):
    made = await prepare(
        context, pipeline(context, files=(FileRef(sha256=sha256_hex(b"table")),)), 1, check=False
    )
    layout = context.layout.pipeline("p")
    assert (layout.instance(1) / "pipeline.yaml").read_bytes() == TEXT
    assert (layout.files / sha256_hex(b"table")).read_bytes() == b"table"
    node = prepare_module.document((layout.instance(1) / "node.yaml").read_text())
    assert node["api"]["address"] == f"127.0.0.1:{made.api_port}"
    assert node["sinks"]["vf_exporter"]["address"] == f"127.0.0.1:{made.metrics_port}"
    assert node["data_dir"] == str(layout.data)


async def test_what_is_on_disk_needs_no_gateway_but_a_damaged_file_does(context):
    spec = pipeline(context)
    await prepare(context, spec, 1, check=False)
    context.files.clear()
    await prepare(context, spec, 2, check=False)
    context.layout.pipeline("p").revision(spec.revision).write_bytes(b"damaged")
    error = await refusal(context, spec)
    assert (error.reason, error.transient) == (ReportReason.FILE_UNAVAILABLE, True)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, ReportReason.DISK_FULL),
        (errno.EACCES, ReportReason.PERMISSION_DENIED),
    ],
)
async def test_system_errors_are_told_apart(context, monkeypatch, number, reason):
    def fails(*_, **__):
        raise OSError(number, "said the system", "/some/file")

    monkeypatch.setattr(prepare_module, "write_atomic", fails)
    error = await refusal(context, pipeline(context))
    assert (error.reason, error.transient) == (reason, True)
    assert "/some/file" in str(error)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", ReportReason.CONFIG_INVALID),
        (b"[]", ReportReason.CONFIG_INVALID),
        (b"\xff", ReportReason.CONFIG_INVALID),
        (b'{"api": {"enabled": true}}', ReportReason.CONFIG_INVALID),
        (b'{"sinks": {"vf_x": {"type": "http"}}}', ReportReason.CONFIG_INVALID),
        (b'{"sources": {"a": {"type": "exec"}}}', ReportReason.POLICY),
        (b'{"sinks": {"a": {"x": "SECRET[vectorflow.k]"}}}', ReportReason.SECRET_UNREADABLE),
    ],
)
async def test_configurations_that_must_not_run(context, text, reason):
    assert (await refusal(context, pipeline(context, text))).reason == reason


@pytest.mark.parametrize(
    ("policy", "text", "value"),
    [
        (Policy(), b'{"sources": {"a": {"type": "SECRET[vectorflow.x]"}}}', "exec"),
        (
            Policy(file_roots=("/var/log",)),
            b'{"sources": {"a": {"type": "file", "include": ["/var/log/SECRET[vectorflow.x]"]}}}',
            "../../etc/passwd",
        ),
        (
            Policy(destinations=("*.example.com",)),
            b'{"sinks": {"a": {"type": "http", "uri": "https://SECRET[vectorflow.x].example.com/"}}}',
            "hidden.test/?",
        ),
    ],
)
async def test_the_policy_judges_what_the_engine_reads_not_how_it_is_written(context, policy, text, value):
    context.policy = policy
    error = await refusal(context, pipeline(context, text, secrets=(sealed_for(context, value),)))
    assert error.reason == ReportReason.POLICY
    assert value not in str(error)


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "", "a" * 63])
async def test_a_file_name_that_is_no_hash_is_refused(context, name):
    spec = pipeline(context, files=(FileRef(sha256=name),))
    assert (await refusal(context, spec)).reason == ReportReason.CONFIG_INVALID


async def test_without_an_engine_nothing_is_refused_for_good(context):
    error = await refusal(context, pipeline(context), check=True)
    assert (error.reason, error.transient) == (ReportReason.ENGINE_MISSING, True)


async def test_what_cannot_be_prepared_leaves_nothing_and_gives_its_ports_back(context):
    await refusal(context, pipeline(context), check=True)
    assert not context.layout.pipeline("p").instance(1).exists()
    assert files_in(context.runtime) == {}
    assert not context.ports.taken


def test_ports_that_are_all_taken_are_told_and_not_looked_for_for_ever():
    ports = Ports()
    ports.keep(*range(1, 65536))
    with pytest.raises(PortsTaken):
        ports.take()


async def test_no_line_of_an_engine_is_told_when_its_secrets_cannot_be_taken_out(context):
    known = pipeline(context, secrets=(sealed_for(context, "canary-9"),))
    lost = pipeline(context, secrets=(msgspec.structs.replace(known.secrets[0], key="gone"),))
    records = [Instance(instance=1, spec=spec, api_port=1, metrics_port=2) for spec in (known, lost)]
    log = context.layout.pipeline("p").instance(1) / "engine.log"
    write_atomic(log, b"cannot log in with canary-9\n")
    assert last_lines(context, records[0]) == ("cannot log in with [secret]",)
    (why,) = last_lines(context, records[1])
    assert "canary" not in why
    assert "cannot be opened" in why
