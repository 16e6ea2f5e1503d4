"""A renewed certificate on its way to a node: a new revision, by the hand-over of any other, and not before."""

import hashlib

from packages.server.tests.vault.papers import authority, leaf, pem_key, pem_of

from vectorflow.delivery.types import NewRollout
from vectorflow.kernel.actor import SYSTEM
from vectorflow.vault.certificates import GivenCertificate
from vectorflow_topology.document import document_from_json
from vectorflow_wire.sealing import unseal

CA, CA_KEY = authority()
DOCUMENT = document_from_json(
    {
        "components": [
            {
                "id": "in",
                "kind": "source",
                "type": "http_server",
                "options": {
                    "address": "127.0.0.1:8080",
                    "tls": {"enabled": True, "crt_file": "CERT[web]", "key_file": "KEY[web]"},
                },
            },
            {"id": "out", "kind": "sink", "type": "blackhole", "options": {}},
        ],
        "edges": [{"source": "in", "target": "out"}],
    }
)


async def issued(world):
    """A checked chain with its key, and both as PEM."""
    certificate, key = leaf(CA, CA_KEY)
    chain, private = pem_of(certificate, CA), pem_key(key)
    read = await world.house.vault.certificates.read(GivenCertificate(chain=chain, private_key=private))
    return read, chain, private


async def deploy(world, pipeline_id):
    async with world.scoped() as txn:
        new = NewRollout(watch_seconds=0)
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, new)
    await world.sign()


async def held(agent):
    """Number and hand-over of what a node is to run, with its certificate, its key, and its configuration."""
    (wanted,) = agent.bundle.pipelines
    assert (wanted.state, wanted.reason) == ("run", "")
    contents = []
    for each in wanted.files:
        answer = await agent.call("GET", f"/agent/v1/files/{each.sha256}")
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == each.sha256
        contents.append(answer.text)
    (sealed,) = wanted.secrets
    key = unseal(
        sealed,
        organization=agent.told.organization,
        node=agent.told.node_id,
        private=bytes(agent.sealing),
    )
    assert sealed.file
    configuration, certificate = contents
    assert wanted.files[1].sha256 in configuration
    return wanted, certificate, key


async def test_a_renewed_certificate_reaches_the_node_with_a_new_revision_of_the_same_draft(world) -> None:
    (agent,) = await world.agents(1)
    certificates = world.house.vault.certificates
    first, first_chain, first_key = await issued(world)
    async with world.scoped() as txn:
        made = await certificates.create(txn, SYSTEM, world.environment_id, name="web", chain=first)
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        row = await world.house.pipelines.for_change(txn, world.environment_id, pipeline_id)
        await world.house.pipelines.update(txn, SYSTEM, row, name=row.name, description="", document=DOCUMENT)
    await deploy(world, pipeline_id)
    await agent.apply(pipeline_id)
    before, *pair = await held(agent)
    assert (before.number, pair) == (1, [first_chain, first_key])
    await world.advance()

    second, second_chain, second_key = await issued(world)
    async with world.scoped() as txn:
        await certificates.renew(txn, SYSTEM, world.environment_id, made, second)
        # It is said that a new revision is due.
        assert [(each.kind, each.name) for each in await world.house.pipelines.stale(txn, pipeline_id)] == [
            ("certificate", "web")
        ]
    # What runs keeps the pair that it was made with: nothing is signed for it, and the files stay there.
    await world.sign()
    await agent.poll()
    still, *pair = await held(agent)
    assert (still.number, still.revision, pair) == (1, before.revision, [first_chain, first_key])

    # The same draft, deployed again, is another revision, and a running engine takes it over by a reload.
    await deploy(world, pipeline_id)
    await agent.poll()
    after, *pair = await held(agent)
    assert (after.number, after.handover, after.handover_from, after.root) == (
        2,
        "reload",
        before.revision,
        before.root,
    )
    assert len(after.root) == 64
    assert pair == [second_chain, second_key]
    await agent.send(agent.report("applied", pipeline_id))
    await world.advance()
    async with world.scoped() as txn:
        assert await world.house.pipelines.stale(txn, pipeline_id) == []
        # Deployed once more there is nothing new.
        again = await world.house.revisions.make_revision(txn, pipeline_id, "", SYSTEM)
    assert again.number == 2
