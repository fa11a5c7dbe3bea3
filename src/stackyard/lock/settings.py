"""Which package indexes to ask: uv's settings first, else pip's.

uv: https://docs.astral.sh/uv/concepts/indexes/
pip: https://pip.pypa.io/en/stable/topics/configuration/
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from stackyard.errors import InputError

PYPI = "https://pypi.org/simple"


@dataclass(frozen=True)
class IndexSettings:
    """Where packages come from. Addresses may hold credentials: never show them.

    Attributes:
        default: the default index; None with `no_index`.
        extra: further indexes.
        find_links: directories, or pages with links to files.
        strategy: uv's index strategy.
        insecure: hosts whose certificate is not checked.
        certificates: a file of certificates to trust, or None for the usual.
        environ: what uv's environment needs beside the process's own.
    """

    default: str | None = PYPI
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    strategy: str = "unsafe-best-match"
    insecure: tuple[str, ...] = ()
    certificates: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def indexes(self) -> tuple[str, ...]:
        """All indexes, the extra ones first, as uv asks them."""
        return (*self.extra, *([self.default] if self.default else []))

    def scrub(self, text: str) -> str:
        """*text* without any of the credentials."""
        for url in (*self.indexes, *self.find_links):
            parts = urlsplit(url)
            if "@" in parts.netloc:
                text = text.replace(url, without_credentials(url))
                text = text.replace(parts.netloc.rpartition("@")[0] + "@", "")
                for secret in {parts.password, unquote(parts.password or "")} - {None, ""}:
                    text = text.replace(str(secret), "****")
        return text


def without_credentials(url: str) -> str:
    """*url* with nothing before the host, and no query (which may be a signature)."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def read_settings(
    environ: Mapping[str, str] | None = None, system: Path = Path("/etc")
) -> IndexSettings:
    """The settings of this machine and user.

    Args:
        environ: the environment variables; the process's own unless given.
        system: the folder of the machine-wide settings.

    For each of the default index, the extra indexes and the links, uv's setting
    wins when there is one, else pip's.

    Raises:
        InputError: a settings file is damaged.
    """
    env = os.environ if environ is None else environ
    uv, pip = _uv(env, system), _pip(env, system)
    no_index = bool(uv.no_index or (pip.get("no-index", "").lower() in ("1", "yes", "true", "on")))
    default = uv.default or pip.get("index-url") or PYPI
    settings = IndexSettings(
        default=None if no_index else default,
        extra=() if no_index else uv.extra or tuple(pip.get("extra-index-url", "").split()),
        find_links=uv.find_links or tuple(map(_address, pip.get("find-links", "").split())),
        strategy=uv.strategy or "unsafe-best-match",
        insecure=tuple(env.get("UV_INSECURE_HOST", pip.get("trusted-host", "")).split()),
        certificates=env.get("SSL_CERT_FILE") or pip.get("cert"),
    )
    return replace(settings, environ=_environ(settings, uv))


@dataclass(frozen=True)
class _Uv:
    default: str | None = None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    strategy: str | None = None
    no_index: bool = False


def _uv(env: Mapping[str, str], system: Path) -> _Uv:
    tables = [_toml(path) for path in _uv_files(env, system)]
    entries = [e for t in tables for e in t.get("index", []) if isinstance(e, dict)]
    named = [e for e in entries if not e.get("explicit") and e.get("url")]
    default = (
        env.get("UV_DEFAULT_INDEX")
        or env.get("UV_INDEX_URL")
        or next((_credentials(e, env) for e in named if e.get("default")), None)
        or next((t["index-url"] for t in tables if t.get("index-url")), None)
    )
    extra = [_credentials(_entry(text), env) for text in env.get("UV_INDEX", "").split()]
    extra += env.get("UV_EXTRA_INDEX_URL", "").split()
    extra += [_credentials(e, env) for e in named if not e.get("default")]
    extra += [url for t in tables for url in t.get("extra-index-url", [])]
    links = [f for f in env.get("UV_FIND_LINKS", "").split(",") if f]
    links += [link for t in tables for link in t.get("find-links", [])]
    return _Uv(
        default=_credentials(_entry(default), env) if default else None,
        extra=tuple(dict.fromkeys(extra)),
        find_links=tuple(dict.fromkeys(map(_address, links))),
        strategy=env.get("UV_INDEX_STRATEGY")
        or next((t["index-strategy"] for t in tables if t.get("index-strategy")), None),
        no_index=bool(env.get("UV_NO_INDEX")) or any(t.get("no-index") for t in tables),
    )


def _entry(text: str) -> dict[str, Any]:
    """``URL`` or ``NAME=URL``, as uv's variables take it."""
    name, separator, url = text.partition("=")
    if separator and "/" not in name and ":" not in name:
        return {"name": name, "url": url}
    return {"url": text}


def _credentials(entry: Mapping[str, Any], env: Mapping[str, str]) -> str:
    url = str(entry["url"])
    if name := entry.get("name"):
        key = "".join(c if c.isalnum() else "_" for c in str(name)).upper()
        user = env.get(f"UV_INDEX_{key}_USERNAME")
        password = env.get(f"UV_INDEX_{key}_PASSWORD")
        parts = urlsplit(url)
        if (user or password) and "@" not in parts.netloc:
            login = quote(user or "", safe="") + (
                f":{quote(password, safe='')}" if password else ""
            )
            url = urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))
    return _address(url)


def _address(text: str) -> str:
    """Addresses stay; a path becomes absolute, as its meaning hangs on the folder."""
    return text if "://" in text else str(Path(text).expanduser().absolute())


def _uv_files(env: Mapping[str, str], system: Path) -> Iterator[Path]:
    if env.get("UV_NO_CONFIG"):
        return
    if one := env.get("UV_CONFIG_FILE"):
        yield Path(one)
        return
    yield Path(env.get("XDG_CONFIG_HOME") or _home(env) / ".config") / "uv" / "uv.toml"
    for folder in (env.get("XDG_CONFIG_DIRS") or str(system / "xdg")).split(":"):
        yield Path(folder) / "uv" / "uv.toml"
    yield system / "uv" / "uv.toml"


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError):
        return {}
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"reading uv's settings {path}: {error}") from error


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or Path.home())


def _pip(env: Mapping[str, str], system: Path) -> dict[str, str]:
    """Pip's options for `pip install`, later files and then variables over earlier."""
    found: dict[str, str] = {}
    for path in _pip_files(env, system):
        parser = ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(path.read_text(), str(path))
        except (OSError, UnicodeDecodeError):
            continue
        except Error as error:
            raise InputError(f"reading pip's settings {path}: {error}") from error
        sections = {s: dict(parser[s]) for s in ("global", "install") if parser.has_section(s)}
        for section in sections.values():
            found |= {_key(key): value for key, value in section.items()}
    for key, value in env.items():
        if key.startswith("PIP_") and key != "PIP_CONFIG_FILE" and value:
            found[_key(key.removeprefix("PIP_"))] = value
    return found


def _key(name: str) -> str:
    return name.lower().removeprefix("--").replace("_", "-")


def _pip_files(env: Mapping[str, str], system: Path) -> Iterator[Path]:
    chosen = env.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    for folder in (env.get("XDG_CONFIG_DIRS") or str(system / "xdg")).split(":"):
        yield Path(folder) / "pip" / "pip.conf"
    yield system / "pip.conf"
    if not (chosen and Path(chosen).exists()):
        home = _home(env)
        yield home / ".pip" / "pip.conf"
        yield Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(env.get("VIRTUAL_ENV") or sys.prefix) / "pip.conf"
    if chosen:
        yield Path(chosen)


def _environ(settings: IndexSettings, uv: _Uv) -> dict[str, str]:
    """Pip's settings in uv's variables, for the kinds where uv has none itself."""
    out = {"UV_INDEX_STRATEGY": settings.strategy}
    if not uv.default and settings.default and settings.default != PYPI:
        out["UV_DEFAULT_INDEX"] = settings.default
    if not uv.extra and settings.extra:
        out["UV_INDEX"] = " ".join(settings.extra)
    if not uv.find_links and settings.find_links:
        out["UV_FIND_LINKS"] = ",".join(settings.find_links)
    if settings.insecure:
        out["UV_INSECURE_HOST"] = " ".join(settings.insecure)
    if settings.certificates:
        out["SSL_CERT_FILE"] = settings.certificates
    return out
