"""A step from its work to what it made, by an engine of a few lines: a real one is slow."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import RuntimeConfig
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource, Containerfile
from stackyard.system import mirror, recipes
from stackyard.system.context import fingerprints
from stackyard.system.engine import CommandFailed, Hear, Job, Parent, Result
from stackyard.system.machine import is_native
from stackyard.system.secrets import Secrets
from stackyard.system.step import Apt, Commands, Instructions, Stepped, Surroundings, Work, run_step

NATIVE = next(a for a in ("amd64", "arm64") if is_native(a))
PARENT = Parent((), RuntimeConfig(env={"A": "1"}, cmd=("sh",)), Platform("linux", NATIVE))
VALUE = "pa'ss\\w\"örd\n12345678"
SECRETS = Secrets({"token": VALUE.encode(), "other": b"not for this step"})


@dataclass
class Hand:
    """Does what it is told, and keeps what it was given."""

    does: Callable[[Job, Hear], None] = lambda job, hear: None
    files: Mapping[str, bytes] = field(default_factory=dict)
    config: RuntimeConfig = PARENT.config
    name = "hand"

    def build(self, job: Job, hear: Hear) -> Result:
        self.job = job
        context = [path for path in sorted(job.context.rglob("*")) if path.is_file()]
        self.context = {str(p.relative_to(job.context)): p.read_text() for p in context}
        self.secrets = {name: path.read_bytes() for name, path in job.secrets.items()}
        assert not any(job.scratch.iterdir())
        self.does(job, hear)
        archive = job.scratch / "made.tar"
        with tarfile.open(archive, "w") as tar:
            for name, data in self.files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return Result((archive,), self.config)


@pytest.fixture
def do(tmp_path: Path) -> Callable[..., Stepped]:
    root = tmp_path / "project"
    root.mkdir()
    here = Surroundings(Store.open(tmp_path / "store"), root, SECRETS, 60, "run1")

    def call(work: Work, hand: Hand, parent: Parent = PARENT) -> Stepped:
        log = here.store.root / "logs" / "a.log"
        made = run_step(hand, work, parent, "layer a: run", log, here, lambda _: None)
        assert not list((here.store.root / "tmp").glob("*/*")), "nothing is left"
        return made

    return call


def instructions(**more: object) -> Instructions:
    file = Containerfile("C", "ARG P\nFROM $P\n", "P", {"V": "1"})
    return Instructions(file, {}, **more)


def test_what_an_engine_is_given(do: Callable[..., Stepped], tmp_path: Path) -> None:
    folder = tmp_path / "project" / "layers" / "a"
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text("echo on\n")
    files = fingerprints(tmp_path / "project", "layers/a", None)
    hand = Hand()
    do(Commands(("echo x",), "layers/a/run.sh", files, {"/c": "id"}, ("token",)), hand)
    assert sorted(hand.context) == ["commands.sh", "layer/run.sh"]
    assert "/bin/sh -eu -c 'echo x'" in hand.context["commands.sh"]
    assert hand.secrets == {"token": VALUE.encode()}
    assert "--mount=type=cache,id=id,target=/c" in hand.job.containerfile
    assert (hand.job.argument, hand.job.args, hand.job.timeout) == (recipes.FROM, {}, 60)
    assert VALUE not in hand.job.containerfile + "".join(hand.context.values())


def test_what_instructions_are_given(do: Callable[..., Stepped], tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "C").write_text("x")
    hand = Hand()
    do(replace(instructions(), files=fingerprints(folder, ".", "C")), hand)
    assert hand.context == {"C": "x"}
    assert (hand.job.argument, hand.job.args) == ("P", {"V": "1"})
    assert hand.secrets == {}


def test_where_packages_come_from_is_a_secret(
    do: Callable[..., Stepped], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mirror.VARIABLE, "http://user:hunter22@mirror.example/debian")
    hand = Hand()
    do(Apt(("git",), BaseSource("debian", "bookworm"), "l1"), hand)
    assert "install -- git" in hand.context["commands.sh"]
    assert b"hunter22@mirror.example/debian bookworm main" in hand.secrets[recipes.SOURCES]
    assert "hunter22" not in hand.job.containerfile + hand.context["commands.sh"]
    do(Apt(("git",), None, "l1"), hand)
    assert hand.secrets == {}, "the image knows its own"


def test_what_it_made(do: Callable[..., Stepped]) -> None:
    status = b"Package: a\nStatus: install ok installed\nVersion: 1\n"
    config = replace(PARENT.config, user="7", env={"A": "1", "B": "2"})
    hand = Hand(files={"var/lib/dpkg/status": status}, config=config)
    made = do(instructions(), hand)
    assert len(made.layers) == 1
    assert made.settings == {"Env": {"B": "2"}, "User": "7"}
    assert made.debs == {"a": "1"}
    assert do(Commands(("x",)), hand).settings == {}, "commands have no say in it"
    assert do(Commands(("x",)), Hand()).layers == ()


def failed(do: Callable[..., Stepped], work: Work, hand: Hand) -> StackyardError:
    with pytest.raises(StackyardError) as caught:
        do(work, hand)
    return caught.value


def test_a_command_that_fails_is_named_with_its_last_lines_and_the_log(
    do: Callable[..., Stepped], tmp_path: Path
) -> None:
    def does(_job: Job, hear: Hear) -> None:
        for line in ("==> [1/2] make", "fine", "==> [2/2] make 12345678", "bad 12345678"):
            hear(line)
        raise CommandFailed("RUN x", 7)

    error = failed(do, Commands(("x",), secrets=("token",)), Hand(does))
    log = tmp_path / "store" / "logs" / "a.log"
    assert error.message == (
        f"layer a: run: make ***: ended with exit status 7\n    bad ***\n    log: {log}"
    )
    assert error.hint == "the log has all that it printed"
    assert type(error) is InputError
    assert "12345678" not in log.read_text()
    assert "==> [1/2] make\nfine\n" in log.read_text()


@pytest.mark.parametrize("kind", [InputError, OutsideError])
def test_other_errors_hold_no_secret(
    do: Callable[..., Stepped], kind: type[StackyardError]
) -> None:
    def does(_job: Job, hear: Hear) -> None:
        raise kind("it is 12345678", hint="try 12345678")

    error = failed(do, Commands(("x",), secrets=("token",)), Hand(does))
    assert error.message.startswith("layer a: run: it is ***\n    log: ")
    assert (error.hint, type(error)) == ("try ***", kind)


@pytest.mark.parametrize(
    "change",
    [
        {"env": {"A": "1", "B": f"x{VALUE}"}},
        {"env": {"A": "1", VALUE: "x"}},
        {"labels": {"l": VALUE}},
        {"cmd": ("sh", VALUE)},
        {"user": VALUE},
        {"healthcheck": {"Test": ["CMD", VALUE]}},
    ],
)
def test_a_secret_in_the_configuration(
    do: Callable[..., Stepped], change: dict[str, object]
) -> None:
    hand = Hand(config=replace(PARENT.config, **change))
    error = failed(do, instructions(secrets=("token",)), hand)
    assert "the value of the secret token is in the image's configuration" in error.message
    assert "12345678" not in str(error)
    assert do(instructions(), hand).settings, "no secret of this step"


def test_a_secret_in_the_layer(do: Callable[..., Stepped]) -> None:
    hand = Hand(files={f"opt/{VALUE}": b""})
    error = failed(do, instructions(secrets=("token",)), hand)
    assert "the value of the secret token is in the layer, in /opt/***" in error.message
    assert "12345678" not in str(error)


def test_programs_that_do_not_run_here(do: Callable[..., Stepped]) -> None:
    parent = replace(PARENT, platform=Platform("linux", "riscv64"))
    with pytest.raises(OutsideError, match=r"layer a: run for linux/riscv64.* cannot run riscv64"):
        do(Commands(("x",)), Hand(), parent)
