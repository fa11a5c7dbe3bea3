"""The image in a container: its account, its packages, its bytecode, its JupyterLab."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from realengines import Docker
from realstack import BOTH, BYTECODE
from realyard import Yard, answered, ask, free_port, until

pytestmark = pytest.mark.real

TOKEN = "sesame"

DISTS = """
import importlib.metadata as m, json
print(json.dumps([
    {"name": d.metadata["Name"].lower().replace("_", "-").replace(".", "-"),
     "version": d.version, "place": str(d.locate_file("")),
     "installer": (d.read_text("INSTALLER") or "").strip(),
     "requested": d.read_text("REQUESTED") is not None}
    for d in m.distributions()]))
"""


@pytest.fixture(scope="module")
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def lab(docker: Docker, loaded: str, url: str) -> Iterator[str]:
    """A container that runs JupyterLab; the first test that wants it waits for it."""
    container = docker(
        *("run", "--detach", "--network=host", loaded),
        *("jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={url.rpartition(':')[2]}"),
        *(f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"),
    ).strip()
    yield container
    docker("rm", "--force", container)


def test_it_runs_as_its_user(docker: Docker, lab: str) -> None:
    assert docker.exec(lab, "id").strip() == "uid=1000(jovyan) gid=100(users) groups=100(users)"
    script = 'cd && touch mine && mkdir -p .local/share && stat -c "%U:%G %n" "$HOME" mine && pwd'
    assert docker.exec(lab, "sh", "-c", script).splitlines() == [
        "jovyan:users /home/jovyan",
        "jovyan:users mine",
        "/home/jovyan",
    ]
    assert docker.exec(lab, "sh", "-c", "cat /proc/1/comm").strip() == "tini"
    assert docker.exec(lab, "sh", "-c", "echo $LANG $SHELL").strip() == "C.UTF-8 /bin/bash"


def test_it_cannot_change_what_is_not_its_users(docker: Docker, lab: str) -> None:
    script = "for f in / /etc /usr/local/lib/python3*/dist-packages/numpy; do test ! -w $f; done"
    docker.exec(lab, "sh", "-ec", script)


def test_files_are_where_the_stack_puts_them(docker: Docker, lab: str) -> None:
    assert docker.exec(lab, "/opt/hello") == "hello\n"


def test_pip_finds_nothing_broken(docker: Docker, lab: str) -> None:
    assert docker.exec(lab, "python3", "-m", "pip", "check").strip() == (
        "No broken requirements found."
    )


def test_what_is_installed_is_what_is_locked(docker: Docker, lab: str, built: Yard) -> None:
    packages = built.locked("py311", *BOTH)
    base = {
        d.name: d.version
        for d in built.lock().resolutions["py311", "base"].bases["linux/amd64"].python.dists
    }
    assert base.keys() == {"pyyaml"}
    listed = json.loads(docker.exec(lab, "python3", "-m", "pip", "list", "--format=json"))
    assert {normal(d["name"]): d["version"] for d in listed} == {
        **base,
        **{p.name: p.version for p in packages.values()},
    }
    dists = json.loads(docker.python(lab, DISTS))
    assert len({d["name"] for d in dists}) == len(dists), "a distribution stands twice"
    ours = [d for d in dists if d["place"].startswith("/usr/local/")]
    assert {d["name"] for d in ours} == packages.keys()
    assert {d["installer"] for d in ours} == {"stackyard"}
    assert {d["name"] for d in ours if d["requested"]} == {
        "humanize", "ipywidgets", "jupyterhub", "jupyterlab", "notebook", "numpy", "pandas",
        "pip", "tabulate",
    }  # fmt: skip


def normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_its_scripts_run(docker: Docker, lab: str, built: Yard) -> None:
    told = docker.exec(lab, "jupyter", "--version")
    assert "jupyterlab       : 4." in told
    assert "ipywidgets       : 8." in told
    hub = built.locked("py311", *BOTH)["jupyterhub"].version
    assert docker.exec(lab, "jupyterhub-singleuser", "--version").strip() == hub
    assert docker.exec(lab, "pip", "--version").endswith("(python 3.11)\n")
    assert docker.exec(lab, "head", "-1", "/usr/local/bin/jupyter") == "#!/usr/bin/python3.11\n"


def test_numpy_and_pandas_work(docker: Docker, lab: str) -> None:
    script = "import numpy, pandas; print(pandas.Series(numpy.arange(5)).sum())"
    assert docker.python(lab, script) == "10\n"


def test_its_bytecode_is_whole_and_used(docker: Docker, lab: str) -> None:
    found = json.loads(docker.python(lab, BYTECODE))
    assert found["used"] > 5000
    assert found["stale"] == []
    assert found["without"] == []
    told = docker.exec(lab, "sh", "-c", "python3 -v -c 'import numpy, pandas' 2>&1")
    assert "pandas/core/__pycache__/frame.cpython-311.pyc matches /usr/local" in told
    # A code object from a source has its path without quotes.
    assert "code object from '/usr/local" in told
    assert "code object from /usr" not in told


def test_jupyterlab_answers(docker: Docker, lab: str, url: str, built: Yard) -> None:
    log = built.folder / "lab.log"
    log.write_text("")
    status = until(lambda: answered(f"{url}/api/status?token={TOKEN}"), alive=lambda: True, log=log)
    assert status["kernels"] == 0
    page = ask(f"{url}/lab?token={TOKEN}")
    assert page is not None
    assert page[0] == 200
    assert "<title>JupyterLab</title>" in page[1]
    assert answered(f"{url}/api/kernelspecs?token={TOKEN}")["default"] == "python3"
    assert ask(f"{url}/api/contents")[0] == 403


def test_extensions_in_wheels_are_found(docker: Docker, lab: str) -> None:
    script = "jupyter labextension list 2>&1 && jupyter server extension list 2>&1"
    told = docker.exec(lab, "sh", "-c", script)
    assert "/usr/local/share/jupyter/labextensions" in told
    for name in ("@jupyter-widgets/jupyterlab-manager", "@jupyter-notebook/lab-extension"):
        line = next(line for line in told.splitlines() if name in line)
        assert "enabled" in line
        assert "OK" in line
    assert "Validating jupyterlab..." in told
