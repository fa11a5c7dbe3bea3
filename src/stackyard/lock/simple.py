"""What package indexes offer: project pages (PEP 503, PEP 691) and links to files.

https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

import httpx
from packaging.utils import canonicalize_name

from stackyard.errors import OutsideError
from stackyard.lock.settings import without_credentials
from stackyard.lock.web import Missing, Web, pieces

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.1"
)
_LARGEST_PAGE = 256 * 1024 * 1024
_JSON = re.compile(r"application/(vnd\.pypi\.simple\.v\d+\+)?json")


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that an index offers.

    Attributes:
        address: a URL, or an absolute path. It may hold credentials.
        sha256: as the index says it (hex), or None.
        size: in bytes, or None.
    """

    filename: str
    address: str
    sha256: str | None = None
    size: int | None = None
    yanked: bool = False


def offers(web: Web, project: str, filename: str | None = None) -> list[Offer]:
    """Every wheel that any index or link offers for *project*, in the order asked.

    An index that fails does not matter when another one has what is wanted.

    Args:
        web: the indexes.
        project: a package's name, normalised or not.
        filename: only this file.

    Raises:
        OutsideError: nothing was found, and an index did not answer, refused, or
            gave nonsense.
    """
    name = canonicalize_name(project)
    ours = re.compile(re.escape(name).replace(r"\-", "[-_.]+") + "-", re.IGNORECASE)
    found: list[Offer] = []
    failures: list[OutsideError] = []
    pages = [(page, f"{index.rstrip('/')}/{quote(name)}/") for index in web.settings.indexes]
    for read, address in [*pages, *((_links, link) for link in web.settings.find_links)]:
        try:
            offered = read(web, address, filename)
        except OutsideError as error:
            failures.append(error)
            continue
        found += [o for o in offered if o.filename.endswith(".whl") and ours.match(o.filename)]
    if failures and not found:
        raise failures[0]
    return found


def page(web: Web, url: str, filename: str | None = None) -> list[Offer]:
    """The files on one page, or the one asked for; none when there is no such page."""
    path = local(url)
    if path is not None:
        path = path / "index.html" if path.is_dir() else path
        try:
            text = path.read_text()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise OutsideError(f"reading the index page {path}: {error}") from error
        return _html(text, url if url.endswith("/") else path.as_uri(), filename)
    try:
        return web.read(
            url, lambda response: _page(response, url, filename), headers={"Accept": ACCEPT}
        )
    except Missing:
        return []


def local(address: str) -> Path | None:
    """The path behind a file: address or a plain path; None for anything else."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(address) if "://" not in address else None


def _page(response: httpx.Response, url: str, filename: str | None) -> list[Offer]:
    body = bytearray()
    for chunk in pieces(response):
        body += chunk
        if len(body) > _LARGEST_PAGE:
            raise OutsideError(f"the index page {without_credentials(url)} is too large")
    base = str(response.url)
    try:
        if _JSON.match(response.headers.get("Content-Type", "")):
            return list(_json(bytes(body), base, filename))
        return _html(body.decode(response.encoding or "utf-8", "replace"), base, filename)
    except (KeyError, TypeError, ValueError, AttributeError, LookupError) as error:
        raise OutsideError(
            f"the index page {without_credentials(url)} is not readable: {error!r}",
            hint="see what a browser shows there: perhaps a login page or a proxy's",
        ) from error


def _json(body: bytes, base: str, filename: str | None) -> Iterator[Offer]:
    for file in json.loads(body)["files"]:
        if filename is not None and file["filename"] != filename:
            continue  # a page may have thousands, and resolving an address is not free
        yield Offer(
            str(file["filename"]),
            urljoin(base, str(file["url"])),
            _hex(file.get("hashes", {}).get("sha256")),
            file.get("size"),
            bool(file.get("yanked")),
        )


def _hex(value: object) -> str | None:
    good = isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{64}", value)
    return str(value).lower() if good else None


class _Anchors(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.found: list[Offer] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "base" and values.get("href"):
            self.base = urljoin(self.base, str(values["href"]))
        if tag != "a" or not values.get("href"):
            return
        address, fragment = urldefrag(urljoin(self.base, str(values["href"])))
        algorithm, _, value = fragment.partition("=")
        filename = PurePosixPath(unquote(urlsplit(address).path)).name
        digest = _hex(value) if algorithm == "sha256" else None
        self.found.append(Offer(filename, address, digest, None, "data-yanked" in values))


def _html(text: str, base: str, filename: str | None) -> list[Offer]:
    anchors = _Anchors(base)
    anchors.feed(text)
    return [o for o in anchors.found if filename in (None, o.filename)]


def _links(web: Web, link: str, filename: str | None = None) -> list[Offer]:
    path = local(link)
    if path is None or path.is_file():
        return page(web, link, filename)
    try:
        names = sorted(f.name for f in path.iterdir() if f.suffix == ".whl")
        return [Offer(n, str(path / n)) for n in names if filename in (None, n)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutsideError(f"reading the links folder {path}: {error.strerror}") from error
