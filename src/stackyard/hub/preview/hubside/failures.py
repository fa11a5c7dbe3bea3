"""Why a server did not start, or ended, in words for users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tornado.web import HTTPError

IMAGE = "look at the image's cmd, entrypoint and user, and its layers' tests"
MEMORY = "raise the profile's mem_limit, or load less"


class StartError(HTTPError):
    """A server did not start; an HTTP error, because the hub shows users the words of those."""

    def __init__(
        self, message: str, lines: Sequence[str] | None = None, *, hint: str = IMAGE
    ) -> None:
        super().__init__(500, message)
        self.message = message
        self.lines = lines  # None where nothing ran that could have said any
        self.hint = hint
        self.jupyterhub_message = ": ".join([message, *(lines or [])[-1:]])


def ended(state: dict[str, Any]) -> tuple[str, str]:
    """Why a container is no longer running, of what the engine says; and where to look."""
    if state.get("OOMKilled"):
        return "the container needed more memory than its profile allows, and was killed", MEMORY
    return f"the container ended with exit code {state['ExitCode']}", IMAGE


def words(error: Exception) -> str:
    """An error of the engine's or of KubeSpawner's."""
    if isinstance(error, KeyError):
        return f"there is no such choice: {error}"
    return str(getattr(error, "explanation", None) or error) or type(error).__name__
