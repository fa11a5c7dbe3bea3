"""A 1 GB image to a registry and back: Stackyard against skopeo, crane and oras.

    python benchmarks/registry_transfer.py
    python benchmarks/registry_transfer.py --crane PATH --oras-python PATH --rounds 7

The image has ten layers of 24 to 256 MB: random bytes in gzip files that store and do not
compress, so that no side has anything to squeeze. The registry is Debian's docker-registry
with default settings on a loopback port; it checks the digest of all that it is sent.

Push: from an OCI layout to an empty registry. Pull: from there into an empty folder on the
same disk. The sides take turns, each in a process of its own whose start counts, and disks
are synced before each turn. What a pull left is checked afterwards, blob by blob.

skopeo must be there; `--skopeo` names another one. crane takes part when it is found.
`--oras-python` is an interpreter that has the Python library oras, which moves one layer at
a time, reads each whole into memory to send it, and does not check what it pulls.

Printed are the medians of wall-clock time and of the CPU time of the side's own process.
Exit code 1 when Stackyard has less than 0.8 of the speed of the faster of skopeo and crane.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from engines.programs import daemon, run, timed, workspace

from stackyard.oci.descriptor import CONFIG, LAYER_GZIP, MANIFEST
from stackyard.oci.digest import sha256
from stackyard.oci.store import Store
from stackyard.oci.verify import hash_file

GOAL = 0.8
_MEGABYTES = (256, 192, 160, 128, 96, 64, 48, 32, 24, 24)
_REPOSITORY = "bench/image"
_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: "{host}"}}
"""

_OURS = """
import sys
from pathlib import Path
from stackyard.oci.descriptor import MANIFEST, Descriptor, Platform
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.pull import pull
from stackyard.oci.registry.push import push
from stackyard.oci.store import Store

way, name, folder = sys.argv[1:]
reference, store = Reference.parse(name), Store.open(Path(folder))
with Registry(reference.registry) as client:
    if way == "push":
        image = store.tags()[reference.tag]
        push(client, store, image, reference.repository, [reference.tag])
    else:
        pull(client, reference, Platform("linux", "amd64"), store)
"""

_ORAS = """
import json, sys
from pathlib import Path
from oras.provider import Registry

way, name, folder = sys.argv[1:]
client = Registry(insecure=True)
if way == "push":
    blobs = Path(folder, "blobs", "sha256")
    index = json.loads(Path(folder, "index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    # Of the usual media type it unpacks what it pulls.
    octets = "application/octet-stream"
    files = [f"{blobs / one['digest'][7:]}:{octets}" for one in manifest["layers"]]
    client.push(name, files=files, disable_path_validation=True, quiet=True)
else:
    client.pull(name, outdir=folder)
"""


@dataclass(frozen=True)
class Spent:
    """What a turn took: seconds, and seconds of CPU."""

    seconds: float
    cpu: float


Command = Callable[[str, Path], list[str]]


@dataclass(frozen=True)
class Side:
    """One program: what it is called with, given the image's name and a folder."""

    name: str
    push: Command
    pull: Command


def script(name: str, python: str, text: str) -> Side:
    """A side that is a Python script."""

    def way(word: str) -> Command:
        return lambda image, folder: [python, "-c", text, word, image, str(folder)]

    return Side(name, way("push"), way("pull"))


def sides(skopeo: str, crane: str | None, oras_python: str | None) -> list[Side]:
    """Who takes part, Stackyard first."""
    copy = [skopeo, "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"]
    found = [
        script("stackyard", sys.executable, _OURS),
        Side(
            "skopeo",
            lambda image, folder: [*copy, f"oci:{folder}:x", f"docker://{image}"],
            lambda image, folder: [*copy, f"docker://{image}", f"oci:{folder}:x"],
        ),
    ]
    if crane:
        words = [crane, "--insecure"]
        found.append(
            Side(
                "crane",
                lambda image, folder: [*words, "push", str(folder), image],
                lambda image, folder: [*words, "pull", "--format=oci", image, str(folder)],
            )
        )
    return [*found, *([script("oras", oras_python, _ORAS)] if oras_python else [])]


def make_image(folder: Path) -> int:
    """An OCI layout with the image, tagged `x`; gives the bytes of its layers."""
    store = Store.open(folder)
    layers, diff_ids = [], []
    for megabytes in _MEGABYTES:
        plain = os.urandom(megabytes << 20)
        packer = zlib.compressobj(0, wbits=31)
        data = packer.compress(plain) + packer.flush()
        layers.append(store.put(data, LAYER_GZIP).to_json())
        diff_ids.append(sha256(plain))
    config = {
        "os": "linux",
        "architecture": "amd64",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": store.put(json.dumps(config).encode(), CONFIG).to_json(),
        "layers": layers,
    }
    store.tag("x", store.put(json.dumps(document).encode(), MANIFEST))
    return sum(int(layer["size"]) for layer in layers)


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Serve a registry whose data is *folder*; gives its host and port."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(data=folder / "data", host=host))
    answers = f"import urllib.request as u; u.urlopen('http://{host}/v2/')"
    with daemon(
        ["docker-registry", "serve", config],
        ready=[sys.executable, "-c", answers],
        log=folder / "log",
    ):
        yield host


def check(source: Path, pulled: Path) -> None:
    """Every layer of the image is in what was pulled, and is right."""
    files = {path.name: path for path in pulled.rglob("*") if path.is_file()}
    for blob in (source / "blobs" / "sha256").iterdir():
        if blob.stat().st_size > 1 << 20:
            with files[blob.name].open("rb") as file:
                assert hash_file(file) == f"sha256:{blob.name}", blob.name


def spend(command: list[str]) -> Spent:
    """Run a side's command on synced disks."""
    os.sync()
    before = os.times()
    seconds = timed(command)
    after = os.times()
    cpu = after.children_user + after.children_system
    return Spent(seconds, cpu - before.children_user - before.children_system)


def turn(side: Side, source: Path, folder: Path) -> tuple[Spent, Spent]:
    """Push to an empty registry and pull from it."""
    pulled = folder / "pulled"
    try:
        with registry(folder / "registry") as host:
            image = f"{host}/{_REPOSITORY}:x"
            push = spend(side.push(image, source))
            pull = spend(side.pull(image, pulled))
        check(source, pulled)
    finally:
        shutil.rmtree(pulled, ignore_errors=True)
        shutil.rmtree(folder / "registry", ignore_errors=True)
    return push, pull


def show(way: str, times: dict[str, list[Spent]], size: int) -> bool:
    """Print the medians and ratios of one direction; whether the goal is reached."""
    medians = {name: median(one.seconds for one in taken) for name, taken in times.items()}
    print(f"{way}  (ratio: how many times as long as Stackyard)")
    for name, seconds in medians.items():
        each = [one.seconds for one in times[name]]
        cpu = median(one.cpu for one in times[name])
        print(
            f"  {name:10} {seconds:6.2f} s ({min(each):.2f} to {max(each):.2f})"
            f"  {size / seconds / 1e6:5.0f} MB/s  CPU {cpu:5.2f} s"
            f"  ratio {seconds / medians['stackyard']:.2f}"
        )
    faster = min(medians[name] for name in ("skopeo", "crane") if name in medians)
    reached = faster / medians["stackyard"] >= GOAL
    print(f"  goal {GOAL} of the faster of skopeo and crane: {'reached' if reached else 'missed'}")
    return reached


def main() -> int:
    """Measure, and print; exit code 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skopeo", default="skopeo")
    parser.add_argument("--crane", default=shutil.which("crane"))
    parser.add_argument("--oras-python")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    arguments = parser.parse_args()
    taking_part = sides(arguments.skopeo, arguments.crane, arguments.oras_python)
    times: dict[str, dict[str, list[Spent]]] = {
        way: {side.name: [] for side in taking_part} for way in ("push", "pull")
    }
    with workspace(arguments.folder) as folder:
        size = make_image(folder / "image")
        print(f"{os.cpu_count()} CPUs; Python {sys.version.split()[0]}; {size / 1e6:.0f} MB")
        print(run([arguments.skopeo, "--version"]).strip(), flush=True)
        for number in range(arguments.rounds):
            for side in taking_part:
                push, pull = turn(side, folder / "image", folder)
                times["push"][side.name].append(push)
                times["pull"][side.name].append(pull)
                told = f"push {push.seconds:6.2f} s  pull {pull.seconds:6.2f} s"
                print(f"round {number + 1} {side.name:10} {told}", flush=True)
    reached = [show(way, taken, size) for way, taken in times.items()]
    return int(not all(reached))


if __name__ == "__main__":
    sys.exit(main())
