"""`stackyard hub` up to where it needs an engine: what is refused, and how it is said."""

from __future__ import annotations

import socket

from yard import Yard


def refused(yard: Yard, *words: str) -> str:
    done = yard.run("hub", "--offline", *words, code=2)
    return done.err


def test_nothing_to_offer(locked: Yard) -> None:
    text = refused(locked, "left")
    assert "left: no image has a `profile:`" in text
    assert "hint:" in text


def test_an_unknown_target_gets_the_nearest(locked: Yard) -> None:
    assert "did you mean both?" in refused(locked, "bth")


def test_a_taken_port(built: Yard) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 cannot be had" in refused(built, f"--port={port}")


def test_what_is_no_requirement(locked: Yard) -> None:
    assert "--with '-r x' is no requirement" in refused(locked, "--with=-r x")


def test_no_engine(built: Yard) -> None:
    done = built.run("hub", "--offline", code=3, env={"PATH": str(built.root)})
    assert "docker is not installed\npodman is not installed" in done.err
    assert "docker: install it (apt-get install docker.io); podman: install it" in done.err
