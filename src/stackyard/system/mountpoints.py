"""What buildah before 1.31 removes, and nobody asked it to: see `mount_targets`."""

from __future__ import annotations

from pathlib import PurePosixPath

from stackyard.stack.containerfile import parse

_TARGETS = ("target", "dst", "destination")


def mount_targets(text: str) -> frozenset[str]:
    """Where the instructions have something mounted, as names in an archive.

    buildah before 1.31 removes these when an instruction ends, also what was there
    before: https://github.com/containers/buildah/pull/4755.

    Args:
        text: a Containerfile.
    """
    flags = [flag for i in parse(text) if i.word == "RUN" for flag in i.flags]
    mounts = [flag.partition("=")[2] for flag in flags if flag.startswith("--mount=")]
    options = [option.partition("=") for mount in mounts for option in mount.split(",")]
    return frozenset(
        PurePosixPath(value).as_posix().strip("/")
        for name, _, value in options
        if name in _TARGETS and value.startswith("/") and "$" not in value
    )


def is_removal(name: str, targets: frozenset[str]) -> bool:
    """Whether an archive's entry removes one of them, or what was in it.

    Args:
        name: the entry's.
        targets: from `mount_targets`.
    """
    folder, _, last = name.rpartition("/")
    if last == ".wh..wh..opq":
        return folder in targets
    return last.startswith(".wh.") and f"{folder}/{last[4:]}".lstrip("/") in targets
