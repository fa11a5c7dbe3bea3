"""Debian suites as bases, bootstrapped by mmdebstrap.

https://manpages.debian.org/bookworm/mmdebstrap/mmdebstrap.1.en.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from difflib import get_close_matches

from stackyard.errors import InputError
from stackyard.inventory.debian import debs
from stackyard.inventory.filesystem import read_files
from stackyard.inventory.interpreter import DEFAULT_PATH
from stackyard.oci.assemble import assemble
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.documents import canonical
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.layer import layer_from_tar
from stackyard.oci.store import Store
from stackyard.stack.packages import PACKAGE
from stackyard.system.archive import rewritten
from stackyard.system.clean import Cleaner
from stackyard.system.machine import check_program, check_runs, is_native
from stackyard.system.mirror import moment, sources_kept
from stackyard.system.mmdebstrap import EPOCH, bootstrap
from stackyard.system.prepared import PreparedBase, Report, Request

LASTS = True
"""Without a pin, the last state is good enough: a newer one has to be asked for."""

SUITES = ("bullseye", "bookworm", "trixie")
_ARCHITECTURES = {"linux/amd64": "amd64", "linux/arm64": "arm64", "linux/arm64/v8": "arm64"}
_PACKAGE = re.compile(PACKAGE)
_FORMAT = 1  # another number when the same packages come to give other bytes


def key(request: Request) -> str:
    """What tells this base from others, as 64 hex digits.

    Raises:
        InputError: there is no such suite, architecture, package name or snapshot.
    """
    suite = request.source.value
    if suite not in SUITES:
        near = get_close_matches(suite, SUITES, 1)
        raise InputError(
            f"there is no Debian suite {suite!r} to make a base of",
            hint=f"write {near[0]}" if near else f"write one of {', '.join(SUITES)}",
        )
    for package in request.apt:
        if not _PACKAGE.fullmatch(package):
            raise InputError(
                f"{package!r} is not the name of a Debian package",
                hint="write a name such as git, or git=1:2.39.5-0+deb12u2 for one version",
            )
    inputs = ["debian", suite, _architecture(request), list(request.apt), _FORMAT]
    if request.source.snapshot:
        _check_past(request.source.snapshot)
        inputs.append(request.source.snapshot)
    return hex_of(sha256(canonical(inputs)))


def make(request: Request, store: Store, report: Report) -> PreparedBase:
    """Bootstrap the suite into the store.

    Raises:
        InputError: Debian has no such package, or no such snapshot.
        OutsideError: network, disk, or a program that is missing or fails.
    """
    suite, snapshot = request.source.value, request.source.snapshot
    architecture = _architecture(request)
    check_runs(architecture, f"making a Debian base for {architecture}")
    if not is_native(architecture):
        check_program("arch-test", "arch-test")
    report(f"{request.source} ({request.platform}): bootstrapping, which takes a minute")
    cleaner = Cleaner(sources_kept(suite, snapshot))
    with (
        store.scratch() as scratch,
        bootstrap(
            suite, architecture, request.apt, snapshot=snapshot, scratch=scratch, report=report
        ) as stream,
    ):
        layer = layer_from_tar(store, rewritten(stream, cleaner, "reading what mmdebstrap made"))
    packages = debs(read_files(store, [layer]))
    pin = {
        "architecture": architecture,
        "format": _FORMAT,
        "packages": packages,
        "suite": suite,
    } | ({"snapshot": snapshot} if snapshot else {})
    manifest = assemble(
        store,
        platform=request.platform,
        layers=[(layer, History(_told(request), "stackyard"))],
        config=RuntimeConfig(env={"PATH": DEFAULT_PATH}, cmd=("bash",)),
        annotations={},
        created=datetime.fromtimestamp(EPOCH, UTC),
    )
    return PreparedBase(manifest, sha256(canonical(pin)), packages)


def _architecture(request: Request) -> str:
    """Debian's name for the platform's architecture."""
    architecture = _ARCHITECTURES.get(str(request.platform))
    if architecture is None:
        raise InputError(
            f"no Debian base is made for {request.platform}",
            hint="platforms with a Debian base are linux/amd64 and linux/arm64",
        )
    return architecture


def _check_past(snapshot: str) -> None:
    """The archive answers a moment to come with its present state, which holds nothing."""
    if moment(snapshot) > datetime.now(UTC):
        raise InputError(
            f"the snapshot {snapshot} is in the future",
            hint="write a moment that has passed, better a day ago or more; in UTC",
        )


def _told(request: Request) -> str:
    return str(request.source) + (f" with {' '.join(request.apt)}" if request.apt else "")
