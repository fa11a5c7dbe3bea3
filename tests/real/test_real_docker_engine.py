"""docker as the engine of steps: what it is given, what comes back, and how it fails."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import realengines as engines
from realyard import run, until

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import RuntimeConfig
from stackyard.oci.layer import Layer, layer_from_tar
from stackyard.oci.store import Store
from stackyard.system.docker import Docker, find_docker
from stackyard.system.engine import CommandFailed, Job, Parent, Result

pytestmark = pytest.mark.real

HEAD = "ARG BASE\nFROM $BASE\n"
PROGRAMS = ("cat", "chmod", "ln", "ls", "mkdir", "rm", "sleep", "touch", "stat")
FILES = {"etc/passwd": "root:x:0:0::/:/bin/sh\n", "opt/old/a": "a", "opt/old/b": "b", "opt/c": "c"}
Build = Callable[..., Result]


def own_programs() -> bytes:
    """A root file system with a shell and a few of this machine's programs."""
    paths = {"bin/sh": "/bin/dash"} | {f"bin/{p}": run("which", p).strip() for p in PROGRAMS}
    libraries = set(re.findall(r"(/\S+) \(0x", "".join(run("ldd", p) for p in paths.values())))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", dereference=True) as archive:
        for name, source in {**paths, **{p.lstrip("/"): p for p in sorted(libraries)}}.items():
            archive.add(os.path.realpath(source), name)
        for name, text in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture(scope="module")
def store(place: Path) -> Store:
    return Store.open(place / "docker-engine")


@pytest.fixture(scope="module")
def parent(store: Store) -> Parent:
    layer = layer_from_tar(store, io.BytesIO(own_programs()))
    return Parent((layer,), RuntimeConfig(env={"PATH": "/bin"}), Platform("linux", "amd64"))


@pytest.fixture(autouse=True)
def _daemon(docker: engines.Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def engine(store: Store) -> Docker:
    found = find_docker()
    assert found.program, found.reason
    return Docker(found.program, store)


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def build(
    engine: Docker, parent: Parent, tmp_path: Path, heard: list[str], docker: engines.Docker
) -> Iterator[Build]:
    """Builds instructions; no image but parents may be left of it."""
    number = iter(range(100))

    def call(text: str, files: Mapping[str, str] | None = None, **other: object) -> Result:
        place = tmp_path / f"job{next(number)}"
        (place / "context").mkdir(parents=True)
        (place / "scratch").mkdir()
        for name, content in (files or {}).items():
            (place / "context" / name).write_text(content)
        told = {"parent": parent, "scratch": place / "scratch", "context": place / "context"}
        return engine.build(Job(text, "BASE", **{**told, **other}), heard.append)

    before = _repositories(docker)
    yield call
    assert _repositories(docker) - before <= {"localhost/stackyard-parent"}
    assert docker("ps", "--all", "--quiet") == ""


def _repositories(docker: engines.Docker) -> set[str]:
    return set(docker("images", "--all", "--format", "{{.Repository}}").split())


def contents(result: Result) -> dict[str, bytes | None]:
    """What the one archive holds, without directories."""
    (archive,) = result.archives
    with tarfile.open(archive) as read:
        return {
            info.name: read.extractfile(info).read() if info.isreg() else info.linkname.encode()
            for info in read
            if not info.isdir()
        }


def test_instructions_become_one_layer_and_a_config(build: Build, heard: list[str]) -> None:
    made = build(
        HEAD
        + 'SHELL ["/bin/sh", "-uc"]\n'
        + "RUN echo one > /one && rm /opt/c && rm -r /opt/old && mkdir /opt/old\n"
        + "COPY mine /mine\nENV A=b\nWORKDIR /opt\nONBUILD RUN true\n"
        + 'RUN rm /one && ln /mine /mine2 && echo "$A" > a\n'
        + 'ENTRYPOINT ["/bin/ls"]\nCMD ["-l"]\nUSER 7:8\nEXPOSE 80\nLABEL l=m\n',
        {"mine": "my own"},
    )
    assert contents(made) == {
        ".wh.one": b"",
        "mine": b"my own",
        "mine2": b"mine",
        "opt/.wh.c": b"",
        "opt/a": b"b\n",
        "opt/old/.wh..wh..opq": b"",
    }
    assert made.config == RuntimeConfig(  # noqa: S604 - an image's SHELL
        env={"PATH": "/bin", "A": "b"},
        user="7:8",
        workdir="/opt",
        entrypoint=("/bin/ls",),
        cmd=("-l",),
        labels={"l": "m"},
        exposed_ports=("80/tcp",),
        shell=("/bin/sh", "-uc"),
        on_build=("RUN true",),
    )
    assert any("COPY mine /mine" in line for line in heard)


def test_the_one_layer_does_in_docker_what_the_instructions_did(
    build: Build, parent: Parent, store: Store
) -> None:
    text = (
        HEAD
        + "RUN rm -r /opt/old /opt/c && echo 1 > /f && ln /f /g && ln /f /h\n"
        + "RUN mkdir -p /opt/old /opt/c && touch /opt/old/new && rm /f && echo 2 > /h\n"
    )
    look = "RUN ls /f /opt /opt/old /opt/c > /seen 2>&1; cat /g /h >> /seen\n"
    with build(text).archives[0].open("rb") as file:
        layers = (*parent.layers, layer_from_tar(store, file))
    seen = contents(build(HEAD + look, parent=replace(parent, layers=layers)))["seen"]
    assert seen == contents(build(text + look))["seen"]
    assert seen.endswith(b"/opt:\nc\nold\n\n/opt/c:\n\n/opt/old:\nnew\n1\n2\n")


def test_one_command_is_its_layer_as_docker_wrote_it(build: Build) -> None:
    assert contents(build(HEAD + "RUN echo hello > /hello\n")) == {"hello": b"hello\n"}


def test_only_settings_make_no_archive(build: Build) -> None:
    made = build(HEAD + "ENV A=b\n")
    assert made.archives == ()
    assert made.config.env == {"PATH": "/bin", "A": "b"}


def test_the_parents_config_counts(build: Build, parent: Parent) -> None:
    config = replace(  # noqa: S604 - an image's SHELL
        parent.config,
        env={"PATH": "/bin", "WHO": "parent"},
        shell=("/bin/sh", "-ec"),
        on_build=("RUN echo triggered > /triggered",),
        workdir="/opt",
    )
    made = build(HEAD + 'RUN echo "$WHO" "$0 $-" > who\n', parent=replace(parent, config=config))
    assert contents(made) == {"opt/who": b"parent /bin/sh e\n", "triggered": b"triggered\n"}
    assert made.config == replace(config, on_build=())


def test_stages_arguments_secrets_and_caches(build: Build, tmp_path: Path) -> None:
    value = tmp_path / 'a "secret", or so'
    value.write_text("sesame")
    text = (
        "ARG BASE\nFROM $BASE AS tools\nRUN echo tool > /tool\n"
        "FROM $BASE\nARG NAME\nCOPY --from=tools /tool /tool\n"
        'RUN --mount=type=secret,id=word test "$(cat /run/secrets/word)" = sesame\n'
        "RUN --mount=type=cache,target=/cache echo kept >> /cache/kept\n"
        'RUN --mount=type=cache,target=/cache echo "$NAME $(cat /cache/kept)" > /told\n'
    )
    made = build(text, args={"NAME": "a b=$c"}, secrets={"word": value})
    found = contents(made)
    assert found.pop("told") == b"a b=$c kept\n"
    assert found.pop("tool") == b"tool\n"
    assert b"sesame" not in made.archives[0].read_bytes()
    assert "sesame" not in str(made.config)


def test_a_step_on_a_step_gives_the_daemon_only_what_it_lacks(
    build: Build, parent: Parent, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = parent.layers
    for text in ("one", "two"):
        stands = replace(parent, layers=layers)
        made = build(HEAD + f"RUN echo {text} > /{text} && touch /opt/{text}\n", parent=stands)
        with made.archives[0].open("rb") as file:
            layers = (*layers, layer_from_tar(store, file))
    opened: list[str] = []
    real = Store.open_blob

    def watched(self: Store, digest: str) -> object:
        opened.append(digest)
        return real(self, digest)

    monkeypatch.setattr(Store, "open_blob", watched)
    on_top = replace(parent, layers=layers)
    made = build(HEAD + "RUN cat /one /two > /three\n", parent=on_top)
    assert contents(made) == {"three": b"one\ntwo\n"}
    # docker's own layer of a step that made one archive is the very one that is in the store.
    assert layers[0].descriptor.digest not in opened
    again = build(HEAD + "RUN cat /two /one > /three\n", parent=on_top)
    assert contents(again) == {"three": b"two\none\n"}
    assert len(opened) <= 1


def test_all_that_was_pruned_is_given_again(build: Build, docker: engines.Docker) -> None:
    build(HEAD + "RUN echo 1 > /f\n")
    docker("system", "prune", "--all", "--force")
    assert contents(build(HEAD + "RUN echo 1 > /f\n")) == {"f": b"1\n"}


def test_a_blob_that_is_missing_is_what_is_told(build: Build, parent: Parent, store: Store) -> None:
    gone = Layer(
        replace(parent.layers[0].descriptor, digest=f"sha256:{'1' * 64}"), f"sha256:{'2' * 64}", 512
    )
    with pytest.raises(OutsideError, match="lacks blob sha256:111"):
        build(HEAD + "RUN true\n", parent=replace(parent, layers=(*parent.layers, gone)))


def test_many_at_once(build: Build) -> None:
    with ThreadPoolExecutor(4) as pool:
        texts = [HEAD + f"RUN echo {i} > /f\n" for i in (1, 2, 3, 3)]
        made = list(pool.map(build, texts))
    assert [contents(result)["f"] for result in made] == [b"1\n", b"2\n", b"3\n", b"3\n"]


# What goes wrong


def test_a_command_that_fails(build: Build, heard: list[str]) -> None:
    with pytest.raises(CommandFailed, match=r"^RUN echo so; exit 3: ended with exit status 3") as e:
        build(HEAD + "RUN echo so; exit 3\n")
    assert e.value.status == 3
    assert any(line.endswith(" so") for line in heard)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "COPY missing /\n", r"^COPY missing /: .*not found"),
        (HEAD + "COPY ../../etc/passwd /\n", r"^COPY \S+ /: .* lstat /etc: no such file"),
        (HEAD + "COPY --from=nobody.invalid/x /f /\n", "nobody.invalid/x"),
        (HEAD + "FOO bar\n", "unknown instruction 'FOO'"),
        (HEAD + "USER nobodyhere\nRUN true\n", "^RUN true: .*nobodyhere"),
        ("", "cannot be empty"),
        ("FROM $BASE\nRUN true\n", r"\(\$BASE\)"),
        (HEAD + "FROM scratch\nCOPY a /\n", r"does not stand on what .* \(BASE\)"),
    ],
)
def test_instructions_that_are_wrong(build: Build, text: str, message: str) -> None:
    with pytest.raises((InputError, OutsideError), match=message) as caught:
        build(text, {"a": ""})
    assert isinstance(caught.value, InputError) or "nobody.invalid" in text
    assert len(caught.value.message.splitlines()) <= 2


def test_a_full_disk(build: Build) -> None:
    with pytest.raises(OutsideError, match="no space left"):
        build(HEAD + "RUN cat /dev/zero > /dev/shm/all\n")


def sleepers(word: str) -> list[psutil.Process]:
    found = (p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", word])
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]


def gone(word: str, log: Path) -> None:
    log.write_text("the command still runs")
    until(lambda: True if not sleepers(word) else None, alive=lambda: True, log=log, seconds=20)


def test_a_command_that_hangs(build: Build, tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="no end after 2 s"):
        build(HEAD + "RUN sleep 7001\n", timeout=2)
    gone("7001", tmp_path / "log")


KILLED = """
import sys
from pathlib import Path
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import RuntimeConfig
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.system.docker import Docker, find_docker
from stackyard.system.engine import Job, Parent
import json
store = Store(Path(sys.argv[1]))
layer = Layer.from_json(json.loads(sys.argv[2]))
parent = Parent((layer,), RuntimeConfig(env={"PATH": "/bin"}), Platform("linux", "amd64"))
scratch = Path(sys.argv[3])
job = Job(sys.argv[4], "BASE", parent, scratch / "context", scratch=scratch / "work")
Docker(find_docker().program, store).build(job, print)
"""


def test_a_killed_build_leaves_nothing(
    build: Build, parent: Parent, store: Store, tmp_path: Path, docker: engines.Docker
) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "work").mkdir()
    text = HEAD + "RUN echo ready > /f && sleep 7002\n"
    words = [str(store.root), json.dumps(parent.layers[0].to_json()), str(tmp_path), text]
    process = subprocess.Popen([sys.executable, "-c", KILLED, *words], stdout=subprocess.DEVNULL)
    log = tmp_path / "log"
    log.write_text("the command does not run")
    running = lambda: sleepers("7002") or None  # noqa: E731
    until(running, alive=lambda: process.poll() is None, log=log)
    process.send_signal(signal.SIGKILL)
    process.wait()
    gone("7002", log)
    clients = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert not [words for words in clients if words and str(tmp_path) in " ".join(words)]
    assert contents(build(HEAD + "RUN echo whole > /f\n")) == {"f": b"whole\n"}


def test_a_daemon_that_goes_away(
    store: Store, parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engines.docker(tmp_path / "docker") as other:
        for name, value in other.env.items():
            monkeypatch.setenv(name, value)
        found = find_docker()
        assert found.program
        engine = Docker(found.program, store)
        socket = Path(other.env["DOCKER_HOST"].removeprefix("unix://"))
        daemon = int(socket.with_name("pid").read_text())

        def stop(line: str) -> None:
            if "RUN sleep" in line:
                threading.Timer(1, os.kill, (daemon, signal.SIGTERM)).start()

        (tmp_path / "context").mkdir()
        (tmp_path / "work").mkdir()
        job = Job(
            HEAD + "RUN sleep 7003\n",
            "BASE",
            parent,
            tmp_path / "context",
            scratch=tmp_path / "work",
        )
        with pytest.raises(OutsideError, match="docker build: the daemon does not answer"):
            engine.build(job, stop)
        for left in sleepers("7003"):  # which docker leaves behind when it has to end
            left.kill()
        with pytest.raises(OutsideError, match="docker"):
            engine.build(job, print)
        assert "does not answer" in find_docker().reason


# Finding it


def test_no_docker_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_docker().program is None
    assert find_docker().reason == "it is not installed"


def test_a_newer_program_without_buildx_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_docker().program
    assert real
    newer = tmp_path / "docker"
    newer.write_text(
        '#!/bin/sh\n[ "$1" = version ] && echo 28.2.2 28.2.2 && exit\n'
        "echo \"docker: 'buildx' is not a docker command.\" >&2; exit 1\n"
    )
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(real).parent}:{os.environ['PATH']}")
    assert find_docker().program == real
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    assert find_docker().reason == f"{newer} lacks buildx, so it has no BuildKit"
    assert "docker-buildx" in find_docker().hint
