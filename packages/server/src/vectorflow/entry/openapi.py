"""The API's own description: OpenAPI 3.1, and a page to read it on that needs no script."""

import html
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from vectorflow.entry.health import version
from vectorflow.platform.http.context import request_context

_METHODS = ("get", "post", "put", "patch", "delete")


def complete(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the generated description what holds for every operation: problems, the session, CSRF."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(_PROBLEM_SCHEMAS)
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "vf_session"},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
    }
    for name, component in components["schemas"].items():
        component.setdefault("title", name)
        for field, property_ in component.get("properties", {}).items():
            if (field == "at" or field.endswith("_at")) and "$ref" not in property_:
                _say_moment(property_)
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _complete_operation(item[method], path, method)
    return document


def _say_moment(schema: dict[str, Any]) -> None:
    """Moments are texts to the framework; the description says that they are moments."""
    for each in (schema, *schema.get("oneOf", ())):
        if each.get("type") == "string":
            each["format"] = "date-time"


def _complete_operation(operation: dict[str, Any], path: str, method: str) -> None:
    responses = operation.setdefault("responses", {})
    responses.pop("400", None)  # the framework's own form of an error, which is never sent
    responses["default"] = {
        "description": "A problem (RFC 9457)",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    public = path.startswith("/api/health") or operation.get("operationId") == "createSession"
    needs: dict[str, list[str]] = {"session": []} if method == "get" else {"session": [], "csrf": []}
    operation["security"] = [] if public else [needs]


_PROBLEM_SCHEMAS: dict[str, Any] = {
    "FieldError": {
        "type": "object",
        "description": "What is wrong with one field.",
        "required": ["field", "message"],
        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
    },
    "Problem": {
        "type": "object",
        "description": "An error: `type` is stable, `detail` is for people, `id` is in the server's log.",
        "required": ["type", "title", "status", "detail", "id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "id": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        },
    },
}


class DescriptionPlugin(OpenAPIRenderPlugin):
    """Answers `/api/openapi.json`."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type="application/json")  # type: ignore[arg-type]
        self._rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the completed description; it never changes while the process lives."""
        del request
        if self._rendered is None:
            self._rendered = msgspec.json.encode(complete(openapi_schema))
        return self._rendered


class PagePlugin(OpenAPIRenderPlugin):
    """Answers `/api/docs`: every operation with its parameters, body and answers."""

    def __init__(self) -> None:
        super().__init__(path="/docs")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        nonce = request_context(request.scope).nonce
        return page(complete(openapi_schema), nonce).encode()


def page(document: Mapping[str, Any], nonce: str) -> str:
    """Write a description as HTML; every text is escaped."""
    operations = [
        (operation.get("tags", ["other"])[0], path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    ]
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>VectorFlow API</title>'
        f'<meta name="viewport" content="width=device-width"><style nonce="{html.escape(nonce)}">{_STYLE}</style>'
        f"</head><body><main><h1>VectorFlow API {html.escape(document['info']['version'])}</h1>"
        '<p>The description for programs: <a href="/api/openapi.json">/api/openapi.json</a>.</p>'
    ]
    heading = None
    for tag, path, method, operation in sorted(operations, key=lambda each: (each[0], each[1])):
        if tag != heading:
            parts.append(f"<h2>{html.escape(tag.capitalize())}</h2>")
            heading = tag
        parts.append(_operation(path, method, operation))
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(f'<h3 id="{html.escape(name)}">{html.escape(name)}</h3><pre>{_json(schema)}</pre>')
    return "".join([*parts, "</main></body></html>"])


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    identifier = html.escape(operation.get("operationId", ""))
    lines = [
        f'<h3 id="{identifier}"><code>{method.upper()} {html.escape(path)}</code></h3>'
        f"<p>{html.escape(operation.get('summary', ''))} <small>{identifier}</small></p>"
    ]
    for parameter in operation.get("parameters", []):
        about = html.escape(parameter.get("description", ""))
        lines.append(f"<p><code>{html.escape(parameter['name'])}</code> in {parameter['in']} {about}</p>")
    body = operation.get("requestBody", {}).get("content", {})
    lines += [f"<p>Body: {_reference(media)}</p>" for media in body.values()]
    for status, answer in operation.get("responses", {}).items():
        references = ", ".join(_reference(media) for media in answer.get("content", {}).values())
        lines.append(f"<p>{html.escape(status)}: {references or 'no content'}</p>")
    return "".join(lines)


def _reference(media: Mapping[str, Any]) -> str:
    name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f'<a href="#{html.escape(name)}">{html.escape(name)}</a>' if name else "any"


def _json(schema: Any) -> str:
    return html.escape(msgspec.json.format(msgspec.json.encode(schema)).decode())


_STYLE = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0}"
    "main{max-width:60rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto;font-size:12px}"
    "h2{margin-top:2.5rem;border-bottom:1px solid}h3{margin:1.5rem 0 .25rem}p{margin:.25rem 0}"
)


class _DescriptionRouter(Router):
    """Holds our two pages, without the framework's own page for what it does not find."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        if isinstance(value, HTTPRouteHandler) and "/{path:str}" in value.paths:
            return []
        return super().register(value)


def openapi_config() -> OpenAPIConfig:
    """Return the framework's configuration: our two pages and none of its own."""
    return OpenAPIConfig(
        title="VectorFlow",
        version=version(),
        description="The control plane's public API. The web application uses this API and no other.",
        render_plugins=[DescriptionPlugin(), PagePlugin()],
        openapi_router=_DescriptionRouter(
            "/api",
            route_handlers=[],
            include_in_schema=False,
            opt={"public": "the description of the API is the same for everybody"},
        ),
    )
