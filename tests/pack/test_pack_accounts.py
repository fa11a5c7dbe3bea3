from __future__ import annotations

import io
import tarfile

import pytest

from stackyard.errors import InputError
from stackyard.inventory.filesystem import read_files
from stackyard.oci.layer import layer_from_tar
from stackyard.pack.accounts import pack_accounts
from stackyard.pack.basefiles import read_skel, read_user_db
from stackyard.pack.userdb import UserDb, with_users
from stackyard.stack.values import User

BASE = UserDb(
    passwd=b"root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    group=b"root:x:0:\nshadow:x:42:\nusers:x:100:\n",
    shadow=b"root:*:19000:0:99999:7:::\n",
)
JOVYAN = User("jovyan", 1000, 100, "/home/jovyan")
SKEL = {".bashrc": b"alias ll='ls -l'\n", ".config/x/y": b"y"}


def test_an_account_with_its_home(store, packer):
    found = packer.unpack_layer(pack_accounts(store, BASE, [JOVYAN], SKEL))
    files = {name: data for name, (member, data) in found.items() if member.isreg()}
    assert files["etc/passwd"] == BASE.passwd + b"jovyan:x:1000:100::/home/jovyan:/bin/bash\n"
    assert files["etc/shadow"] == b"root:*:19000:0:99999:7:::\njovyan:!:::::::\n"
    assert "etc/group" not in files  # 100 is users
    rights = {name: (m.mode, m.uid, m.gid) for name, (m, _) in found.items()}
    assert rights == {
        "home/jovyan": (0o775, 1000, 100),
        "home/jovyan/.config": (0o775, 1000, 100),
        "home/jovyan/.config/x": (0o775, 1000, 100),
        "home/jovyan/.bashrc": (0o664, 1000, 100),
        "home/jovyan/.config/x/y": (0o664, 1000, 100),
        "etc/passwd": (0o644, 0, 0),
        "etc/shadow": (0o640, 0, 42),
    }
    names = list(found)
    assert names.index("home/jovyan") < names.index("home/jovyan/.config/x/y")


def test_a_gid_that_no_group_has_gets_one():
    done = with_users(BASE, [User("ana", 1001, 1001, "/home/ana", "/bin/sh")])
    assert done.group == BASE.group + b"ana:x:1001:\n"
    assert done.passwd.endswith(b"ana:x:1001:1001::/home/ana:/bin/sh\n")


def test_an_image_without_account_files(store, packer):
    found = packer.unpack_layer(pack_accounts(store, UserDb(b"", b""), [JOVYAN], {}))
    assert set(found) == {"home/jovyan", "etc/passwd", "etc/group"}
    assert found["etc/group"][1] == b"jovyan:x:100:\n"


def test_a_line_without_an_end_and_a_nameless_shadow_group(store, packer):
    base = UserDb(b"root:x:0:0:root:/root:/bin/sh", b"root:x:0:", b"root:*:1::::::")
    found = packer.unpack_layer(pack_accounts(store, base, [JOVYAN], {}))
    assert found["etc/passwd"][1].startswith(b"root:x:0:0:root:/root:/bin/sh\njovyan:")
    assert (found["etc/shadow"][0].mode, found["etc/shadow"][0].gid) == (0o600, 0)


def test_an_equal_account_stays_as_it_is_with_its_files(store, packer):
    base = with_users(BASE, [JOVYAN])
    found = packer.unpack_layer(pack_accounts(store, base, [JOVYAN], SKEL))
    assert {name: m.mode for name, (m, _) in found.items()} == {"home/jovyan": 0o775}


def test_the_same_account_twice_is_one():
    assert with_users(BASE, [JOVYAN, JOVYAN]) == with_users(BASE, [JOVYAN])


@pytest.mark.parametrize(
    ("user", "found"),
    [
        (User("nobody", 1000, 100, "/home/n"), "there already is nobody with uid 65534"),
        (User("me", 65534, 100, "/home/me"), "there already is nobody with uid 65534"),
        (User("users", 1000, 1000, "/home/u"), "there already is one with gid 100"),
        (User("root", 0, 0, "/home/root"), "home /root"),
        (User("root", 0, 100, "/root"), "gid 0"),
    ],
)
def test_contradictions(user, found):
    with pytest.raises(InputError, match=found):
        with_users(BASE, [user])


def test_two_new_accounts_that_contradict_each_other():
    with pytest.raises(InputError, match="there already is jovyan with uid 1000"):
        with_users(BASE, [JOVYAN, User("other", 1000, 100, "/home/other")])


@pytest.mark.parametrize(
    "user",
    [
        User("a:b", 1, 1, "/home/a"),
        User("a\nroot", 1, 1, "/home/a"),
        User("", 1, 1, "/home/a"),
        User("a", -1, 1, "/home/a"),
        User("a", 1, 2**32, "/home/a"),
        User("a", 1, 1, "home/a"),
        User("a", 1, 1, "/home/../etc"),
        User("a", 1, 1, "/home/a:b"),
        User("a", 1, 1, "/home/a\nroot::0:0"),
        User("a", 1, 1, "/home/a", "/bin/sh\nroot::0:0::/:/bin/sh"),
        User("a", 1, 1, "/home/a", "sh"),
    ],
)
def test_accounts_that_cannot_be_written(user):
    with pytest.raises(InputError, match="making the account"):
        with_users(BASE, [user])


def test_homes_at_odd_places(store, packer):
    assert "etc/passwd" in packer.unpack_layer(
        pack_accounts(store, BASE, [User("a", 5, 5, "/")], SKEL)
    )
    found = packer.unpack_layer(pack_accounts(store, BASE, [User("a", 5, 5, "/data/users/a")], {}))
    assert (found["data/users"][0].uid, found["data/users/a"][0].uid) == (0, 5)


def test_a_hostile_skel(store):
    with pytest.raises(InputError, match="climbs"):
        pack_accounts(store, BASE, [JOVYAN], {"../../etc/x": b""})


def test_reading_the_image_below(store):
    out = io.BytesIO()
    contents = {
        "etc/passwd": BASE.passwd,
        "etc/shadow": BASE.shadow or b"",
        "etc/skel/.bashrc": b"rc",
        "etc/skel/.config/x": b"x",
    }
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    out.seek(0)
    files = read_files(store, [layer_from_tar(store, out)])
    assert read_user_db(files) == UserDb(BASE.passwd, b"", BASE.shadow)
    assert read_skel(files) == {".bashrc": b"rc", ".config/x": b"x"}


def test_an_image_without_skel(store):
    files = read_files(store, [])
    assert read_skel(files) == {}
    assert read_user_db(files) == UserDb(b"", b"", None)
