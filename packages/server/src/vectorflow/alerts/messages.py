"""What people and programs are told: pure. Everything that a node or person supplied is cleaned here."""

import base64
import hashlib
import hmac
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.alerts.types import Due
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.logs import clean_text

_LINE = 500


def email(due: Due, *, sender: str, to: list[str], page: str | None, at: Any) -> EmailMessage:
    """Return the mail for a message that is due."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{due.id}@vectorflow>"
    message["Auto-Submitted"] = "auto-generated"
    message["Subject"] = _line(subject(due))[:200]
    message.set_content(_text(due, page))
    return message


def subject(due: Due) -> str:
    """Return what it is about, in a line."""
    where = f"{due.organization}/{due.environment}"
    if due.incident is None:
        return f"[VectorFlow] {where}: a test of the channel {due.channel_name}"
    word = "Resolved" if due.event == "resolved" else "Alert"
    return f"[VectorFlow] {word} in {where}: {due.incident['rule']}"


def _text(due: Due, page: str | None) -> str:
    incident = due.incident
    if incident is None:
        return "This message was asked for to see whether the channel works. It does.\n"
    lines = [_line(str(incident["summary"])), ""]
    lines.append(f"Rule:     {_line(str(incident['rule']))}")
    for label, name in (("Node:    ", "node"), ("Pipeline:", "pipeline"), ("Component", "component")):
        if incident.get(name):
            lines.append(f"{label} {_line(str(incident[name]))}")
    lines.append(f"Since:    {incident['opened_at']}")
    if due.event == "resolved":
        lines.append(f"Over:     {incident['resolved_at']}")
    if page is not None:
        lines += ["", f"{page}/{due.organization}/{due.environment}/alerts?incident={incident['id']}"]
    return "\n".join(lines) + "\n"


def webhook_body(due: Due, page: str | None, at: Any) -> bytes:
    """Return the JSON for a message that is due: `type`, `timestamp` and `data`."""
    data: dict[str, Any] = {"organization": due.organization, "environment": due.environment}
    if due.incident is not None:
        data |= {name: _value(value) for name, value in due.incident.items()}
        if page is not None:
            data["url"] = f"{page}/{due.organization}/{due.environment}/alerts?incident={due.incident['id']}"
    kind = "channel.test" if due.incident is None else f"incident.{due.event}"
    return msgspec.json.encode({"type": kind, "timestamp": rfc3339(at), "data": data})


def webhook_headers(message_id: UUID, body: bytes, secret: str, seconds: int) -> dict[str, str]:
    """Return the headers of a signed webhook: HMAC-SHA-256 of `<id>.<seconds>.<body>`, as Standard Webhooks say."""
    key = base64.urlsafe_b64decode(secret.removeprefix("whsec_") + "==")
    signed = f"{message_id}.{seconds}.".encode() + body
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": str(message_id),
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{mac}",
    }


def _value(value: Any) -> Any:
    return _line(value) if isinstance(value, str) else value


def _line(text: str) -> str:
    return " ".join(clean_text(text).split())[:_LINE]
