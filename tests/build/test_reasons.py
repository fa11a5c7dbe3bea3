"""Reasons are told in the stack file's words."""

from __future__ import annotations

from stackyard.build.reasons import changes


def test_an_update_an_addition_and_a_removal() -> None:
    before = {"pandas": "2.3.2", "numpy": "2.4", "fastparquet": "1"}
    now = {"pandas": "2.3.3", "numpy": "2.4", "pyarrow": "22.0"}
    assert changes(before, now) == "pandas 2.3.2 → 2.3.3, + pyarrow 22.0, - fastparquet"


def test_a_hash_is_only_said_to_have_changed() -> None:
    assert changes({"/etc/motd": "a" * 64}, {"/etc/motd": "b" * 64}) == "/etc/motd changed"


def test_many_changes_are_counted() -> None:
    now = {f"p{i:02}": "1" for i in range(20)}
    assert changes({}, now) == "+ p00 1, + p01 1, + p02 1, + p03 1, and 16 more"


def test_no_change_is_no_reason() -> None:
    assert changes({"a": "1"}, {"a": "1"}) == ""
