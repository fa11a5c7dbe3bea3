from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.stack.load import load

Refused = Callable[..., str]

BASE = "layers: {b: {from: debian:12}}\nimages: {i: {layers: [b]}}\n"


def layer(text: str) -> str:
    """A stack whose one layer has these keys, from line 3."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return f"layers:\n  b:\n{lines}    from: debian:12\nimages: {{i: {{layers: [b]}}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("layer: {}\n" + BASE, 1, "layer: unknown key 'layer'\n  hint: did you mean 'layers'?"),
        (layer("aptt: [x]"), 3, "layers.b.aptt: unknown key 'aptt'\n  hint: did you mean 'apt'?"),
        (layer("user: {nam: x, uid: 1}"), 3, "unknown key 'nam' (did you mean 'name'?)"),
        (layer("apt: {tini: 1}"), 3, "layers.b.apt: found a mapping, expected a list"),
        (layer("env: [A=b]"), 3, "layers.b.env: found a list, expected a mapping"),
        (layer("env: {A: }"), 3, "layers.b.env.A: found nothing, expected text"),
        (layer("env: {A B: c}"), 3, "expected an environment variable's name"),
        (layer("user: {name: x, uid: 2147483648}"), 3, "a whole number from 0 to 2147483647"),
        (layer("user: {name: x, uid: -1}"), 3, "found -1, expected a whole number"),
        (layer("user: {name: Ünal, uid: 1}"), 3, "expected an account's name"),
        (layer("user: {name: x}"), 3, "layers.b.user: the key 'uid' is missing"),
        (layer("user: {name: x, uid: 1, home: x}"), 3, "'x' is not an absolute path"),
        (layer("workdir: home"), 3, "layers.b.workdir: 'home' is not an absolute path"),
        (layer("workdir: /a/../b"), 3, "has a '..'"),
        (layer("healthcheck: {test: x, interval: often}"), 3, "expected a duration"),
        (layer("pip: [numpy, 'pandas>=']"), 3, "layers.b.pip[1]: 'pandas>=' is not a requirement"),
        (layer("pip: ['-e .']"), 3, "editable"),
        (layer("pip: none.txt"), 3, "layers.b.pip: 'none.txt' is not there"),
        (layer("pip: ../up.txt"), 3, "leaves the project"),
        (layer("files: [{from: none, to: /x}]"), 3, "layers.b.files[0].from: 'none' is not there"),
        (layer("files:\n- {from: stackyard.yaml, to: x}"), 4, "'x' is not an absolute path"),
        (layer("files: [{from: /etc/passwd, to: /x}]"), 3, "'/etc/passwd' is not relative"),
        (layer("files: [{from: ../x, to: /x}]"), 3, "'../x' leaves the project's folder"),
        (layer("files: [{from: a/../../x, to: /x}]"), 3, "leaves the project's folder"),
        (layer("files: [{from: stackyard.yaml, to: /a/../../x}]"), 3, "has a '..'"),
        (layer("files: [{from: stackyard.yaml, to: /x, mode: 0999}]"), 3, "octal digits"),
        (layer("files: [{from: stackyard.yaml, to: /x, mode: rwx}]"), 3, "octal digits"),
        (layer("files: [{from: stackyard.yaml, to: /x, owner: root}]"), 3, "numeric ids"),
        (layer("files: [{from: stackyard.yaml, to: /x, owner: '1:2147483648'}]"), 3, "numeric ids"),
        (layer("containerfile: none"), 3, "layers.b.containerfile: 'none' is not there"),
        (layer("env: {A: '{{ suit }}'}"), 3, "layers.b.env.A: 'suit' is undefined"),
        (layer("env: {A: \"{{ ''.__class__ }}\"}"), 3, "not allowed"),
        (layer("env: {A: '{{ range(10**9) | list }}'}"), 3, "not allowed"),
        (layer("apt: [{when: nope, value: x}]"), 3, "layers.b.apt[0].when: 'nope' is undefined"),
        (layer("apt: [{when: true}]"), 3, "layers.b.apt[0]: found a mapping, expected a Deb"),
        (layer("on: c"), 3, "layers.b.on: there is no layer 'c'"),
        (layer("on: b"), 3, "'from' stands on nothing"),
        ("layers: {b: {from: {debian: potato}}}\nimages: {i: {layers: b}}", 1, "one of bullseye"),
        ("layers: {b: {from: {debian: trixie, oci: .}}}\nimages: {i: {layers: b}}", 1, "one of"),
        ("layers: {b: {from: {oci: gone}}}\nimages: {i: {layers: b}}", 1, "'gone' is not there"),
        ("layers: {b: {from: 'https://x/y'}}\nimages: {i: {layers: b}}", 1, "an image reference"),
        ("layers: {b: {from: x}, Big: {on: b}}\nimages: {i: {layers: b}}", 1, "found 'Big'"),
        ("layers: {b: }\nimages: {i: {layers: b}}", 1, "layers.b: found nothing, expected a map"),
        ("layers: [b]\nimages: {i: {layers: b}}", 1, "layers: found a list, expected a mapping"),
        ("layers: {b: {from: x}}\n", 1, "there are no images"),
        ("layers: {b: {from: x}}\nimages: {i: {}}", 2, "images.i: the key 'layers' is missing"),
        ("layers: {b: {from: x}}\nimages: {i: {layers: []}}", 2, "expected at least one item"),
        ("layers: {b: {from: x}}\nimages: {i: {layers: [bb]}}", 2, "there is no layer 'bb'"),
        ("layers: {b: {env: {}}}\nimages: {i: {layers: b}}", 2, "none of its layers has a base"),
        (BASE + "variants: {v: }\nplatforms: linux/arm", 4, "expected linux/amd64 or linux/arm64"),
        (BASE + "registry: https://ghcr.io/acme", 3, "a registry and a path without https://"),
        (BASE + "layer_budget: 500", 3, "expected a whole number from 5 to 120"),
        (BASE + "bytecode: maybe", 3, "expected true or false"),
        (BASE + "variants: {V1: {}}", 3, "found 'V1', expected a name"),
        (BASE + "variants: {'a:b': {}}", 3, "found 'a:b', expected a name"),
        (BASE + "vars: {image: x}", 3, "found 'image', expected a variable's name"),
        (BASE + "vars: {a-b: x}", 3, "expected a variable's name"),
        (BASE + "vars: {a: '{{ b }}'}", 3, "vars.a: 'b' is undefined"),
        (BASE + "vars: {a: '{{ b }}', b: '{{ a }}'}", 3, "the variables refer to each other: "),
        (BASE + "vars: {a: '{{ a }}'}", 3, "a → a"),
        (BASE + "vars: {python: 3.10}", 3, "3.10 without quotes is the number 3.1"),
        (BASE + "vars: {python: three}", 3, 'expected a version such as "3.11"'),
        (BASE + "include: gone.yaml", 3, "'gone.yaml' is not there"),
        (BASE + "include: gone/*.yaml", 3, "'gone' is not there"),
        (BASE + "include: ../*.yaml", 3, "leaves the project's folder"),
        (BASE + "include: /etc/*.yaml", 3, "is not relative"),
        (BASE + "include: stackyard.yaml", 3, "includes itself: stackyard.yaml → stackyard.yaml"),
    ],
)  # fmt: skip
def test_one_thing_wrong(refused: Refused, text: str, line: int, told: str) -> None:
    message = refused(text)
    assert f"stackyard.yaml:{line}: " in message
    assert told in message or told.replace("\n  hint: ", " (") in message


def test_all_that_is_wrong_is_told_with_its_line(refused: Refused) -> None:
    message = refused("""\
        registry: https://x
        layers:
          a: {from: x, atp: [y]}
          b:
            on: aa
            pip: ["x y"]
            user: {name: u, uid: many}
          c: {on: a}
        images:
          i: {layers: [b, cc]}
        """)
    first, *lines = message.splitlines()
    assert first == "the stack file has 4 errors:"
    told = [(int(line.split(": ")[0].rsplit(":", 1)[1]), line) for line in lines]
    for (number, line), (place, key) in zip(
        told,
        [(1, "registry"), (3, "layers.a.atp"), (7, "layers.b.user.uid"), (10, "images.i.layers")],
        strict=True,
    ):
        assert number == place
        assert key in line


def test_a_problem_of_some_variants_names_them(refused: Refused) -> None:
    text = "variants: {v: {s: trixie}, w: {s: sid}}\n" + BASE.replace(
        "from: debian:12", "from: {debian: '{{ s }}'}"
    )
    message = refused(text)
    assert "found 'sid'" in message
    assert "[variant w]" in message
    assert "[variant v" not in message
    assert "[variant" not in refused(text.replace("trixie", "sid"))


def test_cycles_are_told_as_a_path(refused: Refused) -> None:
    text = "layers:\n  c: {on: a}\n  a: {on: b}\n  b: {on: c}\nimages: {i: {layers: c}}\n"
    message = refused(text)
    assert "stackyard.yaml:3: layers stand on each other: a → b → c → a" in message
    unused = "  d: {from: x}\nimages: {i: {layers: d}}\n"
    assert "a → b → c → a" in refused(text.replace("images: {i: {layers: c}}\n", unused))
    assert "x → x" in refused("layers: {x: {on: x}}\nimages: {i: {layers: x}}\n")


def test_a_layer_that_no_image_uses(refused: Refused) -> None:
    message = refused("layers:\n  b: {from: x}\n  c: {on: b}\nimages: {i: {layers: b}}\n")
    assert message.endswith(
        "stackyard.yaml:3: layers.c: no image uses it\n  hint: put it into an image, or remove it"
    )


def test_names_that_are_twice(refused: Refused) -> None:
    include = "include: more.yaml\n"
    more = {"more.yaml": "\nlayers: {b: {from: x}}\nimages: {i: {layers: [b]}}\nvars: {v: 1}\n"}
    message = refused(include + BASE + "vars: {v: 1}\n", more)
    for kind, first, second in (("layer 'b'", 2, 2), ("image 'i'", 3, 3), ("variable 'v'", 4, 4)):
        assert f"more.yaml:{second}: the {kind} is here twice; first in " in message
        assert f"stackyard.yaml:{first}" in message
    alike = "layers: {b: {from: x}, b.c: {on: b}, b-c: {on: b}}\nimages: {i: {layers: [b.c, b-c]}}"
    assert "the layers 'b-c' and 'b.c' are too alike" in refused(alike)
    images = "layers: {b: {from: x}}\nimages: {i-1: {layers: b}, i_1: {layers: b}}\n"
    assert "the images 'i_1' and 'i-1' are too alike" in refused(images)
    assert "the key 'b' is here twice" in refused("layers: {b: {}, b: {}}")


def test_includes_that_go_round_or_come_twice(refused: Refused) -> None:
    files = {"a/a.yaml": "include: ../b/b.yaml\n", "b/b.yaml": "include: ../a/a.yaml\n"}
    message = refused("include: a/a.yaml\n" + BASE, files)
    assert "b/b.yaml:1: include: includes itself" in message
    assert "stackyard.yaml → a/a.yaml → b/b.yaml → a/a.yaml" in message
    twice = refused("include: [c/*.yaml, c/c.yaml]\n" + BASE, {"c/c.yaml": ""})
    assert "c/c.yaml is included twice" in twice


def test_an_included_file_is_checked_as_the_stack_file(refused: Refused) -> None:
    for text, told in (
        ("registry: x", "unknown key 'registry'"),
        ("- a", "found a list, expected a mapping"),
        ("a: [", "not valid YAML"),
        ("a: &a [" + "x," * 99 + "]\nb: [" + "*a," * 2000 + "]", "aliases written out"),
    ):
        message = refused("include: in.yaml\n" + BASE, {"in.yaml": text})
        assert "in.yaml:" in message
        assert told in message


def test_links_that_leave_the_project(refused: Refused, tmp_path: Path, project: object) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "x").write_text("numpy\n")
    (outside / "x.yaml").write_text("vars: {stolen: 1}\n")
    (tmp_path / "dir").symlink_to(outside)
    (tmp_path / "x").symlink_to(outside / "x")
    (tmp_path / "link.yaml").symlink_to(outside / "x.yaml")
    (tmp_path / "loop").symlink_to("loop")
    through = "leads out of the project through a symbolic link"
    assert through in refused(layer("files: [{from: dir/x, to: /x}]"))
    assert through in refused(layer("files: [{from: dir, to: /x}]"))
    assert through in refused(layer("files: [{from: x, to: /x}]"))
    assert through in refused(layer("pip: x"))
    assert through in refused(layer("containerfile: x"))
    assert through in refused("include: link.yaml\n" + BASE)
    assert through in refused("include: dir/*.yaml\n" + BASE)
    assert through in refused("include: '*/x.yaml'\n" + BASE)
    assert through in refused(layer("pip: r.txt"), {"r.txt": "-r dir/x\n"})
    assert "is not there" in refused(layer("files: [{from: loop, to: /x}]"))


def test_a_pipe_is_not_waited_for(refused: Refused, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "it is not a file" in refused("include: pipe.yaml\n" + BASE)
    assert "it is not a file" in refused(layer("pip: pipe.yaml"))
    assert "not a file or directory" in refused(layer("files: [{from: pipe.yaml, to: /x}]"))


def test_a_path_from_the_wrong_folder_says_what_it_is_relative_to(refused: Refused) -> None:
    text = "include: l/l.yaml\nlayers: {b: {from: x}}\nimages: {i: {layers: c}}\n"
    files = {"l/l.yaml": "layers: {c: {on: b, pip: l/r.txt}}\n", "l/r.txt": "numpy\n"}
    assert "paths are relative to the file they are written in" in refused(text, files)


def test_accounts_that_contradict_each_other(
    refused: Refused, project: Callable[..., Path]
) -> None:
    def text(other: str) -> str:
        return (
            "layers: {b: {from: x, user: {name: u, uid: 1}},"
            f" c: {{on: b, user: {other}}}}}\nimages: {{i: {{layers: c}}}}\n"
        )

    for other in ("{name: u, uid: 2}", "{name: v, uid: 1}", "{name: u, uid: 1, gid: 5}"):
        message = refused(text(other))
        assert "images.i: accounts that contradict each other: u (1:1, /home/u) in 'b'" in message
        assert "in 'c'" in message
    load(project(text("{name: v, uid: 2}")))
    load(project(text("{name: u, uid: 1}")))


def test_an_image_on_two_bases(refused: Refused) -> None:
    text = "layers: {b: {from: x}, c: {from: y}}\nimages: {i: {layers: [b, c]}}\n"
    message = refused(text)
    assert "images.i: it stands on more than one base: 'b' (" in message


def test_unknown_variants(refused: Refused) -> None:
    image = BASE.replace("[b]", "b, variants: [py311, py331]")
    text = f"variants: {{py311: {{}}, py313: {{}}}}\n{image}"
    message = refused(text)
    assert "stackyard.yaml:3: images.i.variants: there is no variant 'py331'" in message
    assert "did you mean 'py313'?" in message


def test_profiles_that_clash(refused: Refused) -> None:
    text = """\
        layers: {b: {from: x}}
        images:
          i: {layers: b, profile: {display_name: I, default: true, slug: s}}
          j: {layers: b, profile: {display_name: J, default: true, slug: s}}
        """
    message = refused(text)
    assert "stackyard.yaml:4: images.j.profile: 'i' is the default already" in message
    assert "the slug 's' is that of 'i' too" in message
    assert "slug" in refused(text.replace("slug: s", "slug: A B"))


def test_no_stack_file(tmp_path: Path) -> None:
    for path in (tmp_path / "stackyard.yaml", tmp_path / "no" / "stackyard.yaml"):
        with pytest.raises(InputError) as error:
            load(path)
        assert "there is no such file" in str(error.value)


def test_what_a_terminal_would_obey_is_not_printed(refused: Refused) -> None:
    message = refused('"lay\\e[2Jers": {}\n"k\\n": 1\n' + BASE)
    assert "\x1b" not in message
    assert "lay\\x1b[2Jers" in message
    assert len(refused(f"{'k' * 5000}: 1\n" + BASE)) < 2000
