"""The commit that a stack file is at."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def revision(root: Path) -> str:
    """The commit of the repository that a folder is in, ``-dirty`` when it has changes.

    Returns:
        40 hex digits and perhaps the suffix; empty where there is no repository or no git.
    """
    commit = git(root, "rev-parse", "--verify", "HEAD")
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return ""
    changed = git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return f"{commit}-dirty" if changed else commit


def git(root: Path, *words: str) -> str:
    """What git prints in a folder; empty where it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
