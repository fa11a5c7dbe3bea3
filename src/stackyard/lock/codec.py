"""The lock as JSON: one small block of lines a package, so that diffs read well."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from stackyard.inventory.facts import BaseDist, PythonFacts, Scheme
from stackyard.lock.model import Lock, LockedBase, LockedPackage, Need, Resolution, Wheel

FORMAT = 1
_PYTHON = re.compile(r"3\.[0-9]+(\.[0-9]+)?((a|b|rc)[0-9]+)?\+?")
_HEX = re.compile(r"[0-9a-f]{64}")
_WHEEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!~-]*\.whl")


def dump(lock: Lock) -> str:
    """The lock as text, the same for equal locks."""
    blocks = [_resolution(r) for _, r in sorted(lock.resolutions.items())]
    return f'{{\n"version": {lock.version},\n"resolutions": {_list(blocks)}\n}}\n'


def parse(document: Any) -> Lock:
    """The lock from its JSON document.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not a lock.
    """
    found = [_read_resolution(r) for r in document["resolutions"]]
    return Lock({(r.variant, r.base): r for r in found}, int(document["version"]))


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(blocks: Iterable[str], brackets: str = "[]") -> str:
    inner = ",\n".join(blocks)
    return f"{brackets[0]}\n{inner}\n{brackets[1]}" if inner else brackets


def _map(blocks: Mapping[str, str]) -> str:
    return _list((f"{_line(key)}: {blocks[key]}" for key in sorted(blocks)), "{}")


def _resolution(r: Resolution) -> str:
    layers = r.asked.get("layers", {})
    plain = {key: _line(value) for key, value in r.asked.items() if key != "layers"}
    parts = {
        "variant": _line(r.variant),
        "base": _line(r.base),
        "inputs": _line(r.inputs),
        "asked": _map(plain | {"layers": _map({n: _line(v) for n, v in layers.items()})}),
        "bases": _map({platform: _base(b) for platform, b in r.bases.items()}),
        "forked": _line(r.forked),
        "packages": _list(map(_package, r.packages)),
    }
    return _list((f"{_line(key)}: {text}" for key, text in parts.items()), "{}")


def _base(b: LockedBase) -> str:
    parts = {
        "source": _line(b.source),
        "digest": _line(b.digest),
        "layers": _line(b.layers),
        "measured": _line(b.measured),
        **_facts(b.python),
        "debs": _map({name: _line(version) for name, version in b.debs.items()}),
    }
    return _list((f"{_line(key)}: {text}" for key, text in parts.items()), "{}")


def _facts(p: PythonFacts | None) -> dict[str, str]:
    if p is None:
        return {"python": _line(None), "scheme": _line({}), "dists": _list(())}
    dists = (_line([d.name, d.version, list(d.requires)]) for d in p.dists)
    return {
        "python": _line({"version": p.version, "interpreter": p.interpreter, "glibc": p.glibc}),
        "scheme": _line(asdict(p.scheme)),
        "dists": _list(dists),
    }


def _package(p: LockedPackage) -> str:
    wheels = {
        platform: _line({"filename": w.filename, "sha256": w.sha256, "size": w.size})
        for platform, w in p.wheels.items()
    }
    needs = [[n.layer, *n.fork] if n.fork else n.layer for n in p.needs]
    head = _line({"name": p.name, "version": p.version, "requested": p.requested})
    return (
        f' {head[:-1]},\n  "needs": {_line(needs)},\n'
        f'  "requires": {_line(p.requires)},\n  "wheels": {_map(wheels)}}}'
    )


def _read_resolution(r: Mapping[str, Any]) -> Resolution:
    bases = {_text(k): _read_base(v) for k, v in r["bases"].items()}
    packages = tuple(map(_read_package, r["packages"]))
    bare = {platform for platform, base in bases.items() if base.python is None}
    if any(not bare.isdisjoint(package.wheels) for package in packages):
        raise ValueError("there are packages for a base without Python")
    return Resolution(
        variant=_text(r["variant"]),
        base=_text(r["base"]),
        inputs=_text(r["inputs"]),
        bases=bases,
        packages=packages,
        forked=tuple(map(_text, r["forked"])),
        asked=dict(r["asked"]),
    )


def _read_base(b: Mapping[str, Any]) -> LockedBase:
    return LockedBase(
        source=_text(b["source"]),
        digest=_text(b["digest"]),
        python=None if b["python"] is None else _read_facts(b["python"], b),
        layers=_count(b["layers"]),
        debs={_text(k): _text(v) for k, v in b["debs"].items()},
        measured=bool(b["measured"]),
    )


def _read_facts(p: Mapping[str, Any], b: Mapping[str, Any]) -> PythonFacts:
    return PythonFacts(
        version=_python(p["version"]),
        interpreter=_text(p["interpreter"]),
        scheme=Scheme(**{_text(key): _text(value) for key, value in b["scheme"].items()}),
        glibc=None if p["glibc"] is None else _text(p["glibc"]),
        dists=tuple(BaseDist(_text(n), _text(v), tuple(map(_text, q))) for n, v, q in b["dists"]),
    )


def _read_package(p: Mapping[str, Any]) -> LockedPackage:
    return LockedPackage(
        name=_text(p["name"]),
        version=_text(p["version"]),
        needs=tuple(_read_need(n) for n in p["needs"]),
        wheels={platform: _read_wheel(w) for platform, w in p["wheels"].items()},
        requires=tuple(map(_text, p["requires"])),
        requested=bool(p["requested"]),
    )


def _read_need(value: str | list[str]) -> Need:
    if isinstance(value, str):
        return Need(value)
    layer, *fork = map(_text, value)
    return Need(layer, tuple(fork))


def _read_wheel(w: Mapping[str, Any]) -> Wheel:
    filename, sha256, size = w["filename"], w["sha256"], w["size"]
    if not _WHEEL.fullmatch(filename):
        raise ValueError(f"not a wheel's file name: {filename!r}")
    if not _HEX.fullmatch(sha256):
        raise ValueError(f"no sha256 of {filename}")
    return Wheel(filename, sha256, _count(size))


def _python(value: Any) -> str:
    # It becomes a part of paths and of programs' names.
    if not _PYTHON.fullmatch(_text(value)):
        raise ValueError(f"not a Python version: {value!r}")
    return _text(value)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a number, found {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, found {value!r}")
    return value
