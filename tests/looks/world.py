"""A small organisation to look at, made through the public API and the agents' protocol on a running product."""

import base64
import datetime
import time
from typing import Any

import httpx2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from tests.e2e.pipelines import component, create, document
from tests.e2e.stack import Api
from vectorflow_wire import messages

FLEET = {
    "edge-fra-1": {"region": "eu-central", "role": "edge"},
    "edge-fra-2": {"region": "eu-central", "role": "edge"},
    "edge-osl-1": {"region": "eu-north", "role": "edge"},
    "web-1": {"region": "eu-central", "role": "web"},
    "web-2": {"region": "eu-central", "role": "web"},
    "web-3": {"region": "eu-north", "role": "web"},
    "db-1": {"region": "eu-central", "role": "db"},
}
GIGABYTE = 2**30


class Node:
    """An agent that says what agents say, and runs nothing."""

    def __init__(self, gateway: str, token: str, hostname: str) -> None:
        self._http = httpx2.Client(base_url=gateway, timeout=30)
        self._sequence = 0
        self._engine = messages.EngineFacts(kind="vector", version="0.57.0")
        request = messages.EnrollRequest(
            machine_id=hostname,
            hostname=hostname,
            agent_version="0.1.0",
            keys=messages.AgentKeys(
                identity=_text(bytes(SigningKey.generate().verify_key)),
                sealing=_text(bytes(PrivateKey.generate().public_key)),
            ),
            platform=messages.Platform(
                os="linux", os_version="Debian 13", arch="x86_64", cpus=4, memory_bytes=8 * GIGABYTE
            ),
            engine=self._engine,
        )
        answer = self._post(messages.ENROLL_PATH, token, request)
        self._token = str(answer["node_token"])

    def beat(self) -> None:
        """Say that all is well."""
        self._sequence += 1
        host = messages.HostMetrics(
            cpu_percent=18.0,
            memory_used_bytes=3 * GIGABYTE,
            memory_total_bytes=8 * GIGABYTE,
            disk_free_bytes=41 * GIGABYTE,
            disk_total_bytes=64 * GIGABYTE,
            load1=0.6,
        )
        beat = messages.HeartbeatRequest(
            at=int(time.time() * 1000),
            sequence=self._sequence,
            engine=self._engine,
            agent=messages.AgentHealth(version="0.1.0", memory_bytes=48_000_000),
            host=host,
        )
        self._post(messages.HEARTBEAT_PATH, self._token, beat)

    def _post(self, path: str, token: str, body: msgspec.Struct) -> Any:
        answer = self._http.post(
            path,
            content=msgspec.json.encode(body),
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        )
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def fleet(api: Api, gateway: str) -> list[Node]:
    """Enrol the nodes; the last one waits for a person."""
    found = []
    for hostname, labels in FLEET.items():
        asked = {"name": f"for {hostname}", "labels": labels, "approval": hostname == "db-1"}
        token = api.post(f"{api.base}/enrolment-tokens", asked)["token"]
        found.append(Node(gateway, token, hostname))
    return found


def vault(api: Api) -> None:
    """Secrets, variables and a certificate."""
    for name, words in (("loki_password", "Of the log store"), ("s3_archive_key", "Of the archive")):
        api.post(
            f"{api.base}/secrets",
            {"name": name, "value": "made for a picture", "settings": {"description": words}},
        )
    for name, kind, value in (
        ("region", "string", "eu-central-1"),
        ("batch_size", "bytes", "2MiB"),
        ("hosts", "list", ["a.example.com", "b.example.com"]),
    ):
        api.post(f"{api.base}/variables", {"name": name, "type": kind, "value": value, "description": ""})
    chain, private_key = _certificate()
    api.post(
        f"{api.base}/certificates",
        {"name": "ingress", "chain": chain, "private_key": private_key, "description": "Of the log receiver"},
    )


def _certificate() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "logs.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=300))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("logs.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem).decode(), private.decode()


def pipelines(api: Api) -> None:
    """Drafts in folders, beside the demo's pipeline that runs."""
    for name, folder, tags in (
        ("Nginx to archive", "edge", ["prod"]),
        ("Kubernetes logs", "platform", ["prod", "k8s"]),
        ("Host metrics", "platform", ["staging"]),
    ):
        parts = [
            component("in", "source", "demo_logs", format="json"),
            component("shape", "transform", "remap", source=".seen_at = now()"),
            component("out", "sink", "blackhole"),
        ]
        made = create(api, name, document(parts, [("in", "_default", "shape"), ("shape", "_default", "out")]))
        api.post(
            f"{api.base}/pipeline-filings",
            {"pipelines": [made], "folder": folder, "add_tags": tags, "remove_tags": []},
        )


def edit(api: Api, pipeline: str) -> None:
    """Change the draft of the pipeline that runs, so that a deploy has something to show."""
    path = f"{api.base}/pipelines/{pipeline}"
    found = api.get(path)
    parse = next(each for each in found["document"]["components"] if each["id"] == "parse")
    parse["options"]["source"] = parse["options"]["source"].rstrip() + '\n.region = "eu-central"\n'
    draft = {name: found[name] for name in ("name", "description", "document")}
    api.call("PUT", path, json=draft, headers={"If-Match": found["etag"]})


def alerts(api: Api) -> None:
    """Rules, one of which will open for the node that falls silent."""
    channel = api.post(
        f"{api.base}/channels",
        {"name": "On call", "target": {"kind": "webhook", "url": "https://hooks.example.com/on-call"}},
    )
    for name, condition in (
        ("Node silent", {"kind": "node_silent", "seconds": 30}),
        ("Configuration refused", {"kind": "pipeline_failed"}),
        ("Errors", {"kind": "component_errors", "per_minute": 5}),
    ):
        api.post(
            f"{api.base}/alert-rules",
            {"name": name, "condition": condition, "channels": [channel["channel"]["id"]]},
        )
