"""Tags and the choice among wheels."""

from __future__ import annotations

import platform

import pytest
from packaging.tags import parse_tag, sys_tags

from stackyard.lock.tags import choose, ranks

X86 = ranks("3.11", "x86_64", "2.36")
ARM = ranks("3.11", "aarch64", "2.36")


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("cp311-cp311-manylinux_2_36_x86_64", True),
        ("cp311-cp311-manylinux_2_37_x86_64", False),
        ("cp311-cp311-manylinux2014_x86_64", True),
        ("cp311-cp311-manylinux1_x86_64", True),
        ("cp311-cp311-linux_x86_64", True),
        ("cp311-cp311-musllinux_1_2_x86_64", False),
        ("cp311-cp311-manylinux_2_17_aarch64", False),
        ("cp38-abi3-manylinux_2_28_x86_64", True),
        ("cp312-abi3-manylinux_2_28_x86_64", False),
        ("cp312-cp312-manylinux_2_28_x86_64", False),
        ("cp311-cp311d-linux_x86_64", False),
        ("py3-none-any", True),
        ("py311-none-any", True),
        ("py2.py3-none-manylinux_2_12_x86_64", True),
        ("cp311-cp311-win_amd64", False),
    ],
)
def test_fits(tag: str, fits: bool) -> None:
    assert any(t in X86 for t in parse_tag(tag)) is fits


def test_packaging_agrees_for_this_interpreter() -> None:
    mine = ranks(platform.python_version(), platform.machine(), platform.libc_ver()[1])
    assert set(mine) == {t for t in sys_tags() if "musllinux" not in t.platform}


def test_choice() -> None:
    names = [f"p-1-{t}.whl" for t in ("py3-none-any", "cp311-cp311-manylinux2014_x86_64")]
    assert choose([*names, "not a wheel", "p-1-bad.whl"], X86) == names[1]
    assert choose(names, ARM) == names[0]
    assert choose(names[1:], ARM) is None
    assert choose([names[1], "p-1-2-cp311-cp311-manylinux2014_x86_64.whl"], X86) == (
        "p-1-2-cp311-cp311-manylinux2014_x86_64.whl"
    )
