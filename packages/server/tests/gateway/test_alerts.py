"""Being told: from a node's own words to a mail in a real mailbox and a signed request at a real receiver."""
# alerts/channels.py, alerts/rules.py, alerts/evaluating.py, alerts/notifying.py, alerts/messages.py, alerts/jobs.py,
# alerts/types.py, alerts/errors.py, alerts/store/channels.py, alerts/store/rules.py, alerts/store/incidents.py,
# platform/mail.py, alerts/http/channels.py, alerts/http/rules.py

import asyncio
import base64
import email
import email.policy
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from packages.server.tests.platform.egress.servers import answer, http_server, listening
from packages.server.tests.platform.egress.test_smtp import mail_server

from vectorflow.alerts import jobs as alert_jobs
from vectorflow.alerts import messages as alert_messages
from vectorflow.alerts import notifying
from vectorflow.alerts.channels import ChannelService
from vectorflow.alerts.errors import (
    ChannelInUse,
    ChannelInvalid,
    ChannelNameTaken,
    RuleInvalid,
    RuleNameTaken,
)
from vectorflow.alerts.evaluating import Evaluator
from vectorflow.alerts.notifying import Notifier
from vectorflow.alerts.rules import AlertService
from vectorflow.alerts.types import (
    ComponentErrors,
    Due,
    EmailTarget,
    NodeSilent,
    PipelineFailed,
    WebhookTarget,
)
from vectorflow.entry.outbound import OutboundAudit
from vectorflow.fleet import service as fleet
from vectorflow.fleet.groups import GroupService
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.clock import SystemClock
from vectorflow.keys.service import KeyService
from vectorflow.platform.egress.policy import AllowRule, EgressLimits, EgressPolicy
from vectorflow.platform.egress.record import EgressMetrics
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.jobs import Jobs
from vectorflow.platform.mail import build_mail
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.settings import Settings
from vectorflow_wire import messages

LIMITS = EgressLimits(resolve_seconds=1, connect_seconds=2, total_seconds=3)
RULES = AlertService()


class Bell:
    """Everything between a rule and a message, for one organisation."""

    def __init__(self, world, *, smtp_port=None):
        house = world.house
        self.world = world
        self.clock = SystemClock()
        self.channels = ChannelService(house.keys, mail=smtp_port is not None)
        policy = EgressPolicy(allow=(AllowRule.parse("127.0.0.0/8"), *self._ports(smtp_port)), limits=LIMITS)
        self.egress = Egress(
            policy, audit=OutboundAudit(house.app), metrics=EgressMetrics(Metrics().registry)
        )
        settings = Settings(
            smtp_host="127.0.0.1" if smtp_port else None,
            smtp_port=smtp_port or 25,
            smtp_security="plain",
            mail_from="vectorflow@example.com",
        )
        self.keys = KeyService(house.worker, house.keys._ring)
        self.evaluator = Evaluator(house.worker, GroupService(self.clock), quiet_seconds=0.0)
        self.notifier = Notifier(
            house.worker,
            self.keys,
            self.egress,
            self.clock,
            mail=build_mail(settings, self.egress),
            page="https://flow.example.com/",
        )

    @staticmethod
    def _ports(smtp_port):
        return (AllowRule.parse(f"127.0.0.1:{smtp_port}"),) if smtp_port else ()

    def allow(self, port):
        policy = msgspec.structs.replace(
            self.egress._policy, allow=(*self.egress._policy.allow, AllowRule.parse(f"127.0.0.1:{port}"))
        )
        fresh = Egress(
            policy, audit=OutboundAudit(self.world.house.app), metrics=EgressMetrics(Metrics().registry)
        )
        self.notifier._egress = fresh

    async def channel(self, target, name="On call"):
        async with self.world.scoped() as txn:
            return await self.channels.put(txn, SYSTEM, self.world.environment_id, name=name, target=target)

    async def rule(self, condition, *channels, name="Rule", enabled=True):
        async with self.world.scoped() as txn:
            return await RULES.put(
                txn,
                SYSTEM,
                self.world.environment_id,
                name=name,
                condition=condition,
                enabled=enabled,
                channels=[each.id for each in channels],
            )

    async def evaluate(self):
        await self.evaluator.evaluate(self.world.organization_id)
        return await self.notifier.send_all(self.world.organization_id)

    async def incidents(self, state=None):
        async with self.world.scoped() as txn:
            return await RULES.incidents(txn, self.world.environment_id, state=state)

    async def sql(self, text, **values):
        async with self.world.house.worker.transaction(self.world.organization_id) as txn:
            return await txn.execute(text, values)


@pytest.fixture
async def bell(world):
    made = Bell(world)
    yield made
    made.keys.close()
    await made.egress.aclose()


async def ordered(world, agent, pipeline_id):
    """The node is to run the newest draft of the pipeline, as a new revision."""
    async with world.scoped() as txn:
        made = await world.house.revisions.make_revision(txn, pipeline_id, "", SYSTEM)
        await fleet.assign(txn, [agent.node_id], pipeline_id, revision=made.number, desired="run")
    await world.sign()


async def beats(world, agent, *pipelines, **options):
    await agent.beat(*pipelines, **options)
    await world.house.gateway.ingest.flush()


async def test_a_silent_node_is_told_of_by_mail_and_webhook_and_when_it_is_back(world) -> None:
    async with mail_server() as box, http_server(answer(204)) as receiver:
        bell = Bell(world, smtp_port=box.port)
        bell.allow(receiver.port)
        (agent,) = await world.agents(1)
        mail, none = await bell.channel(EmailTarget(to=["oncall@example.com", "second@example.com"]))
        hook, secret = await bell.channel(
            WebhookTarget(url=f"http://127.0.0.1:{receiver.port}/in?token=hush"), name="Pager"
        )
        assert (none, secret[:6], hook.shown) == ("", "whsec_", "127.0.0.1")
        rule = await bell.rule(NodeSilent(seconds=30), mail, hook, name="Node silent")
        assert await bell.evaluate() == 0  # it enrolled just now

        async with world.house.app.transaction(world.organization_id) as txn:
            await txn.execute(
                """update nodes set enrolled_at = now() - interval '1 hour'
                where organization_id = %(organization_id)s and id = %(id)s""",
                {"id": agent.node_id},
            )
        assert await bell.evaluate() == 2
        assert await bell.evaluate() == 0  # told once, though it is still silent
        (incident,) = await bell.incidents("open")
        assert (incident.rule_id, incident.node_id, incident.kind) == (rule.id, agent.node_id, "node_silent")

        ((_, recipients, content),) = box.mails
        assert recipients == ["oncall@example.com", "second@example.com"]
        text = email.message_from_bytes(content, policy=email.policy.default)
        assert text["Subject"] == f"[VectorFlow] Alert in {world.slug}/dev: Node silent"
        assert (
            f"https://flow.example.com/{world.slug}/dev/alerts?incident={incident.id}" in text.get_content()
        )
        (request,) = receiver.requests
        assert (request.method, request.target) == ("POST", "/in?token=hush")
        body = json.loads(request.body)
        assert (body["type"], body["data"]["node_id"]) == ("incident.opened", str(agent.node_id))
        signed = (
            f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
        )
        key = base64.urlsafe_b64decode(secret.removeprefix("whsec_") + "==")
        mac = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert request.headers["webhook-signature"] == f"v1,{mac}"
        assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60

        await beats(world, agent)
        assert await bell.evaluate() == 2
        (over,) = await bell.incidents()
        assert (over.state, over.id) == ("resolved", incident.id)
        assert json.loads(receiver.requests[-1].body)["type"] == "incident.resolved"
        assert b"Resolved in" in box.mails[-1][2]


async def test_a_crash_loop_and_a_refusal_are_told_of_with_the_nodes_own_words(world, bell) -> None:
    (agent,) = await world.agents(1)
    pipeline_id = await world.pipeline()
    await bell.rule(PipelineFailed())
    status = messages.PipelineStatus(id=str(pipeline_id), state="running")
    await beats(world, agent, status)
    await bell.evaluate()
    assert await bell.incidents() == []
    hostile = "x Error: unknown option\r\nBcc: everybody@example.com\x1b[31m"
    await beats(world, agent, msgspec.structs.replace(status, state="crash_loop", message=hostile))
    await bell.evaluate()
    (incident,) = await bell.incidents("open")
    assert (incident.pipeline_id, incident.node_id) == (pipeline_id, agent.node_id)
    assert "again and again" in incident.summary
    assert "\x1b" not in incident.summary
    await beats(world, agent, status)
    await bell.evaluate()
    assert [each.state for each in await bell.incidents()] == ["resolved"]


async def test_a_refused_revision_is_told_of_though_the_one_before_goes_on(world, bell) -> None:
    (agent,) = await world.agents(1)
    pipeline_id = await world.pipeline()
    await ordered(world, agent, pipeline_id)
    await agent.apply(pipeline_id)
    await bell.rule(PipelineFailed())
    await world.change(pipeline_id, "second")
    await ordered(world, agent, pipeline_id)
    bundle = await agent.poll()
    why = "the engine's validation refused the configuration"
    await agent.send(
        agent.report("refused", pipeline_id, number=2, generation=bundle.generation, message=why)
    )
    running = messages.PipelineStatus(id=str(pipeline_id), state="running", number=1, message=why)
    await beats(world, agent, running)
    await bell.evaluate()
    (incident,) = await bell.incidents("open")
    assert (incident.pipeline_id, incident.node_id) == (pipeline_id, agent.node_id)
    assert "refused revision 2 of " in incident.summary
    assert incident.summary.endswith(why)
    await bell.evaluate()
    assert len(await bell.incidents()) == 1
    # Another order is another matter: nothing is known of it yet.
    await world.change(pipeline_id, "third")
    await ordered(world, agent, pipeline_id)
    await bell.evaluate()
    assert await bell.incidents("open") == []
    await agent.poll()
    await agent.send(agent.report("refused", pipeline_id, number=3, generation=agent.bundle.generation))
    await bell.evaluate()
    assert len(await bell.incidents("open")) == 1
    await agent.apply(pipeline_id)
    await bell.evaluate()
    assert await bell.incidents("open") == []


async def test_errors_of_a_component_are_told_of(world, bell) -> None:
    (agent,) = await world.agents(1)
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        await world.house.revisions.make_revision(txn, pipeline_id, "", SYSTEM)
        await fleet.assign(txn, [agent.node_id], pipeline_id, revision=1, desired="run")
    await bell.rule(ComponentErrors(per_minute=5), name="Errors")
    now = int(time.time() * 1000)

    async def counted(at, errors):
        component = messages.ComponentCounters(
            id="out", kind="sink", type="blackhole", received_events=10 + errors, errors=errors
        )
        await beats(
            world,
            agent,
            messages.PipelineStatus(
                id=str(pipeline_id),
                state="running",
                counters_at=at,
                counters_since=now - 3_600_000,
                components=(component,),
            ),
        )

    await counted(now - 60_000, 100)
    await bell.evaluate()
    assert await bell.incidents() == []  # that it has had errors some time is no news
    await counted(now - 30_000, 104)
    await bell.evaluate()
    (incident,) = await bell.incidents("open")
    assert (incident.pipeline_id, incident.component) == (pipeline_id, "out")
    assert "8.0 errors a minute" in incident.summary
    await counted(now, 104)
    await bell.evaluate()
    assert await bell.incidents("open") == []


async def test_maintenance_is_quiet(world, bell) -> None:
    (agent,) = await world.agents(1)
    await bell.rule(NodeSilent(seconds=30))
    async with world.house.app.transaction(world.organization_id) as txn:
        await txn.execute(
            """update nodes set enrolled_at = now() - interval '1 hour', maintenance_since = now() - interval '1 minute'
            where organization_id = %(organization_id)s and id = %(id)s""",
            {"id": agent.node_id},
        )
    await bell.evaluate()
    assert await bell.incidents() == []


async def test_a_rule_that_is_switched_off_or_deleted_ends_its_incidents(world, bell) -> None:
    (agent,) = await world.agents(1)
    rule = await bell.rule(PipelineFailed())
    pipeline_id = await world.pipeline()
    await beats(world, agent, messages.PipelineStatus(id=str(pipeline_id), state="refused"))
    await bell.evaluate()
    (incident,) = await bell.incidents("open")
    async with world.scoped() as txn:
        taken = await RULES.acknowledge(txn, SYSTEM, incident)
        assert (await RULES.acknowledge(txn, SYSTEM, taken)).acknowledged_at == taken.acknowledged_at
        held = await RULES.for_change(txn, world.environment_id, rule.id)
        await RULES.put(
            txn, SYSTEM, world.environment_id, name="Off", condition=held.condition, enabled=False,
            channels=[], before=held,
        )  # fmt: skip
    await bell.evaluate()
    assert await bell.incidents("open") == []
    async with world.scoped() as txn:
        await RULES.delete(txn, SYSTEM, await RULES.for_change(txn, world.environment_id, rule.id))
    assert await bell.incidents() == []


async def test_what_does_not_arrive_is_sent_again_with_growing_pauses_and_an_end(
    world, bell, monkeypatch
) -> None:
    monkeypatch.setattr(notifying, "MOST_ATTEMPTS", 3)
    answers = [500, 429, 500]

    async def failing(request, writer):
        await answer(answers[(len(receiver.requests) - 1) % 3])(request, writer)

    async with http_server(failing) as receiver:
        bell.allow(receiver.port)
        hook, _ = await bell.channel(WebhookTarget(url=f"http://127.0.0.1:{receiver.port}/"))
        async with world.scoped() as txn:
            await bell.channels.test(txn, SYSTEM, hook)
        pauses = []
        for _ in range(3):
            assert await bell.notifier.send_all(world.organization_id) == 0
            async with world.scoped() as txn:
                (row,) = await bell.channels.channels(txn, world.environment_id)
                pauses.append(await txn.value("select next_at - changed_at from notifications"))
            assert row.last_error.startswith("The receiver answered ")
            assert await bell.notifier.send_all(world.organization_id) == 0  # not before its time
            await bell.sql("update notifications set next_at = now() - interval '1 second'")
        assert row.last_state == "failed"
        assert len(receiver.requests) == 3
        assert timedelta(seconds=10) < pauses[0] < pauses[1]
        assert len({each.headers["webhook-id"] for each in receiver.requests}) == 1


async def test_an_inner_address_and_a_hanging_server_are_errors_in_words(world, bell) -> None:
    inner, _ = await bell.channel(WebhookTarget(url="http://169.254.169.254/latest"), name="Metadata")

    async def hanging(request, writer):
        await asyncio.sleep(60)

    async with http_server(hanging) as receiver:
        bell.allow(receiver.port)
        slow, _ = await bell.channel(WebhookTarget(url=f"http://127.0.0.1:{receiver.port}/"), name="Slow")
        async with world.scoped() as txn:
            for each in (inner, slow):
                await bell.channels.test(txn, SYSTEM, each)
        assert await bell.notifier.send_all(world.organization_id) == 0
    async with world.scoped() as txn:
        states = {
            row.name: (row.last_state, row.last_error)
            for row in await bell.channels.channels(txn, world.environment_id)
        }
    assert states["Metadata"][0] == "failed"  # trying again is no use
    assert states["Slow"][0] == "waiting"
    assert "in time" in states["Slow"][1]


async def test_a_mail_server_that_hangs_is_given_up_tried_again_and_shown(world) -> None:
    async def hanging(_reader, _writer):
        await asyncio.sleep(60)

    async with listening(hanging) as smtp_port:
        bell = Bell(world, smtp_port=smtp_port)
        mail, _ = await bell.channel(EmailTarget(to=["oncall@example.com"]))
        async with world.scoped() as txn:
            await bell.channels.test(txn, SYSTEM, mail)
        began = time.monotonic()
        assert await bell.notifier.send_all(world.organization_id) == 0
        assert time.monotonic() - began < 30
    async with world.scoped() as txn:
        (row,) = await bell.channels.channels(txn, world.environment_id)
        due = await txn.value("select next_at > changed_at from notifications")
    assert (row.last_state, due) == ("waiting", True)
    assert "in time" in row.last_error


async def test_where_a_channel_leads_is_nowhere_in_clear(world, bell) -> None:
    row, secret = await bell.channel(WebhookTarget(url="https://hooks.example.com/services/T0/hush-hush"))
    assert "hush" not in repr(WebhookTarget(url="https://a/hush"))
    async with world.house.worker.transaction(world.organization_id) as txn:
        stored = bytes(
            await txn.value("select target from channels where organization_id = %(organization_id)s")
        )
        for needle in (b"hush", b"hooks.example.com", secret.encode()):
            assert needle not in stored
        log = await txn.value("select string_agg(after::text || summary, ' ') from audit_records")
    assert "hush" not in log
    with pytest.raises(Exception, match="permission denied"):
        async with world.scoped() as txn:
            await txn.value("select target from channels where organization_id = %(organization_id)s")
    assert row.version == 1


async def test_bad_channels_and_rules_are_refused_in_words(world, bell) -> None:
    with pytest.raises(ChannelInvalid) as caught:
        await bell.channel(EmailTarget(to=["a@b.example\r\nBcc: c@d.example"]))
    assert {each.field for each in caught.value.errors} == {
        "target.kind",
        "target.to",
    }  # and no mail server here
    with pytest.raises(ChannelInvalid):
        await bell.channel(WebhookTarget(url="file:///etc/passwd"))
    with pytest.raises(ChannelInvalid):
        await bell.channel(WebhookTarget(url="https://example.com"), name=" ")
    row, _ = await bell.channel(WebhookTarget(url="https://example.com/a"))
    with pytest.raises(ChannelNameTaken):
        await bell.channel(WebhookTarget(url="https://example.com/b"))
    await bell.rule(NodeSilent(), row)
    with pytest.raises(RuleNameTaken):
        await bell.rule(NodeSilent())
    foreign = msgspec.structs.replace(row, id=world.environment_id)
    with pytest.raises(RuleInvalid):
        await bell.rule(NodeSilent(), foreign, name="Other")
    async with world.scoped() as txn:
        held = await bell.channels.for_change(txn, world.environment_id, row.id)
        with pytest.raises(ChannelInUse, match="Rule"):
            await bell.channels.delete(txn, SYSTEM, held)


async def test_the_jobs_reach_every_organisation_with_rules(world, bell) -> None:
    jobs = Jobs()
    alert_jobs.register(jobs, bell.evaluator, bell.notifier)
    assert set(jobs.names) == {"alerts.evaluate", "alerts.notify"}
    (agent,) = await world.agents(1)
    pipeline_id = await world.pipeline()
    await beats(world, agent, messages.PipelineStatus(id=str(pipeline_id), state="refused"))
    await bell.rule(PipelineFailed())
    await bell.evaluator.evaluate_all()
    assert len(await bell.incidents("open")) == 1


def test_no_line_of_a_message_can_become_two() -> None:
    due = Due(
        id=uuid4(), channel_id=uuid4(), channel_name="a\r\nBcc: b@c.example", channel_version=1, target=b"",
        event="test", attempts=1, incident=None, organization="acme", environment="prod",
    )  # fmt: skip
    sent = alert_messages.email(
        due, sender="v@example.com", to=["a@b.example"], page=None, at=datetime.now(UTC)
    )
    assert sent["Bcc"] is None
    assert "\n" not in sent["Subject"]
    assert "Bcc: b@c.example" in sent["Subject"]
