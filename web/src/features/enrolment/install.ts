import type { EnrolmentTokenCreated } from '@/api/gen'

export type InstallWay = 'systemd' | 'container' | 'kubernetes' | 'foreground'

type Command = (created: EnrolmentTokenCreated) => string

/** Runs the agent in this terminal, for trying things: it installs nothing. */
const foreground: Command = ({ agent_url: url, token, root_fingerprint: fingerprint }) =>
  `VECTORFLOW_URL=${url} \\
VECTORFLOW_ROOT_FINGERPRINT=${fingerprint} \\
VECTORFLOW_ENROLMENT_TOKEN=${token} \\
vectorflow-agent run`

/** The token stands in a file that only root reads, and is mounted; never in what `inspect` shows. */
const container: Command = ({ agent_url: url, token, root_fingerprint: fingerprint }) =>
  `sudo install -d -m 0700 /etc/vectorflow-agent
printf '%s\\n' '${token}' | sudo install -m 0600 /dev/stdin /etc/vectorflow-agent/token
sudo docker run -d --name vectorflow-agent --restart always \\
  --cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add SETPCAP --cap-add CHOWN \\
  --cap-add DAC_OVERRIDE --cap-add FOWNER --cap-add KILL --security-opt no-new-privileges \\
  --read-only --tmpfs /tmp --stop-timeout 90 \\
  -v vectorflow-agent:/var/lib/vectorflow-agent \\
  -v /etc/vectorflow-agent/token:/run/secrets/vectorflow/token:ro \\
  -e VECTORFLOW_URL=${url} \\
  -e VECTORFLOW_ROOT_FINGERPRINT=${fingerprint} \\
  vectorflow-agent`

/** For the manifests in `deploy/kubernetes`: the secret first, then the address and the key to believe. */
const kubernetes: Command = ({ agent_url: url, token, root_fingerprint: fingerprint }) =>
  `kubectl create namespace vectorflow
printf '%s' '${token}' | kubectl -n vectorflow create secret generic vectorflow-enrolment --from-file=token=/dev/stdin
kubectl apply -f deploy/kubernetes/agent.yaml
kubectl -n vectorflow patch configmap vectorflow-agent --type merge \\
  -p '{"data":{"VECTORFLOW_URL":"${url}","VECTORFLOW_ROOT_FINGERPRINT":"${fingerprint}"}}'
kubectl -n vectorflow rollout restart daemonset vectorflow-agent`

/** The ready command for a way to install. */
export const INSTALL_COMMANDS: Record<InstallWay, Command> = {
  systemd: (created) => created.install_command,
  container,
  kubernetes,
  foreground,
}
