"""The systemd unit of the agent: hardened as far as engines with users of their own allow."""

from collections.abc import Sequence
from typing import Final

_CAPABILITIES: Final = (
    # To become the users of engines for good, and give up everything else on the way.
    "CAP_SETUID",
    "CAP_SETGID",
    "CAP_SETPCAP",
    # To give engines their folders, to tidy up after them, and to end them.
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_KILL",
    # For what the node's policy may allow: ports below 1024, limits above the agent's own.
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_RESOURCE",
)


def unit_text(
    *,
    program: str,
    arguments: Sequence[str],
    configuration: str,
    token: str,
    user: str = "",
    write_paths: Sequence[str] = (),
) -> str:
    """The unit. Without a user the agent is root, with few capabilities, and each pipeline has a user of its own.

    `token` is the file of the enrolment token, which systemd reads and hands over as a credential. It may be
    removed once the node is enrolled.
    """
    who = (
        [f"User={user}", f"Group={user}", "CapabilityBoundingSet="]
        if user
        else [f"CapabilityBoundingSet={' '.join(_CAPABILITIES)}"]
    )
    lines = [
        "[Unit]",
        "Description=VectorFlow agent",
        "Documentation=man:systemd.exec(5)",
        "Wants=network-online.target",
        "After=network-online.target",
        "# A node that comes and goes is still a node: it is started again, however often it ended.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={' '.join([program, *arguments, 'supervise', '--config', configuration])}",
        "# May be missing, as it is needed until the node is enrolled. Without a default systemd would then start nothing;",
        "# an empty one it does not accept, so it is one line break, which is no token.",
        f"LoadCredential=enrolment-token:{token}",
        "SetCredential=enrolment-token:\\n",
        "Environment=VECTORFLOW_ENROLMENT_TOKEN_FILE=%d/enrolment-token",
        "EnvironmentFile=-/etc/vectorflow-agent/environment",
        "Restart=always",
        "RestartSec=2",
        "# Engines go on when the agent is restarted or updated.",
        "KillMode=process",
        "Delegate=yes",
        "OOMScoreAdjust=-200",
        "UMask=0077",
        "StateDirectory=vectorflow-agent vectorflow-agent-engines vectorflow-agent-programs",
        "StateDirectoryMode=0711",
        "RuntimeDirectory=vectorflow-agent",
        "RuntimeDirectoryMode=0711",
        "RuntimeDirectoryPreserve=yes",
        "Environment=VECTORFLOW_AGENT_RUNTIME_DIR=%t/vectorflow-agent",
        "",
        *who,
        "AmbientCapabilities=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        *(f"ReadWritePaths=-{path}" for path in write_paths),
        "ProtectHome=read-only",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "DevicePolicy=closed",
        "ProtectClock=yes",
        "ProtectControlGroups=no",
        "ProtectHostname=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectProc=default",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "KeyringMode=private",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallErrorNumber=EPERM",
        "LimitNOFILE=65536",
        "LimitCORE=0",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"
