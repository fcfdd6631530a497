"""What the OpenAPI schema says of a door beyond what drf-spectacular sees."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema

from accounts.api import Anyone


class Schema(AutoSchema):
    """The schema of a door: what `Anyone` may ask needs no token; a DELETE may have a body."""

    def get_auth(self) -> list[Any]:
        is_open = any(isinstance(p, Anyone) for p in self.view.get_permissions())
        return [*super().get_auth(), *([{}] if is_open else [])]

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> Any:
        shape = self.get_request_serializer() if self.method == "DELETE" else None
        if shape is None:
            return super()._get_request_body(direction)
        schema = self.resolve_serializer(shape, direction).ref
        return {"required": True, "content": {"application/json": {"schema": schema}}}
