"""Reading and writing stackyard.lock."""

from __future__ import annotations

import json
import re
from pathlib import Path

from stackyard.errors import InputError, OutsideError
from stackyard.lock.codec import FORMAT, dump, parse
from stackyard.lock.model import Lock
from stackyard.wholefile import whole

_MOST = 512 * 1024 * 1024
_CONFLICT = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        InputError: there is none, it is damaged, has merge conflicts, or a newer
            Stackyard wrote it.
        OutsideError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except FileNotFoundError:
        raise InputError(
            f"there is no lock file {path}", hint="run `stackyard lock` to make it"
        ) from None
    except OSError as error:
        raise OutsideError(f"reading {path}: {error.strerror}") from error
    if len(data) > _MOST:
        raise InputError(f"{path} is over {_MOST >> 20} MiB: not a lock file", hint=_again(path))
    return _parse(path, data)


def _parse(path: Path, data: bytes) -> Lock:
    try:
        text = data.decode()
        try:
            document = json.loads(text)
        except ValueError:
            if _CONFLICT.search(text):
                raise InputError(
                    f"{path} has the markers of a merge conflict",
                    hint=f"take either side (`git checkout --ours {path.name}`), then run "
                    "`stackyard lock`: it brings in what the other side asked for",
                ) from None
            raise
        version = document["version"]
        if isinstance(version, int) and version > FORMAT:
            raise InputError(
                f"{path} has format {version}; this Stackyard reads up to {FORMAT}",
                hint="a newer Stackyard wrote it: install that one",
            )
        return parse(document)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error!r}", hint=_again(path)) from error


def _again(path: Path) -> str:
    return f"restore {path.name} from version control, or delete it and run `stackyard lock`"


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock file, whole or not at all; an equal one is left untouched.

    Raises:
        OutsideError: it cannot be written.
    """
    data = dump(lock).encode()
    try:
        if path.is_file() and path.read_bytes() == data:
            return
        with whole(path) as file:
            file.write(data)
    except OSError as error:
        raise OutsideError(
            f"writing {path}: {error.strerror}", hint="the old lock file, if any, is unchanged"
        ) from error
