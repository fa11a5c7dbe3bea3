"""Why a server did not start, or ended, in words for users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tornado.web import HTTPError


class StartError(HTTPError):
    """A server did not start; an HTTP error, because the hub shows users the words of those."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(500, message)
        self.message = message
        self.lines = list(lines)
        self.jupyterhub_message = ": ".join([message, *self.lines[-1:]])


def ended(state: dict[str, Any]) -> str:
    """Why a container is no longer running, of what the engine says about it."""
    if state.get("OOMKilled"):
        return "the container needed more memory than its profile allows, and was killed"
    return f"the container ended with exit code {state['ExitCode']}"


def words(error: Exception) -> str:
    """An error of the engine's or of KubeSpawner's."""
    if isinstance(error, KeyError):
        return f"there is no such choice: {error}"
    return str(getattr(error, "explanation", None) or error) or type(error).__name__
