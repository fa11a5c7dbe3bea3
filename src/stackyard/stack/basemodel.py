"""The model that all mappings of the stack file are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Source(BaseModel):
    """A mapping of the stack file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
