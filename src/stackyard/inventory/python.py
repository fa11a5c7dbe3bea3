"""What an image's files tell about its Python."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stackyard.inventory.debian import debs, upstream
from stackyard.inventory.dists import dists_in
from stackyard.inventory.facts import PythonFacts, Scheme
from stackyard.inventory.filesystem import FileSystem
from stackyard.inventory.glibc import glibc_version
from stackyard.inventory.interpreter import DEFAULT_PATH, Interpreter, find_interpreter

_PATCHLEVEL = re.compile(r'#define\s+PY_VERSION\s+"([^"+]+)\+?"')
_DEBIAN_VERSION = re.compile(r"(3\.\d+\.\d+)~?((?:a|b|rc)\d+)?.*")
_CONDA = re.compile(r"python-(3\.\d+\.\d+[a-z0-9]*)-[^-]*\.json")
_DEBIAN_DISTS = "usr/lib/python3/dist-packages"


def python_facts(fs: FileSystem, path_env: str | None = None) -> PythonFacts | None:
    """The Python 3 that ``python3`` runs in an image; None when there is none.

    Args:
        fs: the image's files.
        path_env: ``PATH`` of the image's config; None for `DEFAULT_PATH`.
    """
    python = find_interpreter(fs, path_env or DEFAULT_PATH)
    if python is None:
        return None
    packages = debs(fs)
    debians = _is_debians(fs, python, packages)
    return PythonFacts(
        version=_version(fs, python.made_from or python, packages),
        interpreter=f"/{python.path}",
        scheme=_debian_scheme(python) if debians else _own_scheme(python),
        glibc=glibc_version(fs, packages),
        dists=dists_in(fs, _site_directories(fs, python, packages)),
    )


def _is_debians(fs: FileSystem, python: Interpreter, packages: Mapping[str, str]) -> bool:
    """Whether it is a Python from Debian packages, which leave /usr/local to others.

    With python3-minimal alone there is no directory for Debian's own packages yet.
    """
    return python.prefix == "usr" and (
        fs.is_dir(_DEBIAN_DISTS) or f"python{python.minor}-minimal" in packages
    )


def _debian_scheme(python: Interpreter) -> Scheme:
    """Debian's ``posix_local``; see /usr/lib/python3.11/sysconfig.py there."""
    packages = f"usr/local/lib/python{python.minor}/dist-packages"
    return Scheme(
        purelib=packages,
        platlib=packages,
        scripts="usr/local/bin",
        data="usr/local",
        headers=f"usr/local/include/python{python.minor}",
    )


def _own_scheme(python: Interpreter) -> Scheme:
    """Python's ``posix_prefix``, or ``venv``, whose headers are pip's own choice."""
    packages = python.under(f"lib/python{python.minor}/site-packages")
    include = "include/site" if python.made_from else "include"
    return Scheme(
        purelib=packages,
        platlib=packages,
        scripts=python.under("bin"),
        data=python.prefix,
        headers=python.under(f"{include}/python{python.minor}"),
    )


def _site_directories(
    fs: FileSystem, python: Interpreter, packages: Mapping[str, str]
) -> list[str]:
    """Where it finds packages, as in its ``sys.path``."""
    library = f"python{python.minor}"
    if _is_debians(fs, python, packages):
        return [
            f"usr/local/lib/{library}/dist-packages",
            _DEBIAN_DISTS,
            f"usr/lib/{library}/dist-packages",
        ]
    system = _site_directories(fs, python.made_from, packages) if python.made_from else []
    own = [python.under(f"{lib}/{library}/site-packages") for lib in ("lib", "lib64")]
    return own + (system if python.sees_system else [])


def _version(fs: FileSystem, python: Interpreter, packages: Mapping[str, str]) -> str:
    """In full; the minor version only when nothing says more."""
    if _is_debians(fs, python, packages):
        package = packages.get(f"python{python.minor}-minimal", "")
        match = _DEBIAN_VERSION.fullmatch(upstream(package))
        if match:
            return match[1] + (match[2] or "")
    header = fs.text(python.under(f"include/python{python.minor}/patchlevel.h"))
    match = _PATCHLEVEL.search(header) if header else None
    if match:
        return match[1]
    for name in fs.listdir(python.under("conda-meta")):
        match = _CONDA.fullmatch(name)
        if match and match[1].startswith(f"{python.minor}."):
            return match[1]
    return python.minor
