"""Every kind of finding, by id. The page on troubleshooting an agent is made from this table."""

from typing import Final

from vectorflow_agent.doctor.types import Finding, Kind, Severity

_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

KINDS: Final[dict[str, Kind]] = {
    "settings.invalid": Kind(
        _ERROR,
        "A setting is missing or wrong, so the agent does not start.",
        "Correct the setting that the message names, in the agent's environment file or `--config` file.",
    ),
    "settings.not-enrolled": Kind(
        _ERROR,
        "This machine has no identity yet and no enrolment token to get one.",
        "Make an enrolment token in the web application and set `VECTORFLOW_ENROLMENT_TOKEN_FILE`.",
    ),
    "policy.invalid": Kind(
        _ERROR,
        "The node's policy cannot be used, so the agent does not start: it never runs without the one it was given.",
        "Correct the file as the message says. It must be YAML and not be writable by group or others.",
    ),
    "state.missing": Kind(
        _WARNING,
        "There is no state folder: the agent has not run here, or with another folder.",
        "Start the agent, or set `VECTORFLOW_AGENT_STATE_DIR` to its folder.",
    ),
    "state.closed": Kind(
        _ERROR,
        "The state folder cannot be read or written by who runs this command.",
        "Run the command as the agent's user (mostly root); if that is who you are, correct owner and mode.",
    ),
    "state.loose": Kind(
        _ERROR,
        "Other users of the machine can read keys or tokens of this node.",
        "Run `chmod 700` on the folder and `chmod 600` on the file; rotate what may have been read.",
    ),
    "state.damaged": Kind(
        _ERROR,
        "A file in the state folder cannot be read as what it should be.",
        "Without `node.json` the node enrols again with a new token. A damaged bundle is fetched anew. "
        "Look at the disk: the agent replaces files whole, so damage comes from below.",
    ),
    "disk.low": Kind(
        _WARNING,
        "Little space is left where the agent keeps state, checkpoints and disk buffers.",
        "Free space, or move the folder. Buffers stop taking events when the disk is full.",
    ),
    "disk.full": Kind(
        _ERROR,
        "No space is left where the agent keeps state: nothing new can be applied, and buffers stand still.",
        "Free space now. Running engines go on as far as they can, and the agent tries again by itself.",
    ),
    "spool.waiting": Kind(
        _WARNING,
        "Reports wait longer than usual to be taken by the control plane. None is lost.",
        "Look at the findings about the gateway. With none, see the agent's log for what is answered.",
    ),
    "spool.refused": Kind(
        _WARNING,
        "The control plane could not read a report; it was set aside in `spool/` as `*.rejected`.",
        "Bring agent and control plane to versions that fit. The files may be deleted.",
    ),
    "secrets.on-disk": Kind(
        _ERROR,
        "Opened secrets would be written to a disk.",
        "Set `VECTORFLOW_AGENT_RUNTIME_DIR` to a folder in memory, under `/run` or `/dev/shm`.",
    ),
    "secrets.ending": Kind(
        _WARNING,
        "Half of the time has passed for which this node may keep secrets without a word of its control plane.",
        "Let the node reach the gateway, and the control plane's signer run, before the time that the message names.",
    ),
    "secrets.withheld": Kind(
        _ERROR,
        "This node had no word of its control plane for longer than the organisation allows: its secrets are removed, "
        "and the pipelines that use them are stopped.",
        "Let the node reach the gateway. The next signed bundle brings secrets and pipelines back.",
    ),
    "keys.plain": Kind(
        _NOTE,
        "The sealing key is not bound to this machine: whoever copies the disk can open this node's secrets.",
        "Run the agent as root under systemd; with a TPM2 the key is then bound to it.",
    ),
    "keys.unreadable": Kind(
        _ERROR,
        "A private key of this node cannot be opened. What needs no secret goes on.",
        "If the disk was moved to another machine, enrol that machine with a token of its own.",
    ),
    "users.shared": Kind(
        _NOTE,
        "All engines run as the agent's own user, so each can read what is another's.",
        "Run the agent as root: it then gives each pipeline's engine a user of its own.",
    ),
    "users.blocked": Kind(
        _ERROR,
        "The users that engines run as cannot get at the engine's program.",
        "Open the folder that the message names to others: `chmod o+x`.",
    ),
    "engine.missing": Kind(
        _ERROR,
        "No engine was found, so no pipeline can run.",
        "Install Vector, or set `VECTOR_BIN`. The embedded engine is for trying.",
    ),
    "engine.embedded": Kind(
        _NOTE,
        "The embedded engine runs pipelines. It knows a part of Vector's components and is for trying and testing.",
        "Install Vector for production, or set `VECTOR_BIN`.",
    ),
    "engine.silent": Kind(
        _WARNING,
        "An engine runs, but does not answer on its own health address.",
        "Look at its `engine.log`. `vectorflow-agent status` tells whether the agent restarts it.",
    ),
    "agent.stopped": Kind(
        _WARNING,
        "No agent runs on this state folder. Engines go on, but nothing new arrives and nothing is told.",
        "Start it: `systemctl start vectorflow-agent`. If it ends at once, its log says why.",
    ),
    "agent.hangs": Kind(
        _ERROR,
        "The agent holds its lock but has not written its status for a while: it hangs, or its disk does.",
        "Look at its log and at the disk, then restart it. Engines go on meanwhile.",
    ),
    "agent.problem": Kind(
        _WARNING,
        "The running agent itself says that something is wrong.",
        "The message says what; it is told to the control plane too.",
    ),
    "bundle.none": Kind(
        _WARNING,
        "This node has not yet verified any desired state, so it runs nothing.",
        "Look at the findings about the gateway; see whether a person has yet to admit the node.",
    ),
    "bundle.unbelievable": Kind(
        _ERROR,
        "The stored desired state does not verify, so it is not used. What runs goes on.",
        "It is fetched anew when the gateway answers. If this comes back, suspect the disk or somebody on it.",
    ),
    "bundle.stale": Kind(
        _WARNING,
        "The desired state is past its half life and was not renewed: the node has not been told anything for long, "
        "or the signer does not run. It goes on being used.",
        "Look at the findings about the gateway, then at the signer of the control plane.",
    ),
    "pipeline.crash-loop": Kind(
        _ERROR,
        "An engine ended more than ten times in a row. It is tried once a minute.",
        "Read the engine's last lines in its `engine.log`, or in the node's reports. Correct the pipeline, or roll back.",
    ),
    "pipeline.refused": Kind(
        _ERROR,
        "The newest revision was refused on this node, and nothing of the pipeline runs.",
        "The message says why: the engine's validation, the node's policy, a secret or a file.",
    ),
    "pipeline.waiting": Kind(
        _WARNING,
        "A pipeline is not running at the moment: it is being started, tried again, or something outside is missing.",
        "The message says what is waited for.",
    ),
    "gateway.proxy": Kind(
        _ERROR,
        "The proxy that the environment names cannot be reached, or does not let the agent through.",
        "Correct `HTTPS_PROXY` and `NO_PROXY` in the agent's environment, or have the proxy allow the gateway.",
    ),
    "gateway.dns": Kind(
        _ERROR,
        "The gateway's name is not found.",
        "Check the name in `VECTORFLOW_URL`, and the machine's resolver.",
    ),
    "gateway.tcp": Kind(
        _ERROR,
        "The gateway's name is found, but no connection can be made: refused, no route, or nothing answers.",
        "Refused: the gateway does not listen there. Timed out: a firewall swallows it; open the way out to it.",
    ),
    "gateway.tls-untrusted": Kind(
        _ERROR,
        "The gateway's certificate is not signed by anybody this machine trusts.",
        "With a CA of your own set `VECTORFLOW_CA_FILE`. Otherwise a proxy opens the connection on the way.",
    ),
    "gateway.tls-name": Kind(
        _ERROR,
        "The gateway's certificate is for another name.",
        "Set `VECTORFLOW_URL` to the name in the certificate, or have the certificate name this one.",
    ),
    "gateway.tls-expired": Kind(
        _ERROR,
        "The gateway's certificate has expired, or is not valid yet by this machine's clock.",
        "Check this machine's clock first, then renew the certificate.",
    ),
    "gateway.tls": Kind(
        _ERROR,
        "The encrypted connection could not be made.",
        "The message is the library's own. Mostly the port speaks plain HTTP, or the way is tampered with.",
    ),
    "gateway.silent": Kind(
        _ERROR,
        "The connection stands, but no answer comes.",
        "See whether the gateway and its database run; look for a proxy on the way that holds requests back.",
    ),
    "gateway.unauthorized": Kind(
        _ERROR,
        "The gateway answered 401: the node's token is not valid there. What runs goes on.",
        "The node was revoked, or the address is another organisation's. To enrol again, give a new enrolment token.",
    ),
    "gateway.forbidden": Kind(
        _ERROR,
        "The answer was 403. The gateway does not say this to a node, so something before it does.",
        "Look at the proxy or firewall on the way; it may filter by address, path or user agent.",
    ),
    "gateway.other": Kind(
        _ERROR,
        "Something answers at the address, but not as a gateway would.",
        "Check `VECTORFLOW_URL`: it must be the gateway's address, not that of the web application.",
    ),
    "gateway.unavailable": Kind(
        _ERROR,
        "The gateway, or a load balancer before it, answers that it cannot serve right now.",
        "Look at the control plane. Nodes go on with what they have.",
    ),
    "clock.skew": Kind(
        _ERROR,
        "This machine's clock and the gateway's differ by more than the five minutes that are tolerated: "
        "fresh bundles can look expired.",
        "Set the clock and keep it right (`timedatectl set-ntp true`).",
    ),
    "vector.unmanaged": Kind(
        _NOTE,
        "A Vector is on this machine that this agent does not run. It is left alone.",
        "`vectorflow-agent adopt` can take it over where it is, and hand it back.",
    ),
    "vector.blocked": Kind(
        _NOTE,
        "This Vector cannot be taken over as it is.",
        "Correct what the message names, and look again with `vectorflow-agent adopt observe`.",
    ),
    "adopt.damaged": Kind(
        _WARNING,
        "The journal of a take-over cannot be read, so the agent does not go on with it.",
        "See which Vector runs with `vectorflow-agent adopt observe`; put the file back from a backup, or remove it and take over anew.",
    ),
    "doctor.failed": Kind(
        _WARNING,
        "One of the doctor's own looks ended unexpectedly; the others are complete.",
        "Report it with the support bundle.",
    ),
}


def finding(kind: str, detail: str) -> Finding:
    """A finding of a kind, with what is particular about it."""
    known = KINDS[kind]
    return Finding(id=kind, severity=known.severity, detail=detail, means=known.means, do=known.do)
