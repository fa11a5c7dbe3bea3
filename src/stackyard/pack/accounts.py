"""The user step: accounts, their groups and their homes, without running anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stackyard.errors import InputError
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind, TarEntry
from stackyard.pack.blob import Content, layer_of
from stackyard.pack.paths import PLAIN, directories_of, problem_of
from stackyard.pack.run import MTIME
from stackyard.pack.userdb import UserDb, with_users
from stackyard.stack.values import User

HOME_MODE = 0o775
"""Of a home and the folders in it: the account's group may write.

Hubs start the same image as the account itself, or (OpenShift, NB_UID) as any
uid in the account's group; both must be able to write there.
"""
_SKEL_MODE = 0o664


def pack_accounts(
    store: Store,
    base: UserDb,
    users: Sequence[User],
    skel: Mapping[str, bytes],
) -> Layer:
    """A layer with the accounts of *users* and their homes.

    A home belongs to its account, with `HOME_MODE`, and has the files of *skel*,
    unless the base had the account already: then the home's files are left
    alone. Passwords are locked. A gid that no group has gets a group named as
    the user.

    Args:
        store: where the layer goes.
        base: the account files of the image below.
        users: in order; an account that is there already stays as it is.
        skel: ``/etc/skel`` of the image below: relative path to content.

    Raises:
        InputError: an account contradicts one that is there, or another of
            *users*; or it cannot be written as a line of ``/etc/passwd``.
        OutsideError: the disk is full or broken.
    """
    done = with_users(base, users)
    new = [user for user in users if not base.has(user)]
    entries: dict[str, tuple[TarEntry, Content]] = {}
    for user in users:
        _add_home(entries, user, skel if user in new else {})
    for path, mode, gid, before, after in (
        ("etc/passwd", 0o644, 0, base.passwd, done.passwd),
        ("etc/group", 0o644, 0, base.group, done.group),
        ("etc/shadow", *_shadow_rights(done), base.shadow, done.shadow),
    ):
        if after is not None and after != before:
            entries[path] = (
                TarEntry(name=path, mode=mode, gid=gid, size=len(after), mtime=MTIME),
                after,
            )
    return layer_of(store, entries.values())


def _shadow_rights(database: UserDb) -> tuple[int, int]:
    """Mode and group of ``/etc/shadow``: Debian has a group that may read it."""
    gid = database.shadow_gid
    return (0o600, 0) if gid is None else (0o640, gid)


def _add_home(
    entries: dict[str, tuple[TarEntry, Content]], user: User, skel: Mapping[str, bytes]
) -> None:
    home = user.home.strip("/")
    if not home:
        return
    for path in sorted(directories_of([home]) - PLAIN):
        entries.setdefault(path, (_directory(path, 0o755), b""))
    for path in (home, *(f"{home}/{p}" for p in sorted(directories_of(skel)))):
        entries[path] = (_directory(path, HOME_MODE, user), b"")
    for name, content in sorted(skel.items()):
        if problem := problem_of(name):
            raise InputError(
                f"making the home of {user.name}: /etc/skel has {name!r}: {problem}",
                hint="use another base image",
            )
        path = f"{home}/{name}"
        entry = TarEntry(
            name=path, mode=_SKEL_MODE, size=len(content), uid=user.uid, gid=user.gid, mtime=MTIME
        )
        entries[path] = (entry, content)


def _directory(path: str, mode: int, owner: User | None = None) -> TarEntry:
    uid, gid = (owner.uid, owner.gid) if owner else (0, 0)
    return TarEntry(name=path, kind=Kind.DIRECTORY, mode=mode, uid=uid, gid=gid, mtime=MTIME)
