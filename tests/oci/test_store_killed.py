"""Kill -9 at any moment: whatever was being written, the next run finds a whole store."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from stackyard.oci.store import Store

WRITE_AND_WRITE = """
import itertools, os, sys
from pathlib import Path
from stackyard.oci.store import Store
store = Store.open(Path(sys.argv[1]))
print("started", flush=True)
for number in itertools.count(int(sys.argv[2])):
    store.tag(f"t:{number}", store.put(b"%d" % number, "text/plain"))
    store.put(os.urandom(300_000), "text/plain")
    store.remember("m", str(number), {"number": number})
    with store.cache("c").create(str(number)) as file:
        file.write(b"whole")
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.03])
def test_a_kill_at_any_moment_leaves_a_whole_store(tmp_path: Path, delay: float) -> None:
    for start in (0, 1_000_000):
        command = [sys.executable, "-c", WRITE_AND_WRITE, tmp_path, str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            time.sleep(delay)
            process.kill()
        check(tmp_path)


def check(root: Path) -> None:
    store = Store.open(root)
    for name, descriptor in store.tags().items():
        assert store.read(descriptor.digest) == name.removeprefix("t:").encode()
    for path in (root / "blobs" / "sha256").iterdir():
        store.verify(f"sha256:{path.name}")
    for path in root.glob("memo/m/*.json"):
        assert store.recall("m", path.stem) == {"number": int(path.stem)}
    for path in root.glob("cache/c/*"):
        assert path.read_bytes() == b"whole"
    assert [path for path in root.glob("tmp/*/*") if path.is_file()] == []
