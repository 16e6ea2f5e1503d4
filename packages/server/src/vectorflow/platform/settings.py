"""Every setting of the server: typed, read once from `VECTORFLOW_*`, passed in from there.

A new setting is a field here with a description; the documentation's table is made from it.
"""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vectorflow.kernel.errors import VectorFlowError

PREFIX = "VECTORFLOW_"

# Read by other programs of the product, or by the launcher before settings exist.
FOREIGN_VARIABLES = frozenset(
    PREFIX + name
    for name in (
        "URL",
        "ENROLMENT_TOKEN_FILE",
        "AGENT_STATE_DIR",
        "AGENT_POLICY",
        "POLICY",
        "ENGINE",
        "STOP_ENGINES",
        "VECTOR_BIN",
        "ENROLMENT_TOKEN",
        "ROOT_FINGERPRINT",
        "AGENT_RUNTIME_DIR",
        "ENGINE_BIN",
        "POSTGRES_BIN",
        "BROWSER",
        "PICTURES",
        "TEST_RUN",
    )
)

Port = Annotated[int, Meta(ge=0, le=65535)]
Role = Literal["api", "gateway", "signer", "worker", "shipper"]


class SettingsError(VectorFlowError, status=500, code="platform.settings-invalid"):
    """The settings are not valid; correct the named environment variables and start again."""


def _text(description: str) -> Any:
    return Meta(description=description)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's settings. The name in the environment is the field's name in capitals after `VECTORFLOW_`."""

    mode: Annotated[
        Literal["self-hosted", "cloud"],
        _text(
            "`cloud` serves many customers: it refuses the local key file, an allow-list for outbound calls, "
            "and the signer in one process with API or gateway."
        ),
    ] = "self-hosted"
    host: Annotated[str, _text("Address that API and web application listen on.")] = "127.0.0.1"
    port: Annotated[Port, _text("Port of API and web application; 0 takes a free one.")] = 8484
    gateway_host: Annotated[str, _text("Address that the agents' gateway listens on.")] = "127.0.0.1"
    gateway_port: Annotated[Port, _text("Port of the agents' gateway; 0 takes a free one.")] = 8485
    metrics_host: Annotated[
        str, _text("Address of the internal listener for `GET /metrics`; keep it private.")
    ] = "127.0.0.1"
    metrics_port: Annotated[
        Port | None, _text("Port of the internal listener for `GET /metrics`; unset: no listener.")
    ] = None
    base_url: Annotated[
        str | None, _text("Address people use in the browser, such as https://vectorflow.example.com.")
    ] = None
    gateway_url: Annotated[
        str | None, _text("Address agents use; unset: made from GATEWAY_HOST and GATEWAY_PORT.")
    ] = None
    agent_domain: Annotated[
        str | None, _text("Domain of agent hosts, `<slug>.agents.<domain>`; unset: any host is accepted.")
    ] = None
    lookup_file_bytes: Annotated[
        int,
        Meta(
            ge=1,
            le=60 * 2**20,
            description="Largest lookup file in bytes; an organisation may keep twenty times as much.",
        ),
    ] = 50 * 2**20
    logs_days: Annotated[int, Meta(ge=2, le=90, description="Days that log lines of nodes are kept.")] = 7
    reports_days: Annotated[
        int,
        Meta(
            ge=30,
            le=3650,
            description="Days that reports of nodes are kept; what decided a rollout and a node's last word stay longer.",
        ),
    ] = 400
    logs_bytes_per_day: Annotated[
        int,
        Meta(
            ge=1,
            le=2**40,
            description="Bytes of log lines that an organisation may send a day; agents then keep what they can.",
        ),
    ] = 2**30
    heartbeat_seconds: Annotated[
        float, Meta(ge=1, le=300, description="Seconds between two heartbeats of an agent.")
    ] = 15.0
    roles: Annotated[
        tuple[Role, ...], _text("Roles this process runs, separated by commas; `serve --role` outranks it.")
    ] = ("api", "gateway", "signer", "worker", "shipper")
    state_dir: Annotated[
        Path, _text("Folder for what the server keeps on disk: embedded database, key files, logs.")
    ] = Path("var")
    releases_dir: Annotated[
        Path | None,
        _text("Folder of imported releases, read by gateway and API; unset: `releases` in the state folder."),
    ] = None
    database_url: Annotated[
        str | None,
        _text(
            "PostgreSQL address, possibly of PgBouncer, to which each role's login is added; `up` sets it."
        ),
    ] = None
    database_direct_url: Annotated[
        str | None,
        _text(
            "PostgreSQL address that bypasses PgBouncer, for the bus, jobs and migrations; unset: DATABASE_URL."
        ),
    ] = None
    database_owner_url: Annotated[
        str | None, _text("PostgreSQL address of the owner role, used by `migrate` only.")
    ] = None
    database_app_url: Annotated[
        str | None, _text("PostgreSQL address of the app role; unset: made from DATABASE_URL, as the others.")
    ] = None
    database_worker_url: Annotated[str | None, _text("PostgreSQL address of the worker role.")] = None
    database_signer_url: Annotated[str | None, _text("PostgreSQL address of the signer role.")] = None
    database_telemetry_url: Annotated[
        str | None, _text("PostgreSQL address of the role that writes telemetry.")
    ] = None
    database_operator_url: Annotated[str | None, _text("PostgreSQL address of the role of operators.")] = None
    database_backup_url: Annotated[
        str | None,
        _text("PostgreSQL address of the role that reads everything for backups; no server needs it."),
    ] = None
    scope_key: Annotated[
        str | None,
        _text(
            "Keys that sign the tenant scope, in hex, by commas; unset: from the file that `migrate` wrote."
        ),
    ] = None
    egress_allow: Annotated[
        tuple[str, ...],
        _text(
            "Inner destinations that may be called, by commas, such as vault.corp.example:8200 or 10.1.0.0/16."
        ),
    ] = ()
    egress_ca_file: Annotated[
        Path | None, _text("File of authorities (PEM) to trust for outbound calls beside the system's.")
    ] = None
    key_provider: Annotated[
        str,
        _text(
            "What wraps the data keys: `local-key-file`, `aws-kms:<key ARN>`, or "
            "`vault-transit:https://<host>/<mount>/<key>`."
        ),
    ] = "local-key-file"
    former_key_providers: Annotated[
        tuple[str, ...],
        _text("Key providers that wrapped data keys before and still unwrap them, by commas."),
    ] = ()
    key_rotation_days: Annotated[
        int | None,
        Meta(description="Age in days at which data keys are rotated; unset: only by their use."),
    ] = None
    aws_credentials_file: Annotated[
        Path | None,
        _text("File with the platform's own AWS access key, in the form of AWS's shared credentials file."),
    ] = None
    aws_role_arn: Annotated[
        str | None, _text("Role that the platform takes on with its web identity token.")
    ] = None
    aws_web_identity_token_file: Annotated[
        Path | None, _text("File with the web identity token that AWS_ROLE_ARN trusts.")
    ] = None
    aws_kms_endpoint: Annotated[str | None, _text("Address of AWS KMS; unset: that of the key's region.")] = (
        None
    )
    aws_sts_endpoint: Annotated[str | None, _text("Address of AWS STS; unset: that of the key's region.")] = (
        None
    )
    vault_token_file: Annotated[
        Path | None, _text("File with the token for Vault Transit, read at each use.")
    ] = None
    vault_namespace: Annotated[str | None, _text("Namespace of Vault Enterprise that holds the key.")] = None
    audit_ship_bucket: Annotated[
        str | None,
        _text(
            "Bucket with Object Lock that the role `shipper` brings the platform's log and all checkpoints to, "
            "`name` or `name/prefix`; unset: nothing is shipped."
        ),
    ] = None
    audit_ship_region: Annotated[str, _text("Region of that bucket.")] = "us-east-1"
    audit_ship_endpoint: Annotated[
        str | None, _text("Address of an S3-compatible store; unset: AWS in that region.")
    ] = None
    audit_ship_retention_days: Annotated[
        int, Meta(ge=1, le=36500, description="Days that nobody can change or delete a shipped object.")
    ] = 365
    audit_ship_seconds: Annotated[
        float, Meta(ge=1, le=60, description="Seconds between two rounds of shipping.")
    ] = 30.0
    audit_ship_credentials_file: Annotated[
        Path | None,
        _text("File with the shipper's own AWS access key; unset: the process's AWS identity."),
    ] = None
    audit_ship_key: Annotated[
        str,
        _text(
            "What seals shipped checkpoints: `local-key-file` (refused in cloud mode), or `aws-kms:<key ARN>` of "
            "an ECC_NIST_P256 key for signing."
        ),
    ] = "local-key-file"
    audit_ship_kms_endpoint: Annotated[
        str | None, _text("Address of that KMS; unset: AWS in the key's region.")
    ] = None
    deletion_grace_days: Annotated[
        int,
        Meta(ge=7, le=365, description="Days for which the deletion of an organisation can be cancelled."),
    ] = 30
    backup_dir: Annotated[
        Path | None, _text("Folder that `vectorflow backup` writes into; unset: `backups` in STATE_DIR.")
    ] = None
    backup_recipients: Annotated[
        tuple[str, ...],
        _text("Public keys (`age1…`) that backups are encrypted to, by commas; see `vectorflow backup key`."),
    ] = ()
    backup_retention_days: Annotated[
        int,
        Meta(ge=1, description="Days after which a backup expires; what was erased is gone for good then."),
    ] = 35
    smtp_host: Annotated[
        str | None, _text("Mail server that messages to people go out by; unset: no mail is sent.")
    ] = None
    smtp_port: Annotated[Port, _text("Port of the mail server.")] = 587
    smtp_security: Annotated[
        Literal["starttls", "tls", "plain"],
        _text(
            "Encryption towards the mail server; `plain` only to servers in EGRESS_ALLOW, without a password."
        ),
    ] = "starttls"
    smtp_username: Annotated[str | None, _text("User name at the mail server.")] = None
    smtp_password_file: Annotated[Path | None, _text("File with the password for the mail server.")] = None
    mail_from: Annotated[
        str | None, _text("Address that mail comes from; unset: vectorflow at the mail server.")
    ] = None
    cookie_secure: Annotated[
        Literal["auto", "always", "never"],
        _text("Whether session cookies need TLS; `auto` decides by BASE_URL."),
    ] = "auto"
    trusted_proxies: Annotated[
        tuple[str, ...],
        _text("Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed, by commas."),
    ] = ()
    log_format: Annotated[
        Literal["auto", "json", "text"], _text("`auto` is text on a terminal, else JSON.")
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _text("Least level of log lines that are written.")
    ] = "info"
    access_log: Annotated[
        Path | None,
        _text("File for one JSON line per HTTP request; unset: none. Rotation by renaming is noticed."),
    ] = None
    commit: Annotated[str | None, _text("Commit the program was built from; shown by the health check.")] = (
        None
    )

    def __post_init__(self) -> None:
        for proxy in self.trusted_proxies:
            ipaddress.ip_network(proxy, strict=False)
        for name in ("base_url", "gateway_url"):
            value = getattr(self, name)
            if value is not None and not value.startswith(("http://", "https://")):
                message = f"{name} must begin with http:// or https://"
                raise ValueError(message)

    def __repr__(self) -> str:
        """Leave the values out: some are secrets."""
        return "Settings(…)"

    @property
    def releases_folder(self) -> Path:
        """Where releases of agents and engines lie that this server passes on."""
        return self.releases_dir or self.state_dir / "releases"

    @property
    def tls(self) -> bool:
        """Whether people reach the server by TLS, which decides cookies and HSTS."""
        if self.cookie_secure == "auto":
            return (self.base_url or "").startswith("https://")
        return self.cookie_secure == "always"


class SettingDescription(msgspec.Struct, frozen=True):
    """One setting as the documentation shows it."""

    variable: str
    description: str
    default: str


def load_settings(environment: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
    """Parse the environment; return settings and the warnings to log.

    Raises `SettingsError` naming every wrong variable; values are not repeated, they may be secret.
    """
    source = os.environ if environment is None else environment
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    warnings: list[str] = []
    problems: list[str] = []
    for variable in sorted(name for name in source if name.startswith(PREFIX)):
        field = fields.get(variable.removeprefix(PREFIX).lower())
        if field is None:
            if variable not in FOREIGN_VARIABLES:
                warnings.append(
                    f"{variable} is not a setting of VectorFlow and is ignored; check its spelling"
                )
            continue
        if source[variable].strip():
            _parse_field(field, variable, source[variable].strip(), values, problems)
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings(**values), warnings


def _parse_field(
    field: msgspec.structs.FieldInfo, variable: str, text: str, values: dict[str, Any], problems: list[str]
) -> None:
    raw: Any = (
        [part.strip() for part in text.split(",") if part.strip()]
        if isinstance(field.default, tuple)
        else text
    )
    try:
        value = msgspec.convert(raw, field.type, strict=False, dec_hook=_decode_path)
        Settings(**{field.name: value})
    except (msgspec.ValidationError, ValueError) as error:
        reason = str(error)
        for part in sorted((text, *text.replace(",", " ").split()), key=len, reverse=True):
            reason = reason.replace(part, "…")
        problems.append(f"{variable}: {reason}")
    else:
        values[field.name] = value


def _decode_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise NotImplementedError


def describe_settings() -> Iterator[SettingDescription]:
    """Yield every setting with its description and default, in the order of the class."""
    types = msgspec.inspect.type_info(Settings)
    assert isinstance(types, msgspec.inspect.StructType)  # noqa: S101 - tells mypy what Settings is
    for field in types.fields:
        description = ""
        if isinstance(field.type, msgspec.inspect.Metadata):
            description = str((field.type.extra_json_schema or {}).get("description", ""))
        default = "" if field.default in (None, ()) else field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        yield SettingDescription(PREFIX + field.name.upper(), description, str(default))
