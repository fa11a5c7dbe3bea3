"""KubeSpawner itself loads the configuration."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deliverycases import NASTY, offered, the_list
from hubcases import CAMPUS
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.hub.delivery.formats import deliver
from stackyard.hub.delivery.pythontext import literal
from stackyard.hub.delivery.shape import Settings

HERE = Path(__file__).parent
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # The file is UTF-8, which has no surrogates.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
)


def loaded(text: str, folder: Path) -> Any:
    (folder / "profiles.py").write_text(text)
    (folder / "jupyterhub_config.py").write_text('load_subconfig("profiles.py")\n')
    words = [sys.executable, str(HERE / "hubconfig.py"), str(folder / "jupyterhub_config.py")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("of", [CAMPUS, NASTY], ids=["campus", "nasty"])
def test_kubespawner_loads_the_list(of: Any, tmp_path: Path) -> None:
    text = deliver("kubespawner", of, offered(of), Settings(pull_secrets=("a", "b.c"))).text
    found = loaded(text, tmp_path)
    assert found["list"] == the_list(of)
    assert found["secrets"] == ["a", "b.c"]
    assert found["form"] == [profile["slug"] for profile in the_list(of)]


def test_without_pull_secrets_those_of_the_hub_stay() -> None:
    assert "image_pull_secrets" not in deliver("kubespawner", CAMPUS, offered(CAMPUS)).text


def test_a_name_of_the_stack_file_does_not_choose_the_files_encoding(tmp_path: Path) -> None:
    named = replace(CAMPUS, path=Path("/campus/coding: utf-16\nevil()"))
    for format_name in ("kubespawner", "dockerspawner"):
        text = deliver(format_name, named, offered(CAMPUS)).text
        assert "evil" in text
        compile(text.encode(), "profiles.py", "exec")
        calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "evil"]


@settings(deadline=None)
@given(JSON)
def test_literals_are_what_they_were(value: Any) -> None:
    text = literal(value)
    assert ast.literal_eval(text) == value
    assert repr(ast.literal_eval(text)) == repr(value)
    assert ast.literal_eval(text.encode().decode()) == value
