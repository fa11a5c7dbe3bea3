from __future__ import annotations

import pytest

from stackyard.errors import InputError
from stackyard.system.mirror import ORDINARY, VARIABLE, Mirror, mirror, sources


def test_the_ordinary_mirror(monkeypatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert mirror() == ORDINARY
    assert sources("trixie", ORDINARY) == (
        "deb http://deb.debian.org/debian trixie main\n"
        "deb http://deb.debian.org/debian trixie-updates main\n"
        "deb http://security.debian.org/debian-security trixie-security main\n"
    )


def test_a_sites_own(monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "https://mirror.example.org/debian/")
    assert mirror() == Mirror(
        "https://mirror.example.org/debian", "https://mirror.example.org/debian-security"
    )


@pytest.mark.parametrize(
    "value",
    ["mirror", "file:///srv", "http://a b", "http://a\ndeb http://evil x main", "http://[x"],
)
def test_what_is_no_url(monkeypatch, value: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(InputError, match=VARIABLE) as raised:
        mirror()
    assert "evil" not in str(raised.value)
