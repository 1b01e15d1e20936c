"""Who a container's user is: Docker's grammar over the image's files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.substrate.compute.runc.shim.users import UnknownUser, User, resolve

PASSWD = """# comment:x:9:9::/:
root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:App:/home/app:/bin/sh
1234:x:55:56::/odd:
broken
far:x:99999999999:1::/:
"""
GROUP = "root:x:0:\nwheel:x:10:app,root\nstaff:x:20:other,app\napp:x:1001:app\nbroken:x:no:app\n"


@pytest.mark.parametrize(
    ("wanted", "user"),
    [
        ("", User(0, 0, [0, 10], "/root")),
        ("0", User(0, 0, [0, 10], "/root")),
        ("app", User(1000, 1001, [1001, 10, 20], "/home/app")),
        ("1000", User(1000, 1001, [1001, 10, 20], "/home/app")),
        ("4242", User(4242, 0, [0], "/")),
        ("app:staff", User(1000, 20, [20], "/home/app")),
        ("app:7", User(1000, 7, [7], "/home/app")),
        ("4242:77", User(4242, 77, [77], "/")),
        ("1234", User(55, 56, [56], "/odd")),
    ],
)
def test_users(wanted: str, user: User) -> None:
    assert resolve(wanted, PASSWD, GROUP) == user


@pytest.mark.parametrize("wanted", ["nobody", "app:nogroup", "99999999999", "1:99999999999", "far", "-1", "a b"])
def test_unknown(wanted: str) -> None:
    with pytest.raises(UnknownUser):
        resolve(wanted, PASSWD, GROUP)


def test_image_without_files() -> None:
    assert resolve("", "", "") == User(0, 0, [0], "/")


@given(st.text(max_size=30), st.text(max_size=200), st.text(max_size=200))
def test_any_text_gives_a_user_or_a_refusal(wanted: str, passwd: str, group: str) -> None:
    try:
        user = resolve(wanted, passwd, group)
    except UnknownUser:
        return
    assert all(0 <= number < 2**31 for number in (user.uid, user.gid, *user.groups))
