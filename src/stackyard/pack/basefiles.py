"""What the user step needs of the image below."""

from __future__ import annotations

from stackyard.inventory.filesystem import FileSystem
from stackyard.pack.userdb import UserDb

_SKEL = "etc/skel"


def read_user_db(files: FileSystem) -> UserDb:
    """The account files of an image; those that are missing count as empty.

    Raises:
        InputError: one is far too long.
        OutsideError: its layer is damaged.
    """
    shadow = files.read("etc/shadow") if files.is_file("etc/shadow") else None
    passwd, group = (
        files.read(path) if files.is_file(path) else b"" for path in ("etc/passwd", "etc/group")
    )
    return UserDb(passwd, group, shadow)


def read_skel(files: FileSystem) -> dict[str, bytes]:
    """The files in an image's ``/etc/skel``, by relative path.

    Raises:
        InputError: one is far too long.
        OutsideError: its layer is damaged.
    """
    root = files.resolve(_SKEL)
    if root is None:
        return {}
    return {
        path.removeprefix(f"{root}/"): files.read(path)
        for path in sorted(files.nodes)
        if path.startswith(f"{root}/") and files.is_file(path)
    }
