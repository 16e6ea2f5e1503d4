"""Stand-ins of AWS KMS and STS, and of Vault Transit: real HTTP, real ciphers, and refusals that can be switched off.

They speak the part of the protocols that the product uses. Unlike others they check the signature, the policy's
condition on the encryption context, the key's state and the external id; `refuses` says which of these.
"""

import base64
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from uuid import uuid4

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ACCESS_KEY, SECRET_KEY = "AKIDPLATFORM", "platform-secret"
KEY_ARN = "arn:aws:kms:eu-central-1:111122223333:key/0d7c4a52-9c5f-4c0f-9d30-0a3b6a1f2c11"
AWS_REFUSALS = frozenset({"signature", "disabled", "pending", "context", "policy", "external-id"})
VAULT_REFUSALS = frozenset({"sealed", "token", "missing", "derivation", "data"})


class Answer(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, status: int, content: object, kind: str = "application/json") -> None:
        self.status, self.kind = status, kind
        self.body = content.encode() if isinstance(content, str) else json.dumps(content).encode()


class StandIn:
    """Counts calls, and fails or tarries when told to."""

    def __init__(self, refusals: frozenset[str]) -> None:
        self.refuses = set(refusals)
        self.calls: list[str] = []
        self.down = 0  # how many of the next calls get 503
        self.gate = threading.Event()
        self.gate.set()
        self.url = ""

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        raise NotImplementedError

    def take(self, call: str) -> None:
        self.calls.append(call)
        self.gate.wait(20)
        if self.down > 0:
            self.down -= 1
            raise Answer(503, {"__type": "ServiceUnavailableException", "errors": ["down"]})


class AwsStandIn(StandIn):
    """One KMS key, and a role that may use it. `only_for`: the organisation that the key policy names."""

    def __init__(self) -> None:
        super().__init__(AWS_REFUSALS)
        self._key = os.urandom(32)
        self.secrets = {ACCESS_KEY: SECRET_KEY}
        self.state = "enabled"
        self.role, self.external_id = "arn:aws:iam::111122223333:role/vectorflow", str(uuid4())
        self.only_for: str | None = None

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self._check_signature(method, path, headers, body)
        target = headers.get("x-amz-target", "")
        if not target:
            self._sts({name: values[0] for name, values in parse_qs(body.decode()).items()})
        operation = target.partition(".")[2]
        self.take(operation)
        self._kms(operation, json.loads(body))

    def _check_signature(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        if b"AssumeRoleWithWebIdentity" in body or "signature" not in self.refuses:
            return
        found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", headers.get("authorization", ""))
        secret = self.secrets.get(found[1]) if found else None
        if found is None or secret is None:
            raise Answer(400, {"__type": "UnrecognizedClientException"})
        signed = re.search(r"SignedHeaders=([^,]+),", headers["authorization"])[1].split(";")  # type: ignore[index]
        request = AWSRequest(method, self.url + path, data=body)
        for name in signed:
            if name != "host":
                request.headers[name] = headers[name]
        request.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(ReadOnlyCredentials(found[1], secret, None), found[3], found[2])
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if signer.signature(text, request) != headers["authorization"].rpartition("Signature=")[2]:
            raise Answer(400, {"__type": "InvalidSignatureException"})

    def _sts(self, form: dict[str, str]) -> None:
        self.take(form["Action"])
        genuine = form.get("ExternalId") == self.external_id or "WebIdentityToken" in form
        if form["RoleArn"] != self.role or ("external-id" in self.refuses and not genuine):
            raise Answer(403, "<Error><Code>AccessDenied</Code></Error>", "text/xml")
        name = f"ASIA{len(self.secrets)}"
        self.secrets[name] = f"secret+of/{name}"
        raise Answer(
            200,
            f"<R><Credentials><AccessKeyId>{name}</AccessKeyId><SecretAccessKey>{self.secrets[name]}"
            f"</SecretAccessKey><SessionToken>token&amp;{name}</SessionToken></Credentials></R>",
            "text/xml",
        )

    def _kms(self, operation: str, content: dict[str, object]) -> None:
        context = content.get("EncryptionContext") or {}
        assert isinstance(context, dict)
        if content["KeyId"] != KEY_ARN:
            raise Answer(400, {"__type": "NotFoundException"})
        organization = context.get("organization")
        if "policy" in self.refuses and (not organization or self.only_for not in (None, organization)):
            raise Answer(400, {"__type": "AccessDeniedException"})
        if self.state == "disabled" and "disabled" in self.refuses:
            raise Answer(400, {"__type": "DisabledException"})
        if self.state == "pending" and "pending" in self.refuses:
            raise Answer(400, {"__type": "KMSInvalidStateException"})
        data = json.dumps(context, sort_keys=True).encode() if "context" in self.refuses else b""
        if operation == "Encrypt":
            nonce = os.urandom(12)
            sealed = nonce + AESGCM(self._key).encrypt(
                nonce, base64.b64decode(str(content["Plaintext"])), data
            )
            raise Answer(200, {"CiphertextBlob": base64.b64encode(sealed).decode()})
        sealed = base64.b64decode(str(content["CiphertextBlob"]))
        try:
            plain = AESGCM(self._key).decrypt(sealed[:12], sealed[12:], data)
        except (InvalidTag, ValueError):
            raise Answer(400, {"__type": "InvalidCiphertextException"}) from None
        raise Answer(200, {"Plaintext": base64.b64encode(plain).decode()})


class VaultStandIn(StandIn):
    """One transit key `transit/vectorflow`; `key` is what `keys/vectorflow` tells of it."""

    def __init__(self) -> None:
        super().__init__(VAULT_REFUSALS)
        self._root = os.urandom(32)
        self.token = "hvs.token"
        self.sealed = self.missing = False
        self.key = {
            "type": "aes256-gcm96",
            "derived": True,
            "exportable": False,
            "allow_plaintext_backup": False,
        }

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        operation = path.split("/")[3]
        self.take(operation)
        if self.sealed and "sealed" in self.refuses:
            raise Answer(503, {"errors": ["Vault is sealed"]})
        if headers.get("x-vault-token") != self.token and "token" in self.refuses:
            raise Answer(403, {"errors": ["permission denied"]})
        if self.missing and "missing" in self.refuses:
            status, text = (404, "") if operation == "keys" else (400, "encryption key not found")
            raise Answer(status, {"errors": [text]})
        if operation == "keys":
            raise Answer(200, {"data": self.key})
        content = json.loads(body)
        data = base64.b64decode(content.get("associated_data", "")) if "data" in self.refuses else b""
        cipher = AESGCM(self._derived(content))
        if operation == "encrypt":
            nonce = os.urandom(12)
            sealed = nonce + cipher.encrypt(nonce, base64.b64decode(content["plaintext"]), data)
            raise Answer(200, {"data": {"ciphertext": "vault:v1:" + base64.b64encode(sealed).decode()}})
        try:
            raw = base64.b64decode(content["ciphertext"].removeprefix("vault:v1:"))
            plain = cipher.decrypt(raw[:12], raw[12:], data)
        except (InvalidTag, ValueError):
            raise Answer(400, {"errors": ["cipher: message authentication failed"]}) from None
        raise Answer(200, {"data": {"plaintext": base64.b64encode(plain).decode()}})

    def _derived(self, content: dict[str, str]) -> bytes:
        if "derivation" not in self.refuses or not self.key["derived"]:
            return self._root
        context = content.get("context")
        if not context:
            raise Answer(400, {"errors": ["missing 'context' for key derivation"]})
        return HKDF(SHA256(), 32, None, base64.b64decode(context)).derive(self._root)


@contextmanager
def serving(stand_in: StandIn) -> Iterator[StandIn]:
    """Serve a stand-in on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                stand_in.handle(self.command, self.path, headers, body)
            except Answer as answer:
                self.send_response(answer.status)
                self.send_header("content-type", answer.kind)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        do_GET: Callable[[], None] = _answer  # noqa: N815
        do_POST: Callable[[], None] = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a caller that gave up

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.gate.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
