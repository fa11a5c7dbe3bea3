"""Locked wheels from whatever index is there, each checked against its hash."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from stackyard.errors import OutsideError
from stackyard.lock.model import Wheel
from stackyard.lock.settings import IndexSettings, read_settings, without_credentials
from stackyard.lock.simple import local, offers
from stackyard.lock.urls import Addresses
from stackyard.lock.web import Missing, Web, pieces

_THREADS = 8
_CHUNK = 1 << 18


def fetch(
    wheels: Iterable[tuple[str, Wheel]],
    directory: Path,
    *,
    advance: Callable[[int], None] | None = None,
    url_cache: Path | None = None,
    settings: IndexSettings | None = None,
) -> dict[str, Path]:
    """Bring wheels to *directory*, as ``<sha256>/<file name>``.

    A file that is there already, whole, is not fetched again. Nothing is under
    its final name before its hash is right.

    Args:
        wheels: pairs of a package's name and its wheel.
        directory: made when missing.
        advance: told the bytes of each piece that has come (from any thread),
            also of files that were there.
        url_cache: where `resolve` remembered addresses; saves asking the index.
        settings: the indexes; those of this machine and user unless given.

    Returns:
        sha256 to path.

    Raises:
        OutsideError: an index does not answer or lacks a file, a hash is wrong,
            the disk is full.
    """
    wanted = {wheel.sha256: (name, wheel) for name, wheel in wheels}
    with (
        Fetcher(directory, advance=advance, url_cache=url_cache, settings=settings) as fetcher,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        jobs = {sha256: pool.submit(fetcher.get, *pair) for sha256, pair in _largest_first(wanted)}
        try:
            for job in as_completed(jobs.values()):
                job.result()
        except BaseException:
            fetcher.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        return {sha256: job.result() for sha256, job in jobs.items()}


def _largest_first(
    wanted: Mapping[str, tuple[str, Wheel]],
) -> list[tuple[str, tuple[str, Wheel]]]:
    return sorted(wanted.items(), key=lambda item: (-item[1][1].size, item[1][1].filename))


class _Stopped(Exception):  # noqa: N818 - another file failed; this one just ends
    pass


class Fetcher:
    """Brings wheels here one by one; a context manager, safe for threads.

    Args:
        directory, advance, url_cache, settings: as for `fetch`.

    Attributes:
        stop: set it to make what is under way in other threads end soon.
    """

    def __init__(
        self,
        directory: Path,
        *,
        advance: Callable[[int], None] | None = None,
        url_cache: Path | None = None,
        settings: IndexSettings | None = None,
    ) -> None:
        found = settings or read_settings()
        self.stop = threading.Event()
        self._web = Web(found)
        self._directory = directory
        self._advance = advance or (lambda _n: None)
        self._addresses = Addresses(found, url_cache)

    def __enter__(self) -> Fetcher:
        self._web.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self.stop.set()
        self._web.__exit__(*error)

    def get(self, name: str, wheel: Wheel) -> Path:
        """The wheel of package *name*, fetched unless it is here whole.

        Raises:
            OutsideError: as for `fetch`.
        """
        path = self._directory / wheel.sha256 / wheel.filename
        try:
            if _intact(path, wheel):
                self._advance(wheel.size)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._from_anywhere(name, wheel, path)
        except OSError as error:
            raise OutsideError(
                f"storing {wheel.filename}: {error.strerror or error}",
                hint="see that there is room and that the folder can be written",
            ) from error
        return path

    def _from_anywhere(self, name: str, wheel: Wheel, path: Path) -> None:
        wrong: list[str] = []
        for address in self._candidates(name, wheel):
            try:
                digest = self._copy(address, wheel, path)
            except Missing:
                continue
            if digest == wheel.sha256:
                return
            wrong.append(f"{without_credentials(address)} has sha256 {digest}")
        if wrong:
            raise OutsideError(
                f"{name}: {wheel.filename} is not the file that was locked: "
                f"expected sha256 {wheel.sha256}, but {'; '.join(wrong)}",
                hint="the file was changed on the index, or on the way; find out why, and only "
                f"then lock it anew with `stackyard lock --upgrade {name}`",
            )
        raise OutsideError(
            f"{name}: none of the package indexes has {wheel.filename} "
            f"(asked: {', '.join(map(without_credentials, self._sources()))})",
            hint="add the index or the links folder that has it (UV_INDEX, UV_FIND_LINKS, or "
            f"pip's settings), or run `stackyard lock --upgrade {name}`",
        )

    def _sources(self) -> tuple[str, ...]:
        return (*self._web.settings.indexes, *self._web.settings.find_links)

    def _candidates(self, name: str, wheel: Wheel) -> Iterator[str]:
        """Addresses to try: the remembered one, then those with the right hash first."""
        known = self._addresses.get(wheel.sha256)
        if known:
            yield known
        same = offers(self._web, name, wheel.filename)
        rank = {wheel.sha256: 0, None: 1}
        for offer in sorted(same, key=lambda o: rank.get(o.sha256, 2)):
            if offer.address != known:
                yield offer.address

    def _copy(self, address: str, wheel: Wheel, path: Path) -> str:
        """Write what is at *address* to *path* if its hash is right; the hash."""
        beside = path.with_name(f".{secrets.token_hex(8)}.part")
        source = local(address)
        try:
            if source is None:
                digest = self._web.read(
                    address,
                    lambda response: self._save(pieces(response, wheel.size), beside, wheel),
                    headers={"Accept-Encoding": "identity"},
                )
            else:
                try:
                    digest = self._save(_file(source), beside, wheel)
                except FileNotFoundError:
                    raise Missing(address) from None
            if digest == wheel.sha256:
                beside.replace(path)
            return digest
        finally:
            beside.unlink(missing_ok=True)

    def _save(self, pieces: Iterable[bytes], path: Path, wheel: Wheel) -> str:
        digest = hashlib.sha256()
        size = told = 0
        try:
            with path.open("wb") as file:
                for piece in pieces:
                    if self.stop.is_set():
                        raise _Stopped
                    digest.update(piece)
                    file.write(piece)
                    size += len(piece)
                    self._advance(len(piece))
                    told += len(piece)
                    if size > wheel.size:
                        break
            good = digest.hexdigest() == wheel.sha256
        except BaseException:
            self._advance(-told)
            raise
        if not good:
            self._advance(-told)
        return digest.hexdigest() if size <= wheel.size else f"(over {wheel.size} bytes)"


def _file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece


def _intact(path: Path, wheel: Wheel) -> bool:
    try:
        if os.stat(path).st_size != wheel.size:  # noqa: PTH116 - one call, hot with many wheels
            return False
    except FileNotFoundError:
        return False
    digest = hashlib.sha256()
    for piece in _file(path):
        digest.update(piece)
    return digest.hexdigest() == wheel.sha256
