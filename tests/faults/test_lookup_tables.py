"""Lookup tables through ``kill -9``: what was answered is there, whole; no file is left behind."""

from __future__ import annotations

from pathlib import Path

from tests.faults.test_logs import kill
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until


def bodies(folder: Path) -> list[str]:
    return [each.read_text() for each in folder.iterdir()]


def test_tables_outlive_the_cloud_and_their_files_go_with_them(own_cloud: RunningCloud) -> None:
    account = Account(own_cloud, "111122223333")
    logs = account.logs
    folder = own_cloud.folder / "data" / "logs-lookups"
    kept = logs.create_lookup_table(lookupTableName="kept", tableBody="a,b\n1,2\n", tags={"x": "y"})["lookupTableArn"]
    kill(own_cloud)
    large = "id,text\n" + "".join(f"{n},{'x' * 50}\n" for n in range(100_000))
    logs.update_lookup_table(lookupTableArn=kept, tableBody=large)
    kill(own_cloud)
    assert logs.get_lookup_table(lookupTableArn=kept)["tableBody"] == large
    assert logs.describe_lookup_tables()["lookupTables"][0]["recordsCount"] == 100_000
    assert logs.list_tags_for_resource(resourceArn=kept)["tags"] == {"x": "y"}
    until(lambda: bodies(folder) == [large], "only what the table has now is there")
    gone = logs.create_lookup_table(lookupTableName="gone", tableBody="a\n")["lookupTableArn"]
    (folder / "half.csv.tmp").write_text("what a crash left")
    logs.delete_lookup_table(lookupTableArn=gone)
    kill(own_cloud)
    assert [each["lookupTableName"] for each in logs.describe_lookup_tables()["lookupTables"]] == ["kept"]
    until(lambda: bodies(folder) == [large], "nothing is left over")
    logs.delete_lookup_table(lookupTableArn=kept)
    until(lambda: bodies(folder) == [], "the last file is gone")


def test_reset_leaves_no_table(own_cloud: RunningCloud) -> None:
    logs = Account(own_cloud, "111122223333").logs
    logs.create_lookup_table(lookupTableName="t", tableBody="a\n1\n")
    own_cloud.run("reset")
    assert logs.describe_lookup_tables()["lookupTables"] == []
    assert bodies(own_cloud.folder / "data" / "logs-lookups") == []
    logs.create_lookup_table(lookupTableName="t", tableBody="b\n2\n")
