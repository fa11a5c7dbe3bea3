"""How fast wheels become a layer, beside unpacking and compressing them the usual way.

The peer is `uv pip install --target` of the same wheels, then tar and gzip (pigz
where it is installed) of the result, which is what a container build and its push
do. Both start without caches and alternate. Run with a folder of wheels:

    pip download --only-binary :all: -d wheels numpy scipy pandas jupyterlab
    python benchmarks/packing.py wheels [--bytecode] [--rounds 3]

The wheels must be for the running Python.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from uv import find_uv_bin

from stackyard.inventory.facts import Scheme
from stackyard.oci.store import Store
from stackyard.pack.compiler import Compiler, find_compiler
from stackyard.pack.group import pack_group
from stackyard.pack.segment import Segment, pack_segment
from stackyard.pack.task import WheelTask, packing_cost

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"usr/local/lib/python{MINOR}/site-packages"
SCHEME = Scheme(SITE, SITE, "usr/local/bin", "usr/local", f"usr/local/include/python{MINOR}")


def task_of(wheel: Path, bytecode: bool) -> WheelTask:
    """The task that packs a wheel for the running Python."""
    with wheel.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return WheelTask(
        filename=wheel.name,
        sha256=sha256,
        scheme=SCHEME,
        interpreter=f"/usr/local/bin/python{MINOR}",
        python_minor=MINOR,
        requested=False,
        bytecode=bytecode,
    )


def pack(store: Store, task: WheelTask, wheel: Path, compiler: Compiler | None) -> Segment:
    """What a worker process does."""
    return pack_segment(task, wheel, store.cache("segments"), compiler)


def ours(wheels: list[Path], folder: Path, compiler: Compiler | None) -> int:
    """Pack all wheels into one layer; gives the layer's compressed size in bytes."""
    store = Store.open(folder / "store")
    tasks = [(task_of(wheel, compiler is not None), wheel) for wheel in wheels]
    tasks.sort(key=lambda pair: -packing_cost(pair[0], pair[1].stat().st_size))
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        pending = [pool.submit(pack, store, task, wheel, compiler) for task, wheel in tasks]
        layer = pack_group(store, [result.result() for result in pending])
    return layer.descriptor.size


def theirs(wheels: list[Path], folder: Path, compiler: Compiler | None) -> int:
    """Install all wheels with uv, then tar and gzip; gives the compressed size in bytes."""
    target = folder / SITE
    command = [find_uv_bin(), "pip", "install", "--quiet", "--offline", "--no-deps", "--no-cache"]
    command += ["--python", compiler.executable if compiler else sys.executable]
    command += ["--target", str(target), *(["--compile-bytecode"] if compiler else [])]
    subprocess.run([*command, *map(str, wheels)], check=True)
    archive = folder / "layer.tar.gz"
    program = "pigz" if shutil.which("pigz") else "gzip"
    subprocess.run(
        ["tar", f"--use-compress-program={program}", "-cf", str(archive), "-C", str(folder), "usr"],
        check=True,
    )
    return archive.stat().st_size


def main() -> None:
    """Run both, alternating, and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheels", type=Path)
    parser.add_argument("--bytecode", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    wheels = sorted(arguments.wheels.glob("*.whl"))
    compiler = find_compiler(MINOR) if arguments.bytecode else None
    seconds: dict[str, list[float]] = {"stackyard": [], "uv and tar": []}
    sizes: dict[str, int] = {}
    for _ in range(arguments.rounds):
        for name, way in (("stackyard", ours), ("uv and tar", theirs)):
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                sizes[name] = way(wheels, Path(folder), compiler)
                seconds[name].append(time.perf_counter() - start)
    print(f"{len(wheels)} wheels, {sum(w.stat().st_size for w in wheels) / 1e6:.0f} MB")
    for name, times in seconds.items():
        spread = f"{min(times):.2f} to {max(times):.2f}"
        print(f"{name:12} {statistics.median(times):7.2f} s ({spread}), {sizes[name] / 1e6:.0f} MB")
    ratio = statistics.median(seconds["uv and tar"]) / statistics.median(seconds["stackyard"])
    print(f"ratio        {ratio:7.2f}")


if __name__ == "__main__":
    main()
