"""buildah as an engine: with or without root, with no daemon.

https://github.com/containers/buildah/tree/main/docs

It works in a storage of our own, in the store's cache, where parents stay unpacked
for the next step that stands on them; nobody's containers and images are seen or
touched. Each call has mounts and processes of its own where that can be had, so
that whatever kills us leaves nothing mounted and nothing running.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from stackyard.errors import OutsideError
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.disk import disk
from stackyard.oci.documents import canonical
from stackyard.oci.image import RuntimeConfig
from stackyard.oci.store import Store
from stackyard.system.buildah_errors import explained
from stackyard.system.dirimage import config_document, write_dir
from stackyard.system.engine import Hear, Job, Parent, Result
from stackyard.system.heredocs import without_heredocs
from stackyard.system.machine import isolation
from stackyard.system.mountpoints import mount_targets
from stackyard.system.spawn import run_engine

_PARENT = "localhost/stackyard-parent"
_IDENTITY = "io.buildah.version"
_KNOWS_HEREDOCS = (1, 33)
_KEEPS_MOUNTPOINTS = (1, 31)
KEPT_DAYS = 14
_PASSED_ON = ("HOME", "LANG", "PATH", "REGISTRY_AUTH_FILE", "SSL_CERT_DIR", "SSL_CERT_FILE", "USER")
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


class Buildah:
    """An open storage; from `open_buildah`.

    Args:
        program: buildah's path.
        store: has the layers of all parents.
        home: the storage and what goes with it, kept between builds.
        run: a folder for what ends with this process.
    """

    name = "buildah"

    def __init__(self, program: str, store: Store, home: Path, run: Path) -> None:
        self._store = store
        self._home = home
        self._run = run
        self._isolated = isolation()
        self._command = [program, "--root", str(home / "storage"), "--runroot", str(run)]
        self._env = _environment(home)
        self._parents: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._command += self._driver()
        self._version = self._told_version()
        self._kind: str | None = None

    def build(self, job: Job, hear: Hear) -> Result:
        """Run the instructions on the parent; see `Engine`."""
        parent = self._bring_in(job)
        file = job.scratch / "Containerfile"
        text = job.containerfile
        if self._version < _KNOWS_HEREDOCS:
            text = without_heredocs(text, job.parent.config, job.argument, args=job.all_args)
        file.write_text(text)
        image = self._run_build(job, parent, file, self._isolation(job, parent), hear)
        try:
            archives, config = self._archives(image, job), self._config(image, job.parent.config)
            if self._version >= _KEEPS_MOUNTPOINTS:
                return Result(archives, config)
            return Result(archives, config, mount_targets(job.containerfile))
        finally:
            if image != parent:  # as it is when the instructions change nothing
                self._quietly("rmi", "--force", image)

    def _run_build(
        self, job: Job, parent: str, file: Path, kind: str, hear: Hear, timeout: float = 0
    ) -> str:
        """Build; the new image's id."""
        made = job.scratch / "iid"
        words = [
            *("build", "--isolation", kind, "--layers=false", "--pull=false", "--format", "docker"),
            *("--network", "host", "--force-rm", "--platform", str(job.parent.platform)),
            *("--file", str(file), "--iidfile", str(made)),
            *("--build-arg", f"{job.argument}={parent}"),
        ]
        for name, value in job.args.items():
            words += ["--build-arg", f"{name}={value}"]
        for name, path in job.secrets.items():
            words += ["--secret", f"id={name},src={path}"]
        self._do([*words, str(job.context)], hear, timeout or job.timeout)
        return made.read_text().strip().removeprefix("sha256:")

    def _isolation(self, job: Job, parent: str) -> str:
        """The best isolation that works here, tried once in a machine's life."""
        asked = os.environ.get("BUILDAH_ISOLATION", "")
        with self._guard:
            if self._kind is None:
                self._kind = asked or self._recalled() or self._tried(job, parent)
        return self._kind

    def _recalled(self) -> str | None:
        memo = self._store.recall("buildah-isolation", self._boot()) or {}
        kind = memo.get("kind")
        return kind if isinstance(kind, str) else None

    def _boot(self) -> str:
        # A change of machine, container or buildah asks anew.
        with suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            return hex_of(sha256(canonical([boot, os.geteuid(), *self._version, self._isolated])))
        return "0" * 64

    def _tried(self, job: Job, parent: str) -> str:
        better = "oci" if os.geteuid() == 0 else "rootless"
        file = job.scratch / "probe"
        file.write_text('ARG P\nFROM $P\nRUN ["/bin/sh", "-c", ":"]\n')
        probe = replace(job, argument="P", args={}, secrets={})
        try:
            image = self._run_build(probe, parent, file, better, lambda _: None, timeout=60)
        except Exception:  # whatever it is, that isolation does not work here
            better = "chroot"
        else:
            self._quietly("rmi", "--force", image)
        self._store.remember("buildah-isolation", self._boot(), {"kind": better})
        return better

    def _bring_in(self, job: Job) -> str:
        """Unpack the parent into the storage, unless it is there; its image id."""
        parent = job.parent
        id_ = hex_of(sha256(config_document(parent)))
        with self._guard:
            lock = self._parents.setdefault(id_, threading.Lock())
        # With the last step that stands on it, and with all containers on it, buildah
        # removes an image that has no name.
        name = f"{_PARENT}:{id_}"
        with lock:
            if not self._has(name):
                self._pull(parent, job.scratch / "parent", job.timeout)
                self._do(["tag", id_, name], lambda _: None, job.timeout)
        used = self._home / "used" / id_
        used.touch()
        return id_

    def _has(self, name: str) -> bool:
        return self._ask("inspect", "--type", "image", name, check=False) != ""

    def _pull(self, parent: Parent, folder: Path, timeout: float) -> None:
        with disk(f"writing to {folder}"):
            folder.mkdir()
            write_dir(parent, self._store, folder)
        self._do(["pull", "--quiet", f"dir:{folder}"], lambda _: None, timeout)
        shutil.rmtree(folder)

    def _archives(self, image: str, job: Job) -> tuple[Path, ...]:
        """Write out the image's own layer only.

        A layout that seems to have the parent's layers already gets them not again:
        buildah looks for a file of that name, no more.
        """
        out = job.scratch / "made"
        blobs = out / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        below = [layer.diff_id for layer in job.parent.layers]
        for diff_id in below:
            (blobs / hex_of(diff_id)).touch()
        self._do(
            ["push", "--quiet", "--format", "oci", image, f"oci:{out}:made"],
            lambda _: None,
            job.timeout,
        )
        index = json.loads((out / "index.json").read_bytes())
        manifest = json.loads((blobs / hex_of(index["manifests"][0]["digest"])).read_bytes())
        digests = [layer["digest"] for layer in manifest["layers"]]
        if digests[: len(below)] != below:
            raise OutsideError(
                "buildah made an image that does not stand on its parent",
                hint="try another engine: --engine docker",
            )
        return tuple(blobs / hex_of(digest) for digest in digests[len(below) :])

    def _config(self, image: str, before: RuntimeConfig) -> RuntimeConfig:
        document = json.loads(self._ask("inspect", "--type", "image", image))
        after = RuntimeConfig.from_json(document["Docker"]["config"])
        labels = {k: v for k, v in after.labels.items() if k != _IDENTITY or k in before.labels}
        return replace(after, labels=labels)

    # Running buildah

    def _do(self, words: Sequence[str], hear: Hear, timeout: float) -> None:
        last: list[str] = []

        def listen(line: str) -> None:
            last.append(line)
            del last[:-60]
            hear(line)

        command = [*self._isolated, *self._command, *words]
        code = run_engine(
            command, env=self._env, hear=listen, timeout=timeout, doing=f"buildah {words[0]}"
        )
        if code:
            raise explained(words[0], code, last)

    def _ask(self, *words: str, check: bool = True) -> str:
        """What a short call prints."""
        with disk("starting buildah"):
            done = subprocess.run(
                [*self._isolated, *self._command, *words],
                env=self._env,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode and check:
            raise explained(words[0], done.returncode, done.stderr.splitlines())
        return done.stdout.strip()

    def _quietly(self, *words: str) -> None:
        """Clean up; what stays is tried again at the next start."""
        with suppress(OutsideError):
            self._ask(*words, check=False)

    def _told_version(self) -> tuple[int, int]:
        words = self._ask("version", "--json")
        major, minor = json.loads(words)["version"].split(".")[:2]
        return int(major), int(minor)

    def _driver(self) -> list[str]:
        """Overlay where the store's file system takes it, by the kernel or by FUSE; else copies."""
        drivers = [["--storage-driver", "overlay"]]
        if fuse := shutil.which("fuse-overlayfs"):
            drivers.append([*drivers[0], "--storage-opt", f"overlay.mount_program={fuse}"])
        for words in drivers:
            done = subprocess.run(
                [*self._isolated, *self._command, *words, "info"],
                env=self._env,
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                return words
        return ["--storage-driver", "vfs"]

    def tidy(self, days: float = KEPT_DAYS) -> None:
        """Clear what a killed process left, and parents that nothing stood on for some days.

        Only when nobody else uses the storage.
        """
        self._quietly("rm", "--all")
        long_ago = time.time() - days * 86400
        for used in (self._home / "used").iterdir():
            if used.stat().st_mtime < long_ago:
                self._quietly("rmi", "--force", used.name)
                used.unlink(missing_ok=True)


@contextmanager
def open_buildah(program: str, store: Store) -> Iterator[Buildah]:
    """The storage in the store's cache, in use until the block ends.

    Raises:
        OutsideError: the disk is full or broken, or buildah does not work here.
    """
    home = store.root / "cache" / "buildah"
    with disk(f"opening buildah's storage {home}"):
        for name in ("storage", "tmp", "used"):
            (home / name).mkdir(parents=True, exist_ok=True)
        lock = os.open(home / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        with store.scratch() as run:
            alone = _alone(lock)
            engine = Buildah(program, store, home, run)
            if alone:
                engine.tidy()
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield engine
    finally:
        os.close(lock)


def _alone(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _environment(home: Path) -> Mapping[str, str]:
    """Only what has to be passed on."""
    names = {*_PASSED_ON, *_PROXIES, *(name.upper() for name in _PROXIES)}
    env = {name: os.environ[name] for name in sorted(names & os.environ.keys())}
    path = f"{env.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin".lstrip(":")
    # Cache mounts are kept under TMPDIR.
    return {**env, "PATH": path, "TMPDIR": str(home / "tmp"), "LC_ALL": "C.UTF-8"}
