"""The OpenAPI schema: every operation may also answer with a problem (RFC 9457)."""

from typing import Any

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. The codes are a closed list.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "next_slots": {"type": "array", "items": {"$ref": "#/components/schemas/Slot"}},
        "next_windows": {"type": "array", "items": {"type": "object"}},
        "unmet_gates": {"type": "array", "items": {"$ref": "#/components/schemas/GateOut"}},
    },
}


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say once, for every operation, how it refuses."""
    schemas = result["components"].setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"]["default"] = {"description": "Refused", "content": content}
    return result
