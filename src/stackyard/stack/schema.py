"""The JSON Schema of the stack file, for editors and other programs."""

from __future__ import annotations

from typing import Any

from stackyard.stack.source import ImageSource, LayerSource, StackSource


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a stack file, made from the models that read it."""
    made = StackSource[LayerSource, ImageSource].model_json_schema()
    tidied: dict[str, Any] = _tidy(made)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **tidied,
        "title": "Stackyard stack file",
    }


def _tidy(node: Any) -> Any:
    """Without what pydantic adds: null for what may be left out, and generated titles."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _tidy(value) for key, value in node.items() if not _is_noise(key, value)}
    if "patternProperties" in made:  # names are checked, not only completed
        made["additionalProperties"] = False
    branches = made.get("anyOf")
    if isinstance(branches, list):
        kept = [branch for branch in branches if branch != {"type": "null"}]
        if len(kept) == 1:
            del made["anyOf"]
            return {**kept[0], **made}
        made["anyOf"] = kept
    return made


def _is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
