"""Several layers' archives as one: the same effect on whatever is below."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import InputError
from stackyard.oci.retar import entry_of
from stackyard.oci.squash import squash
from stackyard.oci.tar import END, Kind, TarEntry, header, padding

Item = tuple[TarEntry, bytes]


def archive_of(items: Iterable[Item]) -> bytes:
    pieces = (header(entry) + data + padding(len(data)) for entry, data in items)
    return b"".join(pieces) + END


def items_of(archive: bytes) -> list[Item]:
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as read:
        return [
            (entry_of(info), read.extractfile(info).read() if info.isreg() else b"")
            for info in read
        ]


def squashed(folder: Path, *archives: bytes) -> list[Item]:
    paths = []
    for number, data in enumerate(archives):
        paths.append(folder / f"{number}.tar")
        paths[-1].write_bytes(data)
    out = io.BytesIO()
    squash(paths, out)
    return items_of(out.getvalue())


def file(name: str, data: bytes = b"", mode: int = 0o644) -> Item:
    return TarEntry(name, mode=mode, size=len(data)), data


def folder(name: str, mode: int = 0o755) -> Item:
    return TarEntry(name, Kind.DIRECTORY, mode), b""


def link(name: str, target: str) -> Item:
    return TarEntry(name, Kind.HARDLINK, target=target), b""


def put_together(place: Path, *layers: list[Item]) -> list[Item]:
    return squashed(place, *map(archive_of, layers))


def names(items: list[Item]) -> list[str]:
    return [entry.name for entry, _ in items]


# Cases


def test_what_is_above_replaces_what_is_below(tmp_path: Path) -> None:
    made = put_together(tmp_path, [folder("a"), file("a/f", b"1")], [file("./a/f", b"22", 0o600)])
    assert made == [folder("a"), file("a/f", b"22", 0o600)]


def test_a_whiteout_hides_and_stays(tmp_path: Path) -> None:
    made = put_together(tmp_path, [folder("a"), file("a/f", b"1")], [file("a/.wh.f")])
    assert made == [folder("a"), file("a/.wh.f")]


def test_a_file_in_the_place_of_a_whiteout(tmp_path: Path) -> None:
    assert put_together(tmp_path, [file(".wh.f")], [file("f", b"1")]) == [file("f", b"1")]


def test_a_directory_in_the_place_of_a_whiteout_shows_nothing_from_below(tmp_path: Path) -> None:
    made = put_together(tmp_path, [file(".wh.d")], [folder("d"), file("d/new")])
    assert made == [folder("d"), file("d/.wh..wh..opq"), file("d/new")]


def test_an_opaque_directory_hides_what_was_in_it(tmp_path: Path) -> None:
    made = put_together(
        tmp_path,
        [folder("d"), file("d/old"), file("d/.wh.gone")],
        # Wherever the marker stands, it means only what is below its archive.
        [folder("d", 0o700), file("d/new"), file("d/.wh..wh..opq")],
    )
    assert made == [folder("d", 0o700), file("d/.wh..wh..opq"), file("d/new")]


def test_a_directory_becomes_a_file_and_a_directory_again(tmp_path: Path) -> None:
    first = [folder("d"), file("d/f"), folder("d/e"), file("d/e/g")]
    assert put_together(tmp_path, first, [file("d")]) == [file("d")]
    made = put_together(tmp_path, first, [file("d")], [folder("d"), file("d/x")])
    assert made == [folder("d"), file("d/.wh..wh..opq"), file("d/x")]


def test_hard_links_stay_links_and_come_after_their_files(tmp_path: Path) -> None:
    made = put_together(tmp_path, [file("z", b"1"), link("a", "./z"), link("b", "a")], [file("m")])
    assert made == [file("a", b"1"), link("b", "a"), file("m"), link("z", "a")]


@pytest.mark.parametrize("above", [file(".wh.a"), file("a", b"other")])
def test_links_to_a_file_that_is_hidden_keep_its_content(tmp_path: Path, above: Item) -> None:
    below = [file("a", b"old", 0o4755), link("b", "a"), link("c", "a")]
    made = dict(zip(names(out := put_together(tmp_path, below, [above])), out, strict=True))
    assert made["b"] == file("b", b"old", 0o4755)
    assert made["c"][0].target == "b"
    assert made[above[0].name] == above


def test_a_link_to_a_file_of_a_lower_archive(tmp_path: Path) -> None:
    made = put_together(tmp_path, [file("a", b"1")], [link("b", "a")])
    assert made == [file("a", b"1"), link("b", "a")]


def test_a_link_to_what_no_archive_has_stays(tmp_path: Path) -> None:
    assert put_together(tmp_path, [link("b", "usr/a")], []) == [link("b", "usr/a")]


def test_everything_that_tar_can_say_is_kept(tmp_path: Path) -> None:
    long = "/".join(["opt", *["directory" * 5] * 8, "fü\udcff"])
    kept = [
        (TarEntry("dev/c", Kind.CHARACTER, 0o620, uid=3, gid=5, device=(4, 64)), b""),
        (TarEntry("dev/p", Kind.FIFO, 0o600, mtime=77), b""),
        (TarEntry(long, size=3, uid=1 << 30, xattrs={"security.capability": b"\1\0\xff"}), b"abc"),
        (TarEntry("s", Kind.SYMLINK, 0o777, target="/x/" * 60), b""),
    ]
    assert put_together(tmp_path, kept, []) == kept


def test_bookkeeping_of_aufs_is_dropped(tmp_path: Path) -> None:
    assert put_together(tmp_path, [folder(".wh..wh.plnk"), file(".wh..wh.aufs"), file("f")]) == [
        file("f")
    ]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a/.wh...", "a/.wh..", ".wh."])
def test_names_that_leave_the_root_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="leaves the root"):
        put_together(tmp_path, [file(name)])


@pytest.mark.parametrize(
    "damage", [lambda data: data[:700], lambda data: data[:600] + b"\xff" * 600 + data[1200:]]
)
def test_a_broken_archive_is_refused(tmp_path: Path, damage: object) -> None:
    data = archive_of([file("a", b"1" * 400), file("b", b"2")])
    with pytest.raises(InputError, match="not the tar archive of a layer"):
        squashed(tmp_path, damage(data))


# Whatever the layers


@dataclass(frozen=True, eq=False)
class Inode:
    """What is at a path of a file system; a link is a second path to it."""

    kind: Kind
    data: bytes = b""


Tree = dict[str, Inode]
PATHS = ["a", "a/a", "a/a/a", "a/a/b", "a/b", "b"]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["write", "mkdir", "remove", "replace", "link", "symlink"]),
        st.sampled_from(PATHS),
        st.sampled_from(PATHS),
    ),
    max_size=6,
)


def below(tree: Tree, path: str) -> list[str]:
    return [name for name in tree if name.startswith(f"{path}/")]


def is_directory(tree: Tree, path: str) -> bool:
    return not path or (path in tree and tree[path].kind is Kind.DIRECTORY)


def parent_of(path: str) -> str:
    return path.rpartition("/")[0]


def directories_of(path: str) -> list[str]:
    """Those that the path is in."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def without(tree: Tree, path: str) -> Tree:
    gone = {path, *below(tree, path)}
    return {name: inode for name, inode in tree.items() if name not in gone}


def changed(tree: Tree, change: tuple[str, str, str], content: bytes) -> Tree:
    """The tree after one command, which makes the directories that it needs."""
    verb, path, other = change
    for above in directories_of(path):
        if not is_directory(tree, above):
            tree = {**without(tree, above), above: Inode(Kind.DIRECTORY)}
    if verb == "remove":
        return without(tree, path)
    if verb == "replace" or path not in tree:
        tree = without(tree, path)
        if verb in ("mkdir", "replace"):
            return {**tree, path: Inode(Kind.DIRECTORY)}
        if verb == "symlink":
            return {**tree, path: Inode(Kind.SYMLINK, content)}
        if verb == "link" and other in tree and not is_directory(tree, other):
            copy = Inode(tree[other].kind, tree[other].data)  # as overlays copy it up
            return {**tree, path: copy, other: copy}
    if verb == "write" and not is_directory(tree, path):
        return {**tree, path: Inode(Kind.FILE, content)}
    return tree


def difference(before: Tree, after: Tree) -> list[Item]:
    """The archive that an engine makes of what happened: in the order of the paths."""
    fresh = {path for path in after if after[path] is not before.get(path)}
    hidden = {
        path
        for path in before
        if path not in after and parent_of(path) not in hidden_in(before, after)
    }
    shown = {above for path in fresh | hidden for above in directories_of(path)}
    items: list[Item] = []
    seen: dict[Inode, str] = {}
    for path in sorted(fresh | shown):
        inode = after[path]
        if inode in seen:
            items.append(link(path, seen[inode]))
            continue
        if inode.kind is Kind.DIRECTORY:
            items.append(folder(path))
            if path in fresh and is_directory(before, path):
                items.append(file(f"{path}/.wh..wh..opq"))
            continue
        seen[inode] = path
        if inode.kind is Kind.SYMLINK:
            items.append((TarEntry(path, Kind.SYMLINK, target=inode.data.decode()), b""))
        else:
            items.append(file(path, inode.data))
    whiteouts = (f"{parent_of(path)}/.wh.{path.rpartition('/')[2]}" for path in sorted(hidden))
    return [*items, *(file(name.lstrip("/")) for name in whiteouts)]


def hidden_in(before: Tree, after: Tree) -> set[str]:
    """Directories whose content needs no whiteouts: they are gone, or other ones."""
    return {path for path in before if after.get(path) is not before[path]}


@dataclass
class Disk:
    """Applies layers as engines do: in the order of the archive.

    With *overlay* each archive is unpacked into an upper directory first, where a
    whiteout is a device and is lost when something else takes its name.
    """

    tree: Tree
    overlay: bool
    upper: Tree = field(default_factory=dict)
    opaque: set[str] = field(default_factory=set)

    def apply(self, items: list[Item]) -> Tree:
        self.upper, self.opaque = ({} if self.overlay else self.tree), set()
        for entry, data in items:
            self._unpack(entry, data)
        return self._merged() if self.overlay else self.upper

    def _unpack(self, entry: TarEntry, data: bytes) -> None:
        above, last = parent_of(entry.name), entry.name.rpartition("/")[2]
        if last == ".wh..wh..opq":
            assert not below(self.upper, above) or not self.overlay, "a marker comes first"
            if self.overlay:
                self.opaque.add(above)
            else:
                for name in below(self.upper, above):
                    self.upper = without(self.upper, name)
        elif last.startswith(".wh."):
            path = f"{above}/{last[4:]}".lstrip("/")
            self.upper = without(self.upper, path)
            if self.overlay:
                self.upper[path] = Inode(Kind.CHARACTER)
        elif entry.kind is Kind.DIRECTORY:
            if not is_directory(self.upper, entry.name):
                self.upper = {**self.upper, entry.name: Inode(Kind.DIRECTORY)}
        else:
            self.upper = without(self.upper, entry.name)
            self.upper[entry.name] = (
                self.upper[entry.target]
                if entry.kind is Kind.HARDLINK
                else Inode(entry.kind, data or entry.target.encode())
            )

    def _merged(self) -> Tree:
        lower = self.tree
        for path in self.opaque:
            for name in below(lower, path):
                lower = without(lower, name)
        for path, inode in self.upper.items():
            if inode.kind is not Kind.DIRECTORY or not is_directory(lower, path):
                lower = without(lower, path)
        merged = {**lower, **self.upper}
        return {path: inode for path, inode in merged.items() if inode.kind is not Kind.CHARACTER}


def seen_in(tree: Tree) -> dict[str, tuple[Kind, bytes, tuple[str, ...]]]:
    """What a user sees: kinds, contents, and which paths are links to one another."""
    return {
        path: (
            inode.kind,
            inode.data,
            tuple(sorted(name for name in tree if tree[name] is inode)),
        )
        for path, inode in tree.items()
    }


@settings(max_examples=400, deadline=None)
@given(before=CHANGES, layers=st.lists(CHANGES, min_size=2, max_size=4))
def test_one_archive_does_what_all_do(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, str, str]],
    layers: list[list[tuple[str, str, str]]],
) -> None:
    place = tmp_path_factory.mktemp("squash", numbered=True)
    count = 0
    base: Tree = {path: Inode(Kind.FILE, b"old") for path in PATHS}
    base |= {path: Inode(Kind.DIRECTORY) for path in ("a", "a/a")}
    for change in before:
        base = changed(base, change, b"base%d" % (count := count + 1))
    tree, archives = base, []
    for changes in layers:
        after = tree
        for change in changes:
            after = changed(after, change, b"%d" % (count := count + 1))
        archives.append(difference(tree, after))
        tree = after
    made = put_together(place, *archives)
    assert len({entry.name for entry, _ in made}) == len(made)
    for overlay in (False, True):
        one_by_one = base
        for archive in archives:
            # The markers of an engine come right after their directories.
            one_by_one = Disk(one_by_one, overlay).apply(archive)
        assert contents(one_by_one) == contents(tree), "the model of an engine is wrong"
        assert seen_in(Disk(base, overlay).apply(made)) == seen_in(one_by_one)


def contents(tree: Tree) -> dict[str, tuple[Kind, bytes]]:
    return {path: (inode.kind, inode.data) for path, inode in tree.items()}
