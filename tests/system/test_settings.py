"""What a Containerfile changes of a configuration, said again of another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.oci.documents import canonical, parse
from stackyard.oci.image import RuntimeConfig
from stackyard.system.settings import settings_between, with_settings

WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
NAME = st.sampled_from(["A", "PATH", "LANG", "b"])
WORDS = st.none() | st.lists(WORD, max_size=3).map(tuple)
PLACES = st.sets(st.sampled_from(["/a", "/b", "80/tcp", "81/udp"])).map(lambda s: tuple(sorted(s)))
CHECK = st.none() | st.fixed_dictionaries(
    {"Test": st.sampled_from([["NONE"], ["CMD", "x"], ["CMD-SHELL", "x"]])},
    optional={"Interval": st.integers(1, 9), "Retries": st.integers(1, 9)},
)
CONFIG = st.builds(
    RuntimeConfig,
    env=st.dictionaries(NAME, WORD, max_size=4),
    user=WORD,
    workdir=WORD,
    entrypoint=WORDS,
    cmd=WORDS,
    labels=st.dictionaries(NAME, WORD, max_size=4),
    healthcheck=CHECK,
    exposed_ports=PLACES,
    volumes=PLACES,
    stop_signal=st.sampled_from(["", "SIGINT"]),
    shell=st.none() | st.lists(WORD, min_size=1, max_size=3).map(tuple),
    on_build=st.lists(WORD, max_size=2).map(tuple),
)


def same(config: RuntimeConfig) -> RuntimeConfig:
    """An empty command is none."""
    return replace(config, entrypoint=config.entrypoint or None, cmd=config.cmd or None)


def made(before: RuntimeConfig, after: RuntimeConfig) -> RuntimeConfig:
    """What a Dockerfile can make: variables and labels never go."""
    return replace(after, env={**before.env, **after.env}, labels={**before.labels, **after.labels})


@given(CONFIG, CONFIG)
def test_said_again_of_the_same_it_gives_the_same(
    before: RuntimeConfig, after: RuntimeConfig
) -> None:
    after = made(before, after)
    told = settings_between(before, after)
    assert with_settings(before, told) == same(after)
    assert parse(canonical(told)) == told, "the store can remember it"
    assert with_settings(with_settings(before, told), told) == same(after)


@given(CONFIG, CONFIG)
def test_of_another_it_changes_what_it_tells_and_no_more(
    config: RuntimeConfig, other: RuntimeConfig
) -> None:
    assert settings_between(config, config) == {}
    assert with_settings(other, {}) == same(other)
    user = with_settings(other, settings_between(config, replace(config, user="moved")))
    assert user == (same(other) if config.user == "moved" else replace(same(other), user="moved"))


SHELL = RuntimeConfig(cmd=("bash",))
TINI = RuntimeConfig(env={"A": "1"}, labels={"x": "1"}, entrypoint=("tini",), cmd=("run",))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # ENTRYPOINT takes away the command that it did not have itself
        (SHELL, {"entrypoint": ("tini",), "cmd": None}, {"Cmd": None, "Entrypoint": ["tini"]}),
        (RuntimeConfig(), {"entrypoint": ("a",)}, {"Cmd": None, "Entrypoint": ["a"]}),
        (TINI, {"entrypoint": ("b",)}, {"Cmd": ["run"], "Entrypoint": ["b"]}),
        (TINI, {"entrypoint": (), "cmd": None}, {"Cmd": None, "Entrypoint": None}),
        # CMD alone leaves the entrypoint
        (TINI, {"cmd": ("other",)}, {"Cmd": ["other"]}),
        (TINI, {"cmd": ()}, {"Cmd": None}),
        (TINI, {"env": {"A": "1", "B": "2"}}, {"Env": {"B": "2"}}),
        (TINI, {"env": {"A": "2"}, "labels": {"x": "1", "y": ""}},
         {"Env": {"A": "2"}, "Labels": {"y": ""}}),
        (TINI, {"healthcheck": {"Test": ["NONE"]}}, {"Healthcheck": {"Test": ["NONE"]}}),
        (replace(TINI, on_build=("RUN x",)), {"on_build": ()}, {"OnBuild": None}),
        (TINI, {"shell": ("b", "-c")}, {"Shell": ["b", "-c"]}),
        (TINI, {"exposed_ports": ("1/tcp",)}, {"ExposedPorts": {"1/tcp": {}}}),
    ],
)  # fmt: skip
def test_what_is_told(before: RuntimeConfig, after: dict[str, Any], told: dict[str, Any]) -> None:
    assert settings_between(before, replace(before, **after)) == told


def test_a_new_entrypoint_takes_away_the_command_of_the_layers_below() -> None:
    """A command of a layer in between, which the Containerfile's engine did not see."""
    told = settings_between(RuntimeConfig(), RuntimeConfig(entrypoint=("tini",)))
    assert with_settings(RuntimeConfig(cmd=("jupyterhub",)), told).cmd is None
    told = settings_between(SHELL, RuntimeConfig(entrypoint=("tini",), cmd=("bash",)))
    assert with_settings(RuntimeConfig(cmd=("jupyterhub",)), told).cmd == ("bash",)


def test_variables_and_labels_are_only_added_to() -> None:
    told = settings_between(RuntimeConfig(env={"A": "1"}), RuntimeConfig(env={"A": "1", "B": "2"}))
    mine = RuntimeConfig(env={"Z": "9", "A": "mine"}, labels={"l": "1"})
    assert with_settings(mine, told).env == {"Z": "9", "A": "mine", "B": "2"}
    assert list(with_settings(mine, told).env) == ["Z", "A", "B"]
    assert with_settings(mine, told).labels == {"l": "1"}
