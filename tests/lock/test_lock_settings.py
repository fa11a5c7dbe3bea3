"""Whose index settings count."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.lock.settings import PYPI, IndexSettings
from stackyard.lock.settings import read_settings as read


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pip").mkdir()
    (tmp_path / "uv").mkdir()
    return tmp_path


def read_settings(environ: dict[str, str]) -> IndexSettings:
    return read(environ, Path(environ["HOME"]) / "no-system-settings")


def env(home: Path, **more: str) -> dict[str, str]:
    base = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CONFIG_DIRS": str(home / "etc")}
    return {**base, "VIRTUAL_ENV": str(home / "venv")} | more


def test_nothing_set(home: Path) -> None:
    found = read_settings(env(home, PIP_CONFIG_FILE="/dev/null"))
    assert (found.default, found.extra, found.find_links) == (PYPI, (), ())
    assert found.environ == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_pip_files_then_variables(home: Path) -> None:
    (home / "etc" / "pip").mkdir(parents=True)
    (home / "etc" / "pip" / "pip.conf").write_text("[global]\nindex-url = https://a.example/s\n")
    (home / "pip" / "pip.conf").write_text(
        "[global]\nindex_url = https://b.example/s\nextra-index-url =\n  https://c.example/s\n"
        "  file:///d\n[install]\nfind-links = /e\ntrusted-host = c.example\n"
    )
    found = read_settings(env(home))
    assert found.default == "https://b.example/s"
    assert found.extra == ("https://c.example/s", "file:///d")
    assert found.find_links == ("/e",)
    assert found.environ == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://b.example/s",
        "UV_INDEX": "https://c.example/s file:///d",
        "UV_FIND_LINKS": "/e",
        "UV_INSECURE_HOST": "c.example",
    }
    assert (
        read_settings(env(home, PIP_INDEX_URL="https://z.example")).default == "https://z.example"
    )


def test_pip_config_file_replaces_the_users(home: Path) -> None:
    (home / "pip" / "pip.conf").write_text("[global]\nindex-url = https://b.example/s\n")
    other = home / "other.conf"
    other.write_text("[global]\nextra-index-url = https://o.example/s\n")
    found = read_settings(env(home, PIP_CONFIG_FILE=str(other)))
    assert (found.default, found.extra) == (PYPI, ("https://o.example/s",))


def test_uv_wins_for_its_kind_only(home: Path) -> None:
    settings = env(
        home,
        PIP_CONFIG_FILE="/dev/null",
        PIP_INDEX_URL="https://pip.example/s",
        PIP_EXTRA_INDEX_URL="https://pipextra.example/s",
        UV_DEFAULT_INDEX="https://uv.example/s",
    )
    found = read_settings(settings)
    assert found.default == "https://uv.example/s"
    assert found.extra == ("https://pipextra.example/s",)
    assert "UV_DEFAULT_INDEX" not in found.environ


def test_uv_toml_and_named_credentials(home: Path) -> None:
    (home / "uv" / "uv.toml").write_text(
        'index-strategy = "first-index"\n[[index]]\nname = "in-house"\nurl = "https://i.example/s"\n'
        '[[index]]\nname = "main"\nurl = "https://m.example/s"\ndefault = true\n'
        '[[index]]\nname = "torch"\nurl = "https://t.example/s"\nexplicit = true\n'
    )
    login = {"UV_INDEX_IN_HOUSE_USERNAME": "me", "UV_INDEX_IN_HOUSE_PASSWORD": "p@ss"}
    found = read_settings(env(home, PIP_CONFIG_FILE="/dev/null", **login))
    assert found.default == "https://m.example/s"
    assert found.extra == ("https://me:p%40ss@i.example/s",)
    assert found.strategy == "first-index"
    assert found.environ == {"UV_INDEX_STRATEGY": "first-index"}


def test_no_index(home: Path) -> None:
    found = read_settings(env(home, PIP_CONFIG_FILE="/dev/null", PIP_NO_INDEX="1"))
    assert found.indexes == ()


@pytest.mark.parametrize("path", ["pip/pip.conf", "uv/uv.toml"])
def test_damaged_files(home: Path, path: str) -> None:
    (home / path).write_text("[[[\n")
    with pytest.raises(InputError, match="reading"):
        read_settings(env(home))


def test_scrub() -> None:
    settings = IndexSettings(default="https://me:p%40ss@i.example/s")
    said = settings.scrub("https://me:p%40ss@i.example/s/x and p%40ss and p@ss")
    assert said == "https://i.example/s/x and **** and ****"
