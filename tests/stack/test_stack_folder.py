from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.stack.values import Layer, Stack

Loaded = Callable[..., Stack]
Refused = Callable[..., str]

FROM = "FROM {{ parent }}\n"
FILES = {
    "apt.txt": "git\ngdal-bin\n",
    "requirements.txt": "numpy\n-r more.txt\n",
    "more.txt": "scipy\n",
    "Containerfile.j2": FROM,
    "run.sh": "true\n",
}


def files(folder: str) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in FILES.items()}


def stack(layer: str = "{on: b}") -> str:
    return f"layers: {{b: {{from: debian:12}}, geo: {layer}}}\nimages: {{i: {{layers: geo}}}}\n"


def geo(stack: Stack) -> Layer:
    return stack.variants["default"].layers["geo"]


def is_whole(layer: Layer, folder: str) -> None:
    assert layer.apt == ("git", "gdal-bin")
    assert layer.pip == ("numpy", "scipy")
    assert layer.containerfile is not None
    assert layer.containerfile.path == f"{folder}/Containerfile.j2"
    assert layer.script == f"{folder}/run.sh"


def test_a_folder_with_the_layer_s_name(loaded: Loaded) -> None:
    is_whole(geo(loaded(stack(), files("layers/geo"))), "layers/geo")


def test_a_folder_that_is_named(loaded: Loaded) -> None:
    others = {**files("x/own"), "layers/geo/apt.txt": "not a package\n"}
    is_whole(geo(loaded(stack("{on: b, folder: x/own}"), others)), "x/own")


def test_the_folder_that_the_layer_is_written_in(loaded: Loaded) -> None:
    text = "include: '*/*/layer.yaml'\nlayers: {b: {from: debian:12}}\nimages: {i: {layers: geo}}\n"
    layer = {"teams/geo/layer.yaml": "layers: {geo: {on: [b, ml]}, ml: {}}\n"}
    is_whole(geo(loaded(text, {**layer, **files("teams/geo")})), "teams/geo")


def test_a_folder_beside_goes_before_the_one_around(loaded: Loaded) -> None:
    text = "include: geo/l.yaml\nlayers: {b: {from: debian:12}}\nimages: {i: {layers: geo}}\n"
    others = {"geo/l.yaml": "layers: {geo: {on: b}}\n", "geo/apt.txt": "no name\n"}
    is_whole(geo(loaded(text, {**others, **files("geo/layers/geo")})), "geo/layers/geo")


def test_the_stack_file_s_own_folder_is_no_layer_s(loaded: Loaded, tmp_path: Path) -> None:
    name = tmp_path.name.replace("_", "-").lower()
    (tmp_path / "apt.txt").write_text("not a package\n")
    text = f"layers: {{{name}: {{from: debian:12}}}}\nimages: {{i: {{layers: {name}}}}}\n"
    assert loaded(text).variants["default"].layers[name].apt == ()


def test_what_key_and_file_both_name_is_taken_once_in_the_key_s_order(loaded: Loaded) -> None:
    text = stack("{on: b, apt: [tini, gdal-bin], pip: [scipy, pandas]}")
    layer = geo(loaded(text, files("layers/geo")))
    assert layer.apt == ("tini", "gdal-bin", "git")
    assert layer.pip == ("scipy", "pandas", "numpy")
    same = geo(loaded(stack("{on: b, pip: layers/geo/requirements.txt}"), files("layers/geo")))
    assert same.pip == ("numpy", "scipy")


def test_a_containerfile_s_key_goes_before_the_file(loaded: Loaded) -> None:
    others = {**files("layers/geo"), "C": "ARG X\nFROM $X\n", "layers/geo/Containerfile.j2": "{{"}
    layer = geo(loaded(stack("{on: b, containerfile: C}"), others))
    assert layer.containerfile is not None
    assert layer.containerfile.path == "C"


def test_stacks_without_such_folders_are_as_they_were(loaded: Loaded) -> None:
    layer = geo(loaded(stack(), {"layers/geo.yaml": "x", "layers/other/apt.txt": "not one\n"}))
    assert (layer.apt, layer.pip, layer.containerfile, layer.script) == ((), (), None, None)
    file = geo(loaded(stack(), {"layers/geo": "a file\n"}))
    assert (file.apt, file.script) == ((), None)


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("gone", "'gone' is not there"),
        ("stackyard.yaml", "'stackyard.yaml' is not a folder"),
        ("../x", "'../x' leaves the project's folder"),
        ("/etc", "'/etc' is not relative"),
        ("away", "'away' leads out of the project through a symbolic link"),
    ],
)
def test_folders_that_are_none(refused: Refused, tmp_path: Path, folder: str, told: str) -> None:
    (tmp_path / "away").symlink_to("/etc")
    message = refused(stack(f"{{on: b, folder: {folder}}}"))
    assert f"stackyard.yaml:1: layers.geo.folder: {told}" in message


def test_links_out_of_the_project(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers/geo").symlink_to("/etc")
    assert "layers.geo: its folder: 'layers/geo' leads out of the project" in refused(stack())
    (tmp_path / "layers/geo").unlink()
    (tmp_path / "layers/geo").mkdir()
    for name in ("apt.txt", "requirements.txt", "Containerfile.j2", "run.sh"):
        path = tmp_path / "layers/geo" / name
        path.symlink_to("/etc/passwd")
        assert f"its folder: 'layers/geo/{name}' leads out of the project" in refused(stack())
        path.unlink()
        path.symlink_to("gone")
        assert f"its folder: 'layers/geo/{name}' is not there" in refused(stack())
        path.unlink()
        os.mkfifo(path)
        assert f"its folder: 'layers/geo/{name}' is not a file" in refused(stack())
        path.unlink()


def test_links_inside_the_project_are_followed(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers/geo").symlink_to("../shared")
    is_whole(geo(loaded(stack(), files("shared"))), "layers/geo")


def test_each_layer_has_its_own(loaded: Loaded) -> None:
    text = (
        "layers: {b: {from: debian:12}, geo: {on: b, folder: s}, ml: {on: b, folder: s}}\n"
        "images: {i: {layers: [geo, ml]}}\n"
    )
    layers = loaded(text, {"s/apt.txt": "git\n"}).variants["default"].layers
    assert [layers[name].apt for name in ("b", "geo", "ml")] == [(), ("git",), ("git",)]


def test_what_is_beside_a_dockerfile_is_its_own(loaded: Loaded) -> None:
    beside = {f"layers/geo/{name}": "no !such thing\n" for name in ("apt.txt", "run.sh")}
    others = {**beside, "layers/geo/Dockerfile": "ARG BASE_IMAGE\nFROM $BASE_IMAGE\n"}
    layer = geo(loaded(stack("{on: b, containerfile: layers/geo/Dockerfile}"), others))
    assert (layer.apt, layer.pip, layer.script) == ((), (), None)
