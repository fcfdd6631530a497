"""What the OpenAPI schema says of a door beyond what drf-spectacular sees."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema

from accounts.api import Anyone
from records.api import Csv


class Schema(AutoSchema):
    """The schema of a door: what `Anyone` may ask needs no token; a DELETE may have a body.

    A list that can be had as CSV says so.
    """

    def get_auth(self) -> list[Any]:
        is_open = any(isinstance(p, Anyone) for p in self.view.get_permissions())
        return [*super().get_auth(), *([{}] if is_open else [])]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        answers = super()._get_response_bodies(direction)
        if any(isinstance(renderer, Csv) for renderer in self.view.get_renderers()):
            answers["200"]["content"][Csv.media_type] = {"schema": {"type": "string"}}
        return answers

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> Any:
        shape = self.get_request_serializer() if self.method == "DELETE" else None
        if shape is None:
            return super()._get_request_body(direction)
        schema = self.resolve_serializer(shape, direction).ref
        return {"required": True, "content": {"application/json": {"schema": schema}}}
