import type { EnrolmentTokenCreated } from '@/api/gen'

export type InstallWay = 'command' | 'systemd'

/** A script for root that runs the agent as a service: the token stands in a file, never in an argument. */
export function systemdScript({ agent_url: url, token, root_fingerprint: fingerprint }: EnrolmentTokenCreated): string {
  return `install -d -m 0700 /etc/vectorflow-agent /var/lib/vectorflow-agent
(umask 077; cat > /etc/vectorflow-agent/token) <<'TOKEN'
${token}
TOKEN
cat > /etc/systemd/system/vectorflow-agent.service <<UNIT
[Unit]
Description=VectorFlow agent
Wants=network-online.target
After=network-online.target

[Service]
Environment=VECTORFLOW_URL=${url}
Environment=VECTORFLOW_ROOT_FINGERPRINT=${fingerprint}
Environment=VECTORFLOW_ENROLMENT_TOKEN_FILE=/etc/vectorflow-agent/token
ExecStart=$(command -v vectorflow-agent) run
# Engines go on when the agent is restarted or upgraded.
KillMode=process
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now vectorflow-agent`
}
