"""The version-controlled folder that a stack file is in, without anybody's credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from stackyard.build.revision import git, revision

_DIRTY = "-dirty"
_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:@]+):(?P<path>[^/:]\S*)")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A state of a repository.

    Attributes:
        commit: 40 hex digits, or 64.
        dirty: the stack's folder has changes that are in no commit.
        remote: where the repository is kept, such as ``https://github.com/acme/hub``;
            empty when it is kept nowhere else, or that is a path of this machine.
        folder: the stack's folder in the repository, in POSIX form; ``.`` for its root.
    """

    commit: str
    dirty: bool
    remote: str
    folder: str


def checkout(root: Path) -> Checkout | None:
    """The repository that a folder is in; None where there is none, or no git."""
    told = revision(root)
    if not told:
        return None
    prefix = git(root, "rev-parse", "--show-prefix").strip("/")
    remotes = git(root, "remote").split()
    name = "origin" if "origin" in remotes else next(iter(remotes), "")
    # Not `git remote get-url`: it would put in what a machine's settings put in its place.
    remote = git(root, "config", "--get", f"remote.{name}.url") if name else ""
    return Checkout(
        commit=told.removesuffix(_DIRTY),
        dirty=told.endswith(_DIRTY),
        remote=public_address(remote),
        folder=str(PurePosixPath(prefix or ".")),
    )


def public_address(remote: str) -> str:
    """A remote's address without user, password and query; empty for a local path."""
    if "://" not in remote:
        scp = _SCP.fullmatch(remote)
        return f"ssh://{scp['host']}/{scp['path']}" if scp else ""
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("https", "http", "ssh", "git") or not host:
        return ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path}"
