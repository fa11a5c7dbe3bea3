"""The account files of a Unix system, with accounts added: passwd(5), group(5), shadow(5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stackyard.errors import InputError
from stackyard.pack.paths import problem_of
from stackyard.stack.values import User

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_MAX_ID = 2**31 - 1
_SHADOW_GROUP = "shadow"


@dataclass(frozen=True, slots=True)
class UserDb:
    """The contents of ``/etc/passwd``, ``/etc/group`` and ``/etc/shadow`` (None: there is none)."""

    passwd: bytes
    group: bytes
    shadow: bytes | None = None

    @property
    def shadow_gid(self) -> int | None:
        """The group that may read ``/etc/shadow``, where there is one (Debian)."""
        gid = self._groups().get(_SHADOW_GROUP)
        return int(gid) if gid and gid.isdecimal() else None

    def has(self, user: User) -> bool:
        """Whether the account is there as *user* describes it; the shell may differ.

        Raises:
            InputError: the name or the uid belongs to another account.
        """
        for row in _rows(self.passwd):
            if len(row) < 7 or (row[0] != user.name and row[2] != str(user.uid)):
                continue
            found = (row[0], row[2], row[3], row[5].rstrip("/"))
            if found == (user.name, str(user.uid), str(user.gid), user.home.rstrip("/")):
                return True
            raise InputError(
                f"making the account {user.name} (uid {user.uid}, gid {user.gid}, home"
                f" {user.home}): there already is {found[0]} with uid {found[1]},"
                f" gid {found[2]}, home {found[3]}",
                hint="give the user step exactly that account, or another name and uid",
            )
        return False

    def adding(self, user: User) -> UserDb:
        """With the account, its password locked, and its group if no group has its gid.

        The group is named as the user. An account that is there stays as it is.

        Raises:
            InputError: the account cannot be written, or contradicts another one.
        """
        _check(user)
        if self.has(user):
            return self
        group = self.group
        groups = self._groups()
        if str(user.gid) not in groups.values():
            if user.name in groups:
                raise InputError(
                    f"making the group {user.name} with gid {user.gid}: there already is"
                    f" one with gid {groups[user.name]}",
                    hint="give the user step that gid, or another name",
                )
            group = _with_line(group, f"{user.name}:x:{user.gid}:")
        account = f"{user.name}:x:{user.uid}:{user.gid}::{user.home}:{user.shell}"
        shadow = self.shadow
        if shadow is not None and all(row[0] != user.name for row in _rows(shadow)):
            # No date of the last change: it would differ from day to day.
            shadow = _with_line(shadow, f"{user.name}:!:::::::")
        return UserDb(_with_line(self.passwd, account), group, shadow)

    def _groups(self) -> dict[str, str]:
        return {row[0]: row[2] for row in _rows(self.group) if len(row) >= 3}


def with_users(database: UserDb, users: Sequence[User]) -> UserDb:
    """*database* with all *users*; see `UserDb.adding`.

    Raises:
        InputError: an account cannot be written, or contradicts another one.
    """
    for user in users:
        database = database.adding(user)
    return database


def _rows(data: bytes) -> list[list[str]]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return [line.split(":") for line in lines if line and not line.startswith("#")]


def _with_line(data: bytes, line: str) -> bytes:
    start = data if not data or data.endswith(b"\n") else data + b"\n"
    return start + line.encode() + b"\n"


def _check(user: User) -> None:
    problem = None
    if not _NAME.fullmatch(user.name):
        problem = f"{user.name!r} is no account name"
    elif not (0 <= user.uid <= _MAX_ID and 0 <= user.gid <= _MAX_ID):
        problem = f"uid {user.uid} or gid {user.gid} is out of range"
    elif not user.home.startswith("/") or (user.home != "/" and problem_of(user.home[1:])):
        problem = f"the home {user.home!r} is no plain absolute path"
    elif not user.shell.startswith("/"):
        problem = f"the shell {user.shell!r} is no absolute path"
    elif any(char in user.home + user.shell for char in ":\n\r\0"):
        problem = "its home or shell has a colon or a line break"
    if problem:
        raise InputError(
            f"making the account {user.name!r}: {problem}", hint="correct the layer's user step"
        )
