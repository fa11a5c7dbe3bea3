from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from stackyard.inventory.base import base_facts
from stackyard.inventory.debian import debs, upstream
from stackyard.inventory.facts import BaseDist, Scheme
from stackyard.inventory.python import python_facts
from stackyard.oci.assemble import assemble
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.layer import Layer, layer_from_tar


def status(*packages: tuple[str, str]) -> str:
    return "\n".join(
        f"Package: {name}\nStatus: install ok installed\nPriority: optional\n"
        f"Architecture: amd64\nVersion: {version}\nDescription: a\n package\n"
        for name, version in packages
    )


@pytest.fixture
def debian(link):
    return {
        "usr/bin/python3": link("python3.11"),
        "usr/bin/python3.11": "elf",
        "bin": link("usr/bin"),
        "usr/lib/python3.11/os.py": "",
        "usr/lib/python3/dist-packages": None,
        "var/lib/dpkg/status": status(
            ("libc6", "2.36-9+deb12u10"), ("python3.11-minimal", "3.11.2-6+deb12u5")
        ),
    }


def metadata(name: str, version: str, *requires: str) -> str:
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    return "\n".join([*lines, *(f"Requires-Dist: {r}" for r in requires)]) + "\n\nProse\n"


def test_debians_minimal_python(image, debian) -> None:
    del debian["usr/lib/python3/dist-packages"]
    facts = python_facts(image(debian))
    assert facts.version == "3.11.2"
    assert facts.scheme.purelib == "usr/local/lib/python3.11/dist-packages"


def test_debians_python(image, debian) -> None:
    facts = python_facts(image(debian))
    assert facts.version == "3.11.2"
    assert facts.minor == "3.11"
    assert facts.interpreter == "/usr/bin/python3.11"
    assert facts.glibc == "2.36"
    assert facts.scheme == Scheme(
        purelib="usr/local/lib/python3.11/dist-packages",
        platlib="usr/local/lib/python3.11/dist-packages",
        scripts="usr/local/bin",
        data="usr/local",
        headers="usr/local/include/python3.11",
    )


def test_debians_dists_in_the_order_of_its_path(image, debian) -> None:
    dists = "usr/lib/python3/dist-packages"
    local = "usr/local/lib/python3.11/dist-packages"
    fs = image(
        debian,
        {
            f"{dists}/six-1.16.0.egg-info": metadata("six", "1.16.0"),
            f"{dists}/Foo_Bar-1.0.egg-info/PKG-INFO": metadata("Foo.Bar", "1.0"),
            f"{dists}/Foo_Bar-1.0.egg-info/requires.txt": (
                "six\n\n[extra:python_version<'3']\nx>1\n"
            ),
            f"{local}/six-1.17.0.dist-info/METADATA": metadata(
                "six", "1.17.0", 'tomli>=1; python_version < "3.11"'
            ),
            f"{dists}/pip/_vendor/rich-1.dist-info/METADATA": metadata("rich", "1"),
            f"{dists}/broken-1.dist-info/METADATA": metadata("not a name!", "1"),
            f"{dists}/other-1.dist-info/METADATA": metadata("other", "no version"),
            f"{dists}/empty.dist-info": None,
            "usr/lib/python3.11/dist-packages/only.egg-info": metadata("only", "3"),
            "usr/local/lib/python3.12/dist-packages/no-1.dist-info/METADATA": metadata("no", "1"),
        },
    )
    assert python_facts(fs).dists == (
        BaseDist("foo-bar", "1.0", ("six", "x>1; (python_version<'3') and extra == \"extra\"")),
        BaseDist("only", "3"),
        BaseDist("six", "1.17.0", ('tomli>=1; python_version < "3.11"',)),
    )


def test_a_python_with_a_prefix_of_its_own(image, debian, link) -> None:
    fs = image(
        debian,
        {
            "usr/local/bin/python3": link("python3.13"),
            "usr/local/bin/python3.13": "elf",
            "usr/local/lib/python3.13/os.py": "",
            "usr/local/include/python3.13/patchlevel.h": '#define PY_VERSION      "3.13.1+"\n',
            "usr/local/lib/python3.13/site-packages/pip-24.dist-info/METADATA": metadata(
                "pip", "24.0"
            ),
        },
    )
    facts = python_facts(fs, "/usr/local/bin:/usr/bin")
    assert facts.version == "3.13.1"
    assert facts.interpreter == "/usr/local/bin/python3.13"
    assert facts.scheme.purelib == "usr/local/lib/python3.13/site-packages"
    assert facts.scheme.headers == "usr/local/include/python3.13"
    assert facts.scheme.data == "usr/local"
    assert facts.dists == (BaseDist("pip", "24.0"),)
    assert python_facts(fs, "/usr/bin").version == "3.11.2"


def test_conda(image, link) -> None:
    fs = image(
        {
            "opt/conda/bin/python3": link("python3.12"),
            "opt/conda/bin/python3.12": "elf",
            "opt/conda/lib/python3.12/os.py": "",
            "opt/conda/conda-meta/python-dateutil-2.9.0-pyh_0.json": "{}",
            "opt/conda/conda-meta/python-3.12.7-hc5c86c4_0_cpython.json": "{}",
            "lib64/libc.so.6": "\0GNU C Library (Ubuntu GLIBC 2.39-0ubuntu8) stable release"
            " version 2.39.\n",
        }
    )
    facts = python_facts(fs, "/opt/conda/bin:/usr/bin")
    assert (facts.version, facts.glibc) == ("3.12.7", "2.39")
    assert facts.scheme.scripts == "opt/conda/bin"


def test_a_virtual_environment(image, debian, link) -> None:
    venv = {
        "opt/venv/bin/python3": link("/usr/bin/python3"),
        "opt/venv/lib/python3.11/site-packages/a-1.dist-info/METADATA": metadata("a", "1"),
        "usr/lib/python3/dist-packages/b-2.dist-info/METADATA": metadata("b", "2"),
    }
    alone = image(debian, venv, {"opt/venv/pyvenv.cfg": "home = /usr/bin\n"})
    facts = python_facts(alone, "/opt/venv/bin:/usr/bin")
    assert facts.interpreter == "/opt/venv/bin/python3"
    assert facts.version == "3.11.2"
    assert facts.scheme.platlib == "opt/venv/lib/python3.11/site-packages"
    assert facts.scheme.headers == "opt/venv/include/site/python3.11"
    assert [d.name for d in facts.dists] == ["a"]
    seeing = image(debian, venv, {"opt/venv/pyvenv.cfg": "include-system-site-packages = true\n"})
    assert [d.name for d in python_facts(seeing, "/opt/venv/bin").dists] == ["a", "b"]


def test_musl_has_no_glibc(image, link) -> None:
    fs = image(
        {
            "usr/bin/python3": link("python3.12"),
            "usr/bin/python3.12": "elf",
            "usr/lib/python3.12/os.py": "",
            "lib/ld-musl-x86_64.so.1": "elf",
        }
    )
    facts = python_facts(fs)
    assert (facts.glibc, facts.version) == (None, "3.12")
    assert facts.scheme.purelib == "usr/lib/python3.12/site-packages"


def test_an_old_glibc_by_the_name_of_its_file(image, debian, link) -> None:
    del debian["var/lib/dpkg/status"]
    debian["lib/x86_64-linux-gnu/libc.so.6"] = link("libc-2.31.so")
    debian["lib/x86_64-linux-gnu/libc-2.31.so"] = "elf"
    assert python_facts(image(debian)).glibc == "2.31"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"usr/bin/python3": None},
        {"usr/bin/python3": "#!/bin/sh"},
        {"usr/bin/python": "elf", "usr/lib/python2.7/os.py": ""},
        {"usr/bin/python3": "elf", "usr/pyvenv.cfg": "home = /opt/gone"},
    ],
    ids=["nothing", "a directory", "a wrapper", "a Python 2", "an environment of nothing"],
)
def test_no_python(image, files) -> None:
    assert python_facts(image({"etc/passwd": "", **files})) is None


def test_a_file_that_cannot_be_run_is_passed_by(image, debian) -> None:
    fs = image({**debian, "opt/python3": "not executable"})
    assert python_facts(fs, "/opt:/usr/bin").interpreter == "/usr/bin/python3.11"


def test_debs(image) -> None:
    text = status(("b", "1:2-3"), ("a", "1"), ("b", "1:2-3")).replace("amd64", "i386", 1)
    text += "\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    fs = image(
        {"var/lib/dpkg/status": text, "var/lib/dpkg/status.d/tz": "Package: tz\nVersion: 4\n"}
    )
    assert debs(fs) == {"a": "1", "b": "1:2-3", "b:amd64": "1:2-3", "tz": "4"}
    assert debs(image({"etc/passwd": ""})) == {}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1:2.36-9+deb12u10", "2.36"),
        ("1.0-2-3", "1.0-2"),
        ("3", "3"),
        ("3.12.0~rc1-1", "3.12.0~rc1"),
    ],
)
def test_upstream_versions(version: str, expected: str) -> None:
    assert upstream(version) == expected


def test_facts_are_remembered(store, debian, tar_of) -> None:
    debian["usr/lib/python3/dist-packages/b-2.dist-info/METADATA"] = metadata("b", "2", "c")
    manifest, layer = one_layer(store, tar_of(debian))
    first = base_facts(store, manifest)
    store.blob_path(layer.descriptor.digest).unlink()
    assert base_facts(store, manifest) == first
    assert first.dists == (BaseDist("b", "2", ("c",)),)


def test_that_there_is_none_is_remembered(store, tar_of) -> None:
    manifest, layer = one_layer(store, tar_of({"etc/passwd": ""}))
    assert base_facts(store, manifest) is None
    store.blob_path(layer.descriptor.digest).unlink()
    assert base_facts(store, manifest) is None


def one_layer(store, tar: bytes) -> tuple[Descriptor, Layer]:
    layer = layer_from_tar(store, io.BytesIO(tar))
    manifest = assemble(
        store,
        platform=Platform("linux", "amd64"),
        layers=[(layer, History("x"))],
        config=RuntimeConfig(env={"PATH": "/usr/bin"}),
        annotations={},
        created=datetime(2020, 1, 1, tzinfo=UTC),
    )
    return manifest, layer
