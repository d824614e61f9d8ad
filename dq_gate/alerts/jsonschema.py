"""The alert language as a JSON Schema, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dq_gate.alerts.load import PACK_NAME
from dq_gate.alerts.rules import AlertRule


class AlertFile(BaseModel):
    """An alert file."""

    model_config = ConfigDict(extra="forbid")

    pack: str | None = Field(
        None,
        pattern=f"^{PACK_NAME}$",
        description="What its state and its history are kept under. Default: the file's name without its ending.",
    )
    alerts: list[Annotated[AlertRule, Field(discriminator="kind")]] = Field(
        min_length=1, description="The alerts, each with a name of its own."
    )


def alerts_schema() -> dict[str, Any]:
    """The schema, draft 2020-12. What each kind of alert takes is part of it."""
    schema = AlertFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "dq_gate alert file"}
