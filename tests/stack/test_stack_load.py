from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.errors import Position
from stackyard.stack.load import load
from stackyard.stack.values import (
    BaseSource,
    Containerfile,
    FileEntry,
    Healthcheck,
    Profile,
    Stack,
    Target,
    User,
)

Loaded = Callable[..., Stack]

CAMPUS = """\
registry: ghcr.io/{{ org }}/hub
platforms: [linux/amd64, linux/arm64]
vars: {suite: bookworm, org: acme}
variants:
  py311: {suite: bookworm, python: "3.11"}
  py313: {suite: trixie, python: 3.13.1}
layers:
  base:
    from: {debian: "{{ suite }}"}
    apt: [tini, {when: "suite == 'trixie'", value: [aa, bb]}]
    env: {LANG: C.UTF-8, VERSION: 3.10, DEBUG: true, WHO: "{{ variant }}/{{ layer }}"}
  singleuser:
    on: base
    user: {name: jovyan, uid: 1000, gid: 100}
    pip: ["jupyterhub==5.*", "jupyterlab>=4.4,<5"]
    workdir: /home/jovyan/
    entrypoint: [tini, -g, --]
    cmd: jupyterhub-singleuser --debug
    healthcheck: {test: curl -f localhost, interval: 1m30s, timeout: 500ms, retries: 3}
  science: {on: singleuser, pip: [numpy]}
  geo: {on: [science], pip: [geopandas], apt: [gdal-bin], labels: {org.acme: geo}}
  ml:
    on: science
    pip: requirements/ml.txt
    files:
      - {from: conf, to: /etc/conf, mode: "0640", owner: "1000:100"}
      - {from: conf/a, to: /opt/}
    run: update-ca-certificates
    test: ["python -c 'import torch'"]
images:
  default:
    layers: science
    variants: [py313]
    profile: {display_name: "{{ image }} on {{ suite }}", default: true}
  geo-ml:
    layers: [ml, geo]
    labels: {a: b}
    profile:
      display_name: Both
      kubespawner_override: {mem_limit: 8G, cpu_limit: 2, x: [{y: "{{ suite }}"}]}
"""
OTHERS = {"requirements/ml.txt": "torch  # heavy\n", "conf/a": "x"}


@pytest.fixture
def campus(loaded: Loaded) -> Stack:
    return loaded(CAMPUS, OTHERS)


def test_the_whole(campus: Stack, tmp_path: Path) -> None:
    assert campus.path == tmp_path / "stackyard.yaml"
    assert campus.root == tmp_path
    assert campus.registry == "ghcr.io/acme/hub"
    assert campus.platforms == ("linux/amd64", "linux/arm64")
    assert campus.image_variants == {"default": ("py313",), "geo-ml": ("py311", "py313")}
    assert (campus.layer_budget, campus.bytecode) == (60, True)
    assert len(campus.targets) == 6
    assert campus.targets[0] == Target("default", "py313", "linux/amd64")
    assert campus.image(campus.targets[0]).name == "default"


def test_variants_have_their_variables_and_only_their_images(campus: Stack) -> None:
    one, two = campus.variants["py311"], campus.variants["py313"]
    assert one.variables == {"suite": "bookworm", "org": "acme", "python": "3.11"}
    assert (one.python, two.python) == ("3.11", "3.13")
    assert list(one.images) == ["geo-ml"]
    assert list(two.images) == ["default", "geo-ml"]
    assert one.layers["base"].base == BaseSource("debian", "bookworm")
    assert two.layers["base"].base == BaseSource("debian", "trixie")
    assert one.layers["base"].apt == ("tini",)
    assert two.layers["base"].apt == ("tini", "aa", "bb")
    assert one.layers["base"].env == {
        "LANG": "C.UTF-8", "VERSION": "3.10", "DEBUG": "true", "WHO": "py311/base",
    }  # fmt: skip


def test_layers_without_templates_are_shared_by_the_variants(campus: Stack) -> None:
    one, two = campus.variants["py311"].layers, campus.variants["py313"].layers
    assert one["ml"] is two["ml"]
    assert one["base"] is not two["base"]


def test_a_diamond_is_stacked_once(campus: Stack) -> None:
    image = campus.variants["py311"].images["geo-ml"]
    assert image.layers == ("ml", "geo")
    assert image.closure == ("base", "singleuser", "science", "geo", "ml")
    assert image.base == "base"
    assert image.labels == {"a": "b"}
    assert tuple(campus.variants["py311"].layers) == image.closure


def test_layers(campus: Stack, tmp_path: Path) -> None:
    layers = campus.variants["py311"].layers
    single, ml, geo = layers["singleuser"], layers["ml"], layers["geo"]
    assert single.user == User("jovyan", 1000, 100, "/home/jovyan", "/bin/bash")
    assert single.workdir == "/home/jovyan"
    assert single.entrypoint == ("tini", "-g", "--")
    assert single.cmd == ("/bin/sh", "-c", "jupyterhub-singleuser --debug")
    assert single.healthcheck == Healthcheck(("CMD-SHELL", "curl -f localhost"), 90, 0.5, None, 3)
    assert single.where == Position(str(tmp_path / "stackyard.yaml"), 12, 3)
    assert ml.pip == ("torch",)
    assert ml.files == (
        FileEntry("conf", "/etc/conf", 0o640, 1000, 100),
        FileEntry("conf/a", "/opt/a"),
    )
    assert ml.test == ("python -c 'import torch'",)
    assert (ml.run, ml.containerfile, ml.script) == (("update-ca-certificates",), None, None)
    assert (geo.apt, geo.bootstrapped) == (("gdal-bin",), ())
    assert layers["base"].bootstrapped == layers["base"].apt == ("tini",)
    assert geo.labels == {"org.acme": "geo"}


def test_profiles(campus: Stack) -> None:
    images = campus.variants["py313"].images
    assert images["default"].profile == Profile("default on trixie", "", True)
    override = {"mem_limit": "8G", "cpu_limit": 2, "x": [{"y": "trixie"}]}
    assert images["geo-ml"].profile == Profile("Both", kubespawner_override=override)


def test_a_stack_without_variants_has_one(loaded: Loaded) -> None:
    stack = loaded("layers: {b: {from: ghcr.io/acme/b:1}}\nimages: {i: {layers: [b]}}\n")
    assert list(stack.variants) == ["default"]
    assert [str(target) for target in stack.targets] == ["i:default"]
    assert (stack.registry, stack.platforms) == (None, ("linux/amd64",))
    assert stack.variants["default"].layers["b"].base == BaseSource("registry", "ghcr.io/acme/b:1")
    assert stack.variants["default"].python is None


@pytest.mark.parametrize(
    ("base", "source"),
    [
        ("{rootfs: x/root.tar}", BaseSource("rootfs", "x/root.tar")),
        ("{oci: x}", BaseSource("oci", "x")),
        ("debian:12", BaseSource("registry", "debian:12")),
    ],
)
def test_apt_above_anything_but_a_suite_is_a_step(
    loaded: Loaded, base: str, source: BaseSource
) -> None:
    text = f"layers: {{b: {{from: {base}, apt: tini}}}}\nimages: {{i: {{layers: b}}}}\n"
    layer = loaded(text, {"x/root.tar": ""}).variants["default"].layers["b"]
    assert (layer.base, layer.apt, layer.bootstrapped) == (source, ("tini",), ())


def test_variables_may_refer_to_others_whatever_the_order(loaded: Loaded) -> None:
    stack = loaded("""
        vars:
          tag: "{{ name }}-{{ variant }}"
          name: "{{ parts[0] }}"
          parts: ["{{ x }}", {when: x, value: 1}]
        variants: {v: {x: one}, w: {x: two}}
        layers: {b: {from: "acme/{{ tag }}"}}
        images: {i: {layers: [b]}}
        """)
    assert [v.layers["b"].base.value for v in stack.variants.values()] == [  # type: ignore[union-attr]
        "acme/one-v", "acme/two-w",
    ]  # fmt: skip


def test_a_layer_is_rendered_only_for_the_variants_that_use_it(loaded: Loaded) -> None:
    stack = loaded("""
        variants: {plain: {}, gpu: {cuda: "12"}}
        layers:
          b: {from: debian:12}
          cuda: {on: b, env: {CUDA: "{{ cuda }}"}}
        images:
          i: {layers: b}
          g: {layers: cuda, variants: gpu}
        """)
    assert list(stack.variants["plain"].layers) == ["b"]
    assert stack.variants["gpu"].layers["cuda"].env == {"CUDA": "12"}


def test_includes_bring_definitions_and_their_paths_are_relative_to_them(loaded: Loaded) -> None:
    stack = loaded(
        "include: [layers/*/layer.yaml, more.yaml]\nlayers: {b: {from: debian:12}}\n",
        {
            "layers/geo/layer.yaml": """
                layers:
                  geo:
                    on: b
                    pip: req.txt
                    files: [{from: etc, to: /etc/geo}]
                    containerfile: C
                """,
            "layers/geo/req.txt": "rasterio\n-r ../../all.txt\n",
            "layers/geo/etc": "",
            "layers/geo/C": "ARG PARENT\nFROM $PARENT\n",
            "layers/none/other.yaml": "nonsense",
            "layers/.hidden/layer.yaml": "nonsense",
            "all.txt": "numpy\n",
            "more.yaml": """
                vars: {v: x}
                variants: {one: {}}
                images: {i: {layers: geo, labels: {v: '{{ v }}'}}}
                """,
        },
    )
    [variant] = stack.variants.values()
    geo = variant.layers["geo"]
    assert geo.pip == ("rasterio", "numpy")
    assert geo.files == (FileEntry("layers/geo/etc", "/etc/geo"),)
    text = "ARG PARENT\nFROM $PARENT\n"
    assert geo.containerfile == Containerfile("layers/geo/C", text, "PARENT")
    assert geo.where.file.endswith("layers/geo/layer.yaml")
    assert variant.images["i"].labels == {"v": "x"}


def test_messages_name_files_as_they_were_asked_for(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded("include: a.yaml\nimages: {i: {layers: b}}\n", {"a.yaml": "layers: {b: {from: x}}"})
    monkeypatch.chdir(tmp_path)
    stack = load(Path("stackyard.yaml"))
    assert str(stack.variants["default"].layers["b"].where) == "a.yaml:1"


def test_a_large_stack_loads(loaded: Loaded) -> None:
    layers = "".join(
        f"  l{n}:\n    on: {'base' if n < 20 else f'l{n // 2}'}\n    pip: [numpy>=1, p{n}==1.{n}]\n"
        f"    env: {{V: '{{{{ flavour }}}}-{n}'}}\n"
        for n in range(1, 300)
    )
    images = "".join(
        f"  i{n}: {{layers: [l{3 * n + 1}, l{(3 * n + 2) % 300}, l{(3 * n + 3) % 300 or 1}],"
        f" profile: {{display_name: 'I {n} {{{{ variant }}}}'}}}}\n"
        for n in range(100)
    )
    variants = "".join(f"  v{n}: {{flavour: f{n}}}\n" for n in range(10))
    text = f"variants:\n{variants}layers:\n  base: {{from: debian:12}}\n{layers}images:\n{images}"
    stack = loaded(text)
    assert len(stack.targets) == 1000
