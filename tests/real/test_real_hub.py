"""`stackyard hub` for real: log in, choose, work in JupyterLab, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hubbrowser import browser, choose, log_in, open_notebook, picture, run_cell, start
from hubpreview import LABEL, Preview, folders, listening, preview
from realengines import Docker, Registry, Storage
from realstack import STACK
from realyard import Yard, ask

pytestmark = pytest.mark.real

OFFERED = """
  minimal:
    layers: [singleuser]
    profile:
      display_name: Minimal
      default: true
      kubespawner_override:
        mem_limit: 1G
        environment: {GREETING: 'hello {"a": 1}'}
        node_selector: {disk: fast}
  both:
    layers: [text, tables, notes]
    variants: [py311]
    profile: {display_name: Text & tables, kubespawner_override: {mem_limit: 1G, cpu_limit: 1}}
  broken:
    layers: [broken]
    variants: [py311]
    profile: {display_name: Broken}
"""
MORE = """
  notes: {{on: singleuser, files: [{{from: hello.sh, to: /home/jovyan/hidden}}]}}
  broken: {{on: singleuser, cmd: [sh, -c, "echo no such course >&2; exit 7"]}}

images:"""


@pytest.fixture(scope="module")
def offering(built: Yard, registry: Registry, place: Path) -> Yard:
    """The stack with more profiles; its images are built, and those of the others reused."""
    yard = Yard(place / "offering", built.store, built.env)
    head = STACK.replace("\nimages:", MORE).partition("images:")[0]
    hub = built.locked("py311", "singleuser")["jupyterhub"].version.partition(".")[0]
    yard.write(head.format(host=f"{registry.host}/preview", hub=hub) + "images:" + OFFERED)
    (yard.folder / "hello.sh").write_text("#!/bin/sh\necho hello\n")
    yard.run("lock")
    yard.run("build", "--offline")
    return yard


@pytest.fixture(scope="module")
def before(offering: Yard) -> set[tuple[str, int]]:
    return listening()


@pytest.fixture(scope="module")
def hub(
    offering: Yard, docker: Docker, before: set[tuple[str, int]], place: Path
) -> Iterator[Preview]:
    with preview(offering, out=place / "hub.out", env=docker.env) as running:
        yield running


def test_what_is_told_before_anybody_logs_in(hub: Preview, offering: Yard) -> None:
    version = offering.locked("py311", "singleuser")["jupyterhub"].version
    assert f"jupyterhub {version}" in hub.wait("the hub runs")
    assert "(minimal)" in hub.wait("node_selector has no effect")
    assert hub.wait("Minimal (default)").strip() == "Minimal (default): py311, py313"
    assert hub.wait("Text & tables")
    processes = [p.cmdline() for p in psutil.Process(hub.process.pid).children(recursive=True)]
    assert len(processes) == 2
    assert hub.password not in str(processes)
    # Nobody gets in without the password.
    assert ask(f"{hub.url}/hub/api/users")[0] == 403


def test_a_user_works_in_the_image_that_was_chosen(
    hub: Preview, offering: Yard, docker: Docker, tmp_path: Path
) -> None:
    with browser(tmp_path) as page:
        log_in(page, hub.url, "ada", hub.password)
        assert page.is_checked("#profile-item-minimal")
        choose(page, "both", {})
        assert picture(page, tmp_path / "spawn-page.png").stat().st_size > 10_000
        start(page)
        open_notebook(page)
        code = "import humanize, tabulate, os; print(humanize.__version__, os.getuid())"
        locked = offering.locked("py311", "text")["humanize"].version
        assert run_cell(page, code) == f"{locked} 1000"
        # What the image has in the home is hidden, as on a cluster.
        code = "h = os.environ; print(h['MEM_LIMIT'], 'hidden' in os.listdir(h['HOME']))"
        assert run_cell(page, code) == f"{1 << 30} False"
        assert picture(page, tmp_path / "jupyterlab.png").stat().st_size > 10_000
    assert "Text & tables" in hub.wait("ready     ada")
    (container,) = docker("ps", "--quiet", "--filter", f"label={LABEL}").split()
    (found,) = json.loads(docker("inspect", container))
    assert found["HostConfig"]["Memory"] == 1 << 30
    assert found["HostConfig"]["SecurityOpt"] == ["no-new-privileges"]
    assert found["Config"]["Image"].endswith("/both:py311")


def test_an_image_that_cannot_start_is_told_at_once(
    hub: Preview, docker: Docker, tmp_path: Path
) -> None:
    with browser(tmp_path) as page:
        log_in(page, hub.url, "bob", hub.password)
        choose(page, "broken", {})
        start(page)
        line = hub.wait("failed    bob", 20)
        assert line.endswith("the container ended with exit code 7")
        hub.wait("    no such course")
        page.get_by_text("ended with exit code 7").first.wait_for()
    assert len(docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}").split()) == 1


def test_all_listen_on_the_loopback_device_only(hub: Preview, before: set[tuple[str, int]]) -> None:
    new = listening() - before
    assert len(new) >= 4  # proxy, its API, the hub, Ada's server and her kernel
    assert {address for address, _ in new} == {"127.0.0.1"}


def test_ctrl_c_leaves_nothing(hub: Preview, docker: Docker, offering: Yard) -> None:
    mine = {process.pid for process in psutil.Process(hub.process.pid).children(recursive=True)}
    ports = {
        connection.laddr.port
        for connection in psutil.net_connections("inet")
        if connection.pid in mine and connection.status == psutil.CONN_LISTEN
    }
    assert len(ports) == 3
    assert hub.stop() == 0
    assert hub.left() == []
    assert docker("ps", "--all", "--quiet").split() == []
    assert docker("volume", "ls", "--quiet").split() == []
    assert not folders()
    assert not ports & {port for _, port in listening()}
    assert list((offering.store / "hub" / "sessions").iterdir()) == []
    assert hub.password not in "".join(
        log.read_text() for log in (offering.store / "hub" / "logs").iterdir()
    )


def test_what_a_kill_leaves_ends_with_the_next_preview(
    offering: Yard, docker: Docker, tmp_path: Path
) -> None:
    with preview(offering, "minimal", out=tmp_path / "first", env=docker.env) as first:
        with browser(tmp_path) as page:
            log_in(page, first.url, "eve", first.password)
            choose(page, "minimal", {"image": "py313"})
            start(page)
            first.wait("ready     eve")
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
        assert first.left() == []
    assert len(folders()) == 1
    with preview(offering, "both", out=tmp_path / "second", env=docker.env) as second:
        assert len(folders()) == 1
        assert docker("ps", "--all", "--quiet").split() == []
        assert docker("volume", "ls", "--quiet").split() == []
        assert "loading" not in second.said
        # Twice, and by two kinds of signals.
        os.kill(second.process.pid, signal.SIGTERM)
        time.sleep(0.2)
        assert second.stop() == 0
        assert second.left() == []
    assert not folders()


def test_the_versions_of_the_released_chart(offering: Yard, docker: Docker, tmp_path: Path) -> None:
    pins = ["--with=jupyterhub-kubespawner==7.0.0", "--with=jupyterhub==5.5.0"]
    with preview(offering, "minimal", *pins, out=tmp_path / "out", env=docker.env) as running:
        running.wait("the hub runs jupyterhub 5.5.0, jupyterhub-kubespawner 7.0.0")
        with browser(tmp_path) as page:
            log_in(page, running.url, "ada", running.password)
            choose(page, "minimal", {"image": "py313"})
            start(page)
            assert "Minimal, py313" in running.wait("ready     ada")
        (container,) = docker("ps", "--quiet", "--filter", f"label={LABEL}").split()
        image = docker("inspect", "--format", "{{.Config.Image}}", container)
        assert image.strip().endswith("/minimal:py313")
        for path in (offering.store / "hub" / "logs").iterdir():
            assert path.stat().st_mode & 0o077 == 0
        assert running.stop() == 0


def test_a_hub_that_ends_by_itself(offering: Yard, docker: Docker, tmp_path: Path) -> None:
    with preview(offering, "both", out=tmp_path / "out", env=docker.env) as running:
        (hub,) = psutil.Process(running.process.pid).children()
        hub.kill()
        assert running.process.wait(30) == 3
        assert "the preview hub ended by itself" in running.said
        log = re.findall(r"its whole log is (\S+)", running.said)[0]
        assert "JupyterHub is now running" in Path(log).read_text()
    assert not folders()


def test_podman(offering: Yard, storage: Storage, tmp_path: Path) -> None:
    conf = tmp_path / "containers.conf"
    conf.write_text('[engine]\nruntime = "runc"\n')  # crun takes no hybrid cgroups
    env = {**storage.env, "CONTAINERS_CONF": str(conf)}
    out = tmp_path / "out"
    with preview(offering, "minimal:py313", "--engine=podman", out=out, env=env) as running:
        with browser(tmp_path) as page:
            log_in(page, running.url, "ada", running.password)
            start(page)
            open_notebook(page)
            code = "import ipywidgets as i, sys; print(i.__version__, sys.version_info.minor)"
            locked = offering.locked("py313", "singleuser")["ipywidgets"].version
            assert run_cell(page, code) == f"{locked} 13"
            assert run_cell(page, "import os; print(os.environ['GREETING'])") == 'hello {"a": 1}'
        assert running.stop() == 0
        assert running.left() == []
    assert storage("podman", "ps", "--all", "--quiet").split() == []
    assert storage("podman", "volume", "ls", "--quiet").split() == []
    assert not folders()
