"""Containerfiles for what the stack file says without one: packages and commands.

What runs is a script in the context, seen through a mount and never in a layer. No
word of the stack file gets into the Containerfile itself, and into a script only quoted.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

FROM = "BASE_IMAGE"
PLACE = "/run/stackyard"
"""Where a step sees its context; what is there never gets into a layer."""
SCRIPT = "commands.sh"
FOLDER = "layer"
"""Where a script's own folder is in the context."""
SOURCES = "stackyard-apt-sources"
"""The secret that holds an apt ``sources.list``: a mirror's address can hold a password."""
MARK = "==> "
"""Begins the line that says which command runs."""

# Engines hear standard output and error apart, and then not in order.
_ONE_STREAM = "exec 2>&1"
_LISTS = "/var/lib/apt/lists"


def containerfile(caches: Mapping[str, str], secrets: Sequence[str]) -> str:
    """Instructions that run the script as root.

    Args:
        caches: directories that are kept between builds, and the id of each.
        secrets: names of those that the script may read, under ``/run/secrets``.
    """
    mounts = [f"type=bind,target={PLACE}"]
    mounts += [f"type=cache,id={id_},target={path}" for path, id_ in sorted(caches.items())]
    mounts += [f"type=secret,id={name},target=/run/secrets/{name}" for name in sorted(secrets)]
    flags = " ".join(f"--mount={mount}" for mount in mounts)
    return f'ARG {FROM}\nFROM ${FROM}\nUSER 0:0\nRUN {flags} ["/bin/sh", "{PLACE}/{SCRIPT}"]\n'


def commands(lines: Sequence[str], script: str | None = None) -> str:
    """A script that runs shell commands one after the other, each in a shell of its own.

    The first that fails ends it with its exit code.

    Args:
        lines: the commands.
        script: a file of the context's folder that runs after them: as a program when
            its first line says with what, else by the shell.
    """
    of = len(lines) + bool(script)
    body = [
        f"{_marked(number, of, line)}\n/bin/sh -eu -c {shlex.quote(line)}"
        for number, line in enumerate(lines, 1)
    ]
    if script:
        path = f"{PLACE}/{FOLDER}/{script}"
        body.append(_marked(of, of, script))
        body.append(
            f"cd {shlex.quote(f'{PLACE}/{FOLDER}')}\n"
            f"first=$(head -c 2 {shlex.quote(path)})\n"
            f'if [ "$first" = "#!" ]; then\n'
            f"    runner=$(head -n 1 {shlex.quote(path)} | cut -c 3-)\n"
            f"    exec $runner {shlex.quote(path)}\n"
            f"fi\n"
            f"exec /bin/sh -eu {shlex.quote(path)}"
        )
    return "\n".join(["set -eu", _ONE_STREAM, *body, ""])


def _marked(number: int, of: int, command: str) -> str:
    first, *more = command.strip().splitlines() or [""]
    told = f"{MARK}[{number}/{of}] {first[:200]}{' …' if more else ''}"
    return f"printf '%s\\n' {shlex.quote(told)}"


def apt(packages: Sequence[str], run: str) -> str:
    """A script that installs Debian packages without recommended ones.

    The lists of what there is are in a cache mount, and brought up to date once in a
    run for all steps that have the same sources. What is there already is not removed
    to make room: that would change what the layers below had.

    Args:
        packages: names, as apt-get takes them.
        run: tells this run from others.
    """
    words = " ".join(map(shlex.quote, packages))
    return _APT.format(
        lists=_LISTS,
        run=shlex.quote(run),
        sources=f"/run/secrets/{SOURCES}",
        mark=_marked(1, 1, f"apt-get install {' '.join(packages)}"),
        words=words,
    )


def apt_containerfile(lists: str, *, sources: bool) -> str:
    """Instructions for what `apt` gives.

    Args:
        lists: the id of the cache mount with apt's lists.
        sources: whether a secret says where packages come from.
    """
    return containerfile({_LISTS: lists}, [SOURCES] if sources else [])


# https://manpages.debian.org/bookworm/apt/apt-get.8.en.html
# With SOURCE_DATE_EPOCH Python packages get bytecode that does not depend on times.
_APT = """\
set -eu
exec 2>&1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=315532800
if ! command -v apt-get >/dev/null; then
    echo 'there is no apt-get: apt needs a base that is Debian or stems from it' >&2
    exit 127
fi
{mark}
set -- -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -o DPkg::Lock::Timeout=30 \
    -o APT::Install-Recommends=false -o APT::Install-Suggests=false -o Acquire::Languages=none
sources='/etc/apt/sources.list'
if [ -e {sources} ]; then
    sources={sources}
    set -- "$@" -o Dir::Etc::SourceList={sources}
fi
mkdir -p {lists}/partial
chown _apt {lists}/partial 2>/dev/null || true
exec 9>{lists}/.stackyard.lock
flock 9
wanted=$(cat "$sources" /etc/apt/sources.list.d/* /etc/apt/preferences* 2>/dev/null | sha256sum)
state={run}" $wanted"
if [ "$(cat {lists}/.stackyard 2>/dev/null || true)" != "$state" ]; then
    apt-get "$@" -o APT::Get::List-Cleanup=false -o APT::Update::Error-Mode=any update
    printf %s "$state" >{lists}/.stackyard
fi
flock -u 9
exec 9>&-
# No service starts while it is installed.
policy=/usr/sbin/policy-rc.d
if [ -e "$policy" ]; then
    policy=
else
    printf '#!/bin/sh\\nexit 101\\n' >"$policy"
    chmod 755 "$policy"
fi
code=0
apt-get "$@" --no-remove install -- {words} || code=$?
[ -z "$policy" ] || rm -f "$policy"
apt-get clean
exit "$code"
"""
