"""A package index on loopback, of tiny wheels that the tests build themselves."""

from __future__ import annotations

import base64
import hashlib
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

PURE = "py3-none-any"


def wheel_bytes(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    tag: str = PURE,
    extras: object = None,
    files: Mapping[str, str] | None = None,
) -> bytes:
    """A whole, valid wheel with one module, or with the given files."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {r}\n" for r in requires)
    for extra, reqs in dict(extras or {}).items():  # type: ignore[call-overload]
        metadata += f"Provides-Extra: {extra}\n"
        metadata += "".join(f'Requires-Dist: {r}; extra == "{extra}"\n' for r in reqs)
    files = {
        **({f"{name}.py": f"VERSION = {version!r}\n"} if files is None else files),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text)}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return out.getvalue()


@dataclass
class Index:
    """What the index holds and how it behaves; the server reads it at each request."""

    pages: dict[str, dict[str, tuple[bytes, bool]]] = field(default_factory=dict)
    hashes: bool = True
    answer: Callable[[str], tuple[int, dict[str, str]] | None] = lambda _path: None
    delay: float = 0.0
    cut: Callable[[str], bool] = lambda _path: False
    auth: str | None = None
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def add(
        self,
        name: str,
        version: str,
        requires: Iterable[str] = (),
        *,
        tags: Iterable[str] = (PURE,),
        extras: object = None,
        yanked: bool = False,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Publish one version, with a wheel for each of *tags*."""
        page = self.pages.setdefault(name.replace("_", "-").lower(), {})
        for tag in tags:
            data = wheel_bytes(name, version, requires, tag, extras, files)
            page[f"{name}-{version}-{tag}.whl"] = (data, yanked)

    def write(self, root: Path) -> str:
        """The same index as files; returns its file:// address."""
        for name, page in self.pages.items():
            folder = root / "simple" / name
            folder.mkdir(parents=True)
            (folder / "index.html").write_text(self.html(page))
            for filename, (data, _yanked) in page.items():
                (root / "files").mkdir(exist_ok=True)
                (root / "files" / filename).write_bytes(data)
        return (root / "simple").as_uri()

    def html(self, page: dict[str, tuple[bytes, bool]]) -> str:
        """One project's page, PEP 503."""
        lines = []
        for filename, (data, yanked) in page.items():
            fragment = f"#sha256={hashlib.sha256(data).hexdigest()}" if self.hashes else ""
            mark = ' data-yanked=""' if yanked else ""
            lines.append(f'<a href="../../files/{filename}{fragment}"{mark}>{filename}</a>')
        return "<!DOCTYPE html><html><body>\n" + "\n".join(lines) + "\n</body></html>\n"

    def respond(self, path: str, authorization: str | None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for one GET."""
        self.requests.append(path)
        time.sleep(self.delay)
        if self.auth and authorization != self.auth:
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        if planned := self.answer(path):
            return *planned, b""
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2 and parts[1] in self.pages:
            return 200, {"Content-Type": "text/html"}, self.html(self.pages[parts[1]]).encode()
        if parts[0] == "files":
            for page in self.pages.values():
                if parts[1] in page:
                    return 200, {"Content-Type": "binary/octet-stream"}, page[parts[1]][0]
        return 404, {}, b""


def handler(index: Index) -> type[BaseHTTPRequestHandler]:
    """A request handler class that serves *index*."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, headers, body = index.respond(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Cache-Control", "no-cache")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if index.cut(self.path):
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *args: object) -> None:
            pass

    return Handler


class QuietServer(ThreadingHTTPServer):
    """Clients that hang up early are part of these tests."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass
