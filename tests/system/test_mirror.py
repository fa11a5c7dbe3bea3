from __future__ import annotations

import pytest

from stackyard.errors import InputError
from stackyard.system.mirror import SNAPSHOTS, VARIABLE, mirror, sources_for, sources_kept

MOMENT = "20260115T000000Z"
TODAYS = (
    "deb http://deb.debian.org/debian trixie main\n"
    "deb http://deb.debian.org/debian trixie-updates main\n"
    "deb http://security.debian.org/debian-security trixie-security main\n"
)
HELD = (
    f"deb [check-valid-until=no] {{0}}/debian/{MOMENT}/ trixie main\n"
    f"deb [check-valid-until=no] {{0}}/debian/{MOMENT}/ trixie-updates main\n"
    f"deb [check-valid-until=no] {{0}}/debian-security/{MOMENT}/ trixie-security main\n"
)
DEBIANS = HELD.format("http://snapshot.debian.org/archive")


@pytest.fixture(autouse=True)
def _ordinary(monkeypatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(SNAPSHOTS, raising=False)


def test_the_ordinary_mirror() -> None:
    assert sources_for("trixie", "") == sources_kept("trixie", "") == TODAYS


def test_the_ordinary_snapshots() -> None:
    assert sources_for("trixie", MOMENT) == sources_kept("trixie", MOMENT) == DEBIANS


def test_a_sites_own_is_fetched_from_and_does_not_stay(monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "https://mirror.example.org/debian/")
    found = [line.split()[1] for line in sources_for("trixie", "").splitlines()]
    assert found == [
        "https://mirror.example.org/debian",
        "https://mirror.example.org/debian",
        "https://mirror.example.org/debian-security",
    ]
    assert sources_kept("trixie", "") == TODAYS
    assert sources_for("trixie", MOMENT) == DEBIANS


def test_a_sites_own_snapshots(monkeypatch) -> None:
    monkeypatch.setenv(SNAPSHOTS, "https://user:pass@mirror.example.org/old/")
    assert sources_for("trixie", MOMENT) == HELD.format("https://user:pass@mirror.example.org/old")
    assert sources_kept("trixie", MOMENT) == DEBIANS
    assert sources_for("trixie", "") == TODAYS


def test_keys_and_age_are_told_together() -> None:
    line = sources_for("trixie", MOMENT, keys="/k.gpg").splitlines()[0]
    assert line.startswith("deb [signed-by=/k.gpg check-valid-until=no] http")
    assert sources_for("trixie", "", keys="/k.gpg").startswith("deb [signed-by=/k.gpg] http")


@pytest.mark.parametrize(("variable", "snapshot"), [(VARIABLE, ""), (SNAPSHOTS, MOMENT)])
@pytest.mark.parametrize(
    "value",
    ["mirror", "file:///srv", "http://a b", "http://a\ndeb http://evil x main", "http://[x"],
)
def test_what_is_no_url(monkeypatch, variable: str, snapshot: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=variable) as raised:
        mirror(snapshot)
    assert "evil" not in str(raised.value)


@pytest.mark.parametrize(
    "snapshot", ["today", "20260115", "20260115T000000Z/x", "2026011\u0966T000000Z"]
)
def test_what_is_no_moment(snapshot: str) -> None:
    for told in (sources_for, sources_kept):
        with pytest.raises(InputError, match="no moment"):
            told("trixie", snapshot)
