"""Calling mmdebstrap so that nothing of it stays, and saying why it failed.

https://manpages.debian.org/bookworm/mmdebstrap/mmdebstrap.1.en.html
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.system.machine import check_program, check_user_namespaces, isolation
from stackyard.system.mirror import Mirror, keyring, mirror, own, sources_for
from stackyard.system.program import streaming

EPOCH = 315532800
"""The time of everything in a base: 1980, the first that zip files can say.

Earlier ones have traps: with day 0 in /etc/shadow passwords count as expired.
Python's bytecode is made with checked hashes when SOURCE_DATE_EPOCH is set, and
so does not mind that its sources get another time.
"""

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_TOLD = 12

_NO_PACKAGE = re.compile(
    r"E: (?:Unable to locate package (?P<a>\S+)"
    r"|Package '(?P<b>[^']+)' has no installation candidate"
    r"|Version '[^']*' for '(?P<c>[^']+)' was not found"
    r"|Couldn't find any package by \w+ '(?P<d>[^']+)')"
)
_LACKING = r" 404 |does not have a Release file"
_REASONS = (
    (
        r"resolve|Connection (refused|timed out|failed|reset)|onnect to|unreachable",
        "check this machine's network, proxy and {variable}, then run again",
    ),
    (r"No space left", "make room on the store's disk, then run again; nothing was damaged"),
    (
        r"NO_PUBKEY|not signed|signatures? (couldn't|were) |EXPKEYSIG",
        "install Debian's keys: apt-get install debian-archive-keyring",
    ),
    (
        _LACKING,
        "the mirror lacks part of the suite; check {variable} (and URL-security beside it)",
    ),
    (r"Unmet dependencies|unmet dependencies", "these apt packages cannot be installed together"),
)


@contextmanager
def bootstrap(
    suite: str,
    architecture: str,
    packages: Sequence[str],
    *,
    snapshot: str,
    scratch: Path,
    report: Callable[[str], None],
) -> Iterator[BinaryIO]:
    """Bootstrap a suite; its root file system is read as a tar stream inside the block.

    Args:
        suite: such as ``bookworm``.
        architecture: Debian's name, such as ``arm64``.
        packages: what apt installs beside the minimal base.
        snapshot: the moment whose state of the archive is wanted; empty for today's.
        scratch: an empty folder for the root file system while it is made.
        report: told of progress, a line at a time, from another thread.

    Raises:
        InputError: there is no such package or snapshot.
        OutsideError: anything else that made it fail.
    """
    given = sources_for(suite, snapshot, keys=keyring())
    check_program("mmdebstrap", "mmdebstrap")
    isolated = isolation()
    if os.geteuid() and not isolated:
        check_user_namespaces()
    command = [
        # However we end, it ends too: at once where nothing outlives it,
        # otherwise asked to, so that it clears away what only it can.
        *("setpriv", "--pdeathsig", "KILL" if isolated else "TERM"),
        *isolated,
        "mmdebstrap",
        f"--mode={'unshare' if isolated or os.geteuid() else 'root'}",
        "--variant=minbase",
        "--format=tar",
        "--components=main",
        f"--architectures={architecture}",
        *([f"--include={','.join(packages)}"] if packages else []),
        suite,
        "-",
        "-",
    ]

    def explain(lines: Sequence[str], code: int) -> StackyardError:
        return _explained(suite, snapshot, [_hidden(line) for line in lines], code)

    with (
        _place(scratch, reachable=bool(isolated)) as place,
        streaming(
            command,
            # A mirror's password would be seen by all in a list of arguments.
            given=given.encode(),
            env=_environment(place),
            report=lambda line: report(_hidden(line)),
            explain=explain,
            polite=not isolated,
        ) as stream,
    ):
        yield stream


@contextmanager
def _place(scratch: Path, *, reachable: bool) -> Iterator[Path]:
    """A folder that mmdebstrap can work in.

    Args:
        scratch: one in the store.
        reachable: mmdebstrap's root is this user, or root. Otherwise it is
            another user id, to whom the way to the store can be closed; then the
            system's temporary folder has to do.
    """
    reachable = reachable or os.geteuid() == 0
    if reachable or all(folder.stat().st_mode & 0o001 for folder in scratch.resolve().parents):
        scratch.chmod(0o711)
        yield scratch
        return
    with tempfile.TemporaryDirectory(prefix="stackyard-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def _environment(place: Path) -> dict[str, str]:
    """Only what has to be passed on: nothing of this machine's settings shall decide."""
    proxies = {name for proxy in _PROXIES for name in (proxy, proxy.upper())}
    return {
        **{name: os.environ[name] for name in sorted(proxies & os.environ.keys())},
        "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin".lstrip(":"),
        "HOME": str(place),
        "LC_ALL": "C.UTF-8",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "TMPDIR": str(place),
    }


def _hidden(line: str) -> str:
    return _SECRET.sub("***@", line)


def _explained(suite: str, snapshot: str, lines: Sequence[str], code: int) -> StackyardError:
    text = "\n".join(lines)
    site = mirror(snapshot)
    doing = f"bootstrapping Debian {suite}" + (f" at {snapshot}" if snapshot else "")
    where = "" if site == own(snapshot) else f" from {_hidden(site.main)}"
    missing = [next(filter(None, match.groups())) for match in _NO_PACKAGE.finditer(text)]
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        return InputError(
            f"{doing}: it has no package {names}",
            hint="correct the name in the bottom layer's apt list (it may differ between suites"
            + (" and moments)" if snapshot else ")"),
        )
    if snapshot and re.search(_LACKING, text):
        return _no_snapshot(f"{doing}{where}", suite, site)
    hints = [hint for pattern, hint in _REASONS if re.search(pattern, text)]
    told = "\n    ".join(line for line in lines[-_TOLD:])
    return OutsideError(
        f"{doing}{where}: mmdebstrap failed ({code}); its last lines:\n    {told}",
        hint=hints[0].format(variable=site.variable)
        if hints
        else "the last lines say why; run again when that is mended",
    )


def _no_snapshot(doing: str, suite: str, site: Mirror) -> InputError:
    return InputError(
        f"{doing}: the snapshot archive does not have that",
        hint=f"write a moment at which there was a {suite}, "
        f"as listed at https://snapshot.debian.org; or check {site.variable}",
    )
