"""`stackyard push` to docker's registry on loopback, and to what is none."""

from __future__ import annotations

import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from registryserver import ask, free_port
from yard import MINOR, STACK, Yard


def to(yard: Yard, registry: str) -> None:
    yard.change("registry: 127.0.0.1:1/hub", f"registry: {registry}/hub")


@pytest.mark.real
def test_builds_pushes_and_pushes_nothing_twice(locked: Yard, registry: str) -> None:
    to(locked, registry)
    done = locked.run("push")
    digests = locked.digests()
    for image in ("top", "left", "both"):
        manifest, digest = ask(registry, f"hub/{image}/manifests/latest")
        assert digest == digests[f"{image}:default linux/amd64"]
        assert ask(registry, f"hub/{image}/manifests/default")[1] == digest
        tags = ask(registry, f"hub/{image}/tags/list")[0]["tags"]
        manifest_key = manifest["annotations"]["io.stackyard.key"]
        assert f"default-{manifest_key[:12]}" in tags
        assert any(tag.startswith(f"default-python-{MINOR}") for tag in tags)
        assert f"{registry}/hub/{image}:default-{manifest_key[:12]}" in done.out
        assert digest in done.out
        assert all(layer["digest"] for layer in manifest["layers"])
    again = locked.run("push", "--json")
    assert "nothing to do" not in again.out
    pushed = [event for event in again.events if event["event"] == "pushed"]
    assert len(pushed) == 3
    assert sum(e["uploaded"] for e in pushed) == 0
    offered = locked.run("profiles").out
    for event in pushed:
        if event["image"] != "left":
            assert event["reference"] in offered


@pytest.mark.real
def test_two_platforms_are_one_index(yard: Yard, registry: str) -> None:
    yard.stack(STACK + "platforms: [linux/amd64, linux/arm64]\n")
    to(yard, registry)
    yard.run("lock")
    yard.run("push", "top")
    index, digest = ask(registry, "hub/top/manifests/latest")
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["amd64", "arm64"]
    digests = yard.digests()
    assert [m["digest"] for m in index["manifests"]] == [
        digests[f"top:default linux/{arch}"] for arch in ("amd64", "arm64")
    ]
    yard.run("build")
    assert digest in yard.run("profiles").out


@pytest.mark.real
def test_a_failed_image_is_not_pushed_and_the_others_are(locked: Yard, registry: str) -> None:
    to(locked, registry)
    locked.index.pages["righty"].clear()
    done = locked.run("push", code=3)
    assert "righty-1.0-py3-none-any.whl" in done.err
    assert "not built: both:default" in done.err
    repositories = ask(registry, "_catalog")[0]["repositories"]
    assert sorted(repositories) == ["hub/left", "hub/top"]
    ask(registry, "hub/left/manifests/latest")


@pytest.mark.real
def test_a_push_that_was_killed_is_made_whole_by_the_next(locked: Yard, registry: str) -> None:
    to(locked, registry)
    for moment in (0.7, 1.0):
        with locked.start("push") as process:
            time.sleep(moment)
            process.kill()
            process.communicate()
    locked.run("push")
    for image in ("top", "left", "both"):
        manifest, _ = ask(registry, f"hub/{image}/manifests/latest")
        for part in (manifest["config"], *manifest["layers"]):
            answer = httpx.get(f"http://{registry}/v2/hub/{image}/blobs/{part['digest']}")
            assert len(answer.raise_for_status().read()) == part["size"]


def test_nobody_listens(built: Yard) -> None:
    port = free_port()
    to(built, f"127.0.0.1:{port}")
    # The registry's name is a part of no image, so nothing is built again.
    done = built.run("push", code=3)
    assert f"127.0.0.1:{port}" in done.err
    assert "hint: " in done.err
    assert done.out == ""


def test_ctrl_c_while_the_registry_hangs(built: Yard) -> None:
    asked = threading.Event()
    over = threading.Event()

    class Hangs(BaseHTTPRequestHandler):
        def handle(self) -> None:
            asked.set()
            over.wait(60)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hangs)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        to(built, f"127.0.0.1:{server.server_port}")
        with built.start("push") as process:
            assert asked.wait(20)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert err.rstrip().endswith("stackyard: stopped; what was finished is kept")
        assert "Traceback" not in err
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("name", ["ghcr.io/Acme Hub", "https://ghcr.io/acme", "ghcr.io/acme:1"])
def test_a_registry_that_cannot_be_one(locked: Yard, name: str) -> None:
    locked.change("registry: 127.0.0.1:1/hub", f'registry: "{name}"')
    text = locked.fail("push", code=2)
    assert f"stackyard.yaml:1: registry: found '{name}', expected a registry and a path" in text


@pytest.mark.real
def test_what_was_sent_is_told_for_each_variant(yard: Yard, registry: str) -> None:
    variants = "variants: {one: {word: first}, two: {word: second, python: '3.11'}}\n"
    yard.stack(variants + (yard.root / "stackyard.yaml").read_text())
    yard.change("LANG: C.UTF-8", 'LANG: "{{ word }}"')
    yard.change("cmd: [app]", 'cmd: ["{{ word }}"]')
    yard.change("registry: 127.0.0.1:1/hub", f"registry: {registry}/hub")
    yard.run("lock")
    events = yard.run("push", "--json", env={"STACKYARD_OFFLINE": ""}).events
    pushed = {(e["image"], e["variant"]): e for e in events if e["event"] == "pushed"}
    # The second variant has a config of its own; its layers went with the first.
    assert 0 < pushed["top", "two"]["uploaded"] < pushed["top", "one"]["uploaded"]
