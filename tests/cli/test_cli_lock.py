"""`stackyard lock`."""

from __future__ import annotations

import pytest
from yard import STACK, Yard, base_tar


def test_checking_needs_no_index_and_no_store(locked: Yard) -> None:
    locked.index.answer = lambda _: (500, {})
    locked.index.requests.clear()
    assert locked.run("lock", "--check").lines == ["stackyard.lock is up to date"]
    locked.change("pip: [lefty]", "pip: [lefty, extra]")
    told = locked.fail("lock", "--check", code=1)
    assert "default: layer left now asks for extra" in told
    assert "hint: run `stackyard lock`" in told
    (locked.root / "stackyard.lock").unlink()
    assert "stackyard.lock is missing" in locked.fail("lock", "--check", code=1)
    assert locked.index.requests == []


def test_locking_again_moves_only_what_has_to(locked: Yard) -> None:
    before = locked.lock
    for name in ("core", "app", "lefty", "shared"):
        locked.index.add(name, "2.0", ["core"] if name in ("app", "lefty") else [])
    assert locked.run("lock").lines == ["stackyard.lock is up to date: nothing moved"]
    assert locked.lock == before
    locked.change("pip: [righty]", 'pip: [righty, "shared>=2"]')
    assert locked.run("lock").lines == ["default: shared 1.0 → 2.0", "wrote stackyard.lock"]
    assert locked.run("lock", "--upgrade", "app").lines[0] == "default: app 1.0 → 2.0"
    assert "core 1.0" not in locked.lock
    moved = locked.run("lock", "--upgrade").out
    assert "core 1.0 → 2.0" in moved
    assert "lefty 1.0 → 2.0" in moved
    assert "hint" in locked.fail("lock", "--upgrade", "nobody", code=2)


def test_the_lock_names_no_host(locked: Yard) -> None:
    assert "127.0.0.1" not in locked.lock.replace("127.0.0.1:1/hub", "")
    assert str(locked.root) not in locked.lock


def test_a_base_that_is_not_what_it_was(locked: Yard) -> None:
    (locked.root / "base.tar").write_bytes(base_tar(more={"etc/new": ""}))
    told = locked.fail("build", "top", code=2)
    assert "rootfs base.tar is no longer what was locked" in told
    assert "hint: run `stackyard lock`" in told
    locked.run("lock")
    locked.run("build", "top")


def test_a_base_without_python_or_with_another_one(yard: Yard) -> None:
    yard.stack(STACK + 'variants: {old: {python: "3.9"}}\n')
    told = yard.fail("lock", code=2)
    assert "3.9" in told
    assert "hint: " in told
    yard.stack(STACK)
    (yard.root / "base.tar").write_bytes(base_tar("2.7"))
    assert "the base" in yard.fail("lock", code=2)
    (yard.root / "base.tar").unlink()
    assert "base.tar" in yard.fail("lock", code=2)
    assert not (yard.root / "stackyard.lock").exists()


@pytest.mark.parametrize(
    ("requirement", "told"),
    [("nobody-has-this", "nobody-has-this"), ("core>=7", "core>=7"), ("a b c", "a b c")],
)
def test_a_requirement_that_cannot_be_met(yard: Yard, requirement: str, told: str) -> None:
    yard.change("pip: [lefty]", f'pip: ["{requirement}"]')
    text = yard.fail("lock", code=2)
    assert told in text
    assert "stackyard.yaml:" in text
    assert "hint: " in text
    assert not (yard.root / "stackyard.lock").exists()
