import os
import re

from cloudarium.kernel import ids


def test_ids_have_awss_forms_and_do_not_repeat() -> None:
    made = [ids.request_id() for _ in range(20_000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", each) for each in made)
    assert re.fullmatch(r"vpc-0[0-9a-f]{16}", ids.hex_id("vpc"))
    assert re.fullmatch(r"ami-[0-9a-f]{8}", ids.hex_id("ami", 8))
    assert len(ids.hex_token(10_000)) == 10_000


def test_a_fork_does_not_give_its_parents_ids() -> None:
    ids.request_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, ids.request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 100).decode()
    assert theirs != ids.request_id()
    os.close(reader)
    os.close(writer)
