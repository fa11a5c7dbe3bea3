"""What this machine can run: which programs, which foreign architectures, which namespaces."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import subprocess
from pathlib import Path

from stackyard.errors import OutsideError

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_QEMU = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64"}
_NATIVE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def check_program(name: str, package: str) -> None:
    """Make sure that a program is installed.

    Raises:
        OutsideError: it is not; the hint says which Debian package has it.
    """
    if shutil.which(name) is None:
        raise OutsideError(
            f"making a Debian base: the program {name} is not installed",
            hint=f"install it: apt-get install {package}",
        )


def is_native(architecture: str) -> bool:
    """Whether this machine is of an architecture, such as ``arm64``."""
    return _NATIVE.get(platform.machine()) == architecture


def check_runs(architecture: str, doing: str) -> None:
    """Make sure that programs of an architecture run here, natively or through qemu.

    Args:
        architecture: such as ``arm64``.
        doing: how the message begins.

    Raises:
        OutsideError: they do not; the hint says what to install.
    """
    if is_native(architecture):
        return
    qemu = _BINFMT / _QEMU.get(architecture, f"qemu-{architecture}")
    try:
        runs = qemu.read_text().startswith("enabled")
    except OSError:
        runs = False
    if not runs:
        raise OutsideError(
            f"{doing}: this machine is {platform.machine()} and cannot run {architecture} programs"
            f" ({qemu} is not enabled)",
            hint="install qemu: apt-get install qemu-user-static binfmt-support arch-test"
            f" (in a container: on its host); or build on a machine that is {architecture}",
        )


def isolation() -> list[str]:
    """The command before a command that gives it mounts and processes of its own.

    Such a command is root inside, and all that it starts ends with it. Empty
    where that cannot be had: as root in most containers, and as an ordinary user
    without a range of user ids, or with an old util-linux (before 2.38).
    """
    ours = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid():
        ours += ["--user", "--map-root-user", "--map-auto"]
    return ours if _works(*ours, "true") else []


def check_user_namespaces() -> None:
    """Make sure that an ordinary user can be root in a namespace with many user ids.

    Raises:
        OutsideError: not; the hint says what to do.
    """
    check_program("newuidmap", "uidmap")
    user = pwd.getpwuid(os.getuid()).pw_name
    for table in (Path("/etc/subuid"), Path("/etc/subgid")):
        if not _has_range(table, user):
            raise OutsideError(
                f"making a Debian base without root: {user} has no range in {table}",
                hint="as root: usermod --add-subuids 100000-165535"
                f" --add-subgids 100000-165535 {user}",
            )
    if not _works("unshare", "--user", "true"):
        raise OutsideError(
            "making a Debian base without root: the kernel refuses user namespaces",
            hint="as root: sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000"
            " (in a container: run the build as root, or on its host)",
        )


def _has_range(table: Path, user: str) -> bool:
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return False
    return any(line.split(":")[0] in (user, str(os.getuid())) for line in lines)


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
