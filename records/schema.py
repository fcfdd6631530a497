"""The OpenAPI schema: what holds for every operation is said once, here."""

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


PARAMETERS = {
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "The same key with the same request gives the same answer for 24 hours, and "
        "takes effect once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 257},
    },
    "IfMatch": {
        "in": "header",
        "name": "If-Match",
        "description": "The ETag of what was looked at; 412 when it has changed since.",
        "schema": {"type": "string"},
    },
}
HEADERS = {
    "ETag": {"description": "The version of this object.", "schema": {"type": "string"}},
    "IdempotentReplayed": {
        "description": "This was answered before, to the same Idempotency-Key.",
        "schema": {"enum": ["true"]},
    },
    "Link": {
        "description": "The next and the previous page (RFC 8288), where there is one.",
        "schema": {"type": "string"},
    },
}
VERSIONED = ("ConsultationForPhysician", "ConsultationOut", "PatientOut")
# What an answer has at times, or for some of its readers; everything else is always there.
AT_TIMES = {
    "AssessmentForPhysician": {
        "answers",
        "contact",
        "crisis",
        "crisis_answers",
        "flags",
        "urgency",
    },
    "BulkRowOut": {"problem", "status"},
    "RowOut": {"problem", "status"},
    "ConsultationForPhysician": {"note"},
    "DecisionForPhysician": {"note"},
    "DraftAnswerOut": {"crisis_text"},
    "SubmittedOut": {"crisis_text"},
}


def with_manners(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say how every operation refuses, which headers it takes and gives, what is always there."""
    components = result["components"]
    schemas = components.setdefault("schemas", {})
    for name, schema in schemas.items():
        if not name.endswith("Request") and "properties" in schema:
            schema["required"] = sorted(set(schema["properties"]) - AT_TIMES.get(name, set()))
    schemas["Problem"] = PROBLEM
    components["parameters"], components["headers"] = PARAMETERS, HEADERS
    content = {"application/problem+json": {"schema": _ref("schemas", "Problem")}}
    for path in result["paths"].values():
        for method, operation in path.items():
            # A POST beside a GET makes something new: there is no version yet.
            _say_headers(method, operation, is_new=method == "post" and "get" in path)
            operation["responses"]["default"] = {"description": "Refused", "content": content}
    return result


def _say_headers(method: str, operation: dict[str, Any], *, is_new: bool) -> None:
    answers = operation["responses"]
    gives, takes = {}, []
    if method == "post":
        takes.append(_ref("parameters", "IdempotencyKey"))
        gives["Idempotent-Replayed"] = _ref("headers", "IdempotentReplayed")
    if any(f"/{name}'" in str(answers) for name in VERSIONED):
        gives["ETag"] = _ref("headers", "ETag")
        if method != "get" and not is_new:
            takes.append(_ref("parameters", "IfMatch"))
    if "text/csv" in str(answers):
        gives["Link"] = _ref("headers", "Link")
    if takes:
        operation["parameters"] = [*operation.get("parameters", []), *takes]
    for answer in answers.values() if gives else ():
        answer["headers"] = gives


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
