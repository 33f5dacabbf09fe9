"""Settings of several processes: where they meet, and what a role alone needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.clusters import chosen_roles
from bot.domain.fleet import ALL_ROLES, Role
from bot.errors import ConfigError
from tests.test_config import faults, written

URL = '[storage]\nurl = "postgresql://washout@db.example/washout"\n'
STREAMS = '[streams]\nurl = ["nats://a.example:4222", "tls://b.example:4222"]\n'


def test_where_the_processes_of_a_fleet_meet(tmp_path: Path) -> None:
    streams = written(tmp_path, STREAMS + 'name = "mine"\nreplicas = 1\npartitions = 4\nuser = "me"').streams
    assert streams is not None
    assert streams.servers == ("nats://a.example:4222", "tls://b.example:4222")
    assert (streams.name, streams.replicas, streams.partitions, streams.user) == ("mine", 1, 4, "me")
    assert written(tmp_path, '[streams]\nurl = "nats://a:1,nats://b:2"').streams is not None
    assert written(tmp_path, '[streams]\nname = "mine"').streams is None


@pytest.mark.parametrize(
    "wrong",
    [
        'url = "nats://me:secret@a.example"',
        'url = "http://a.example"',
        "url = []",
        "replicas = 2",
        "partitions = 0",
    ],
)
def test_what_cannot_be_a_place_to_meet_is_a_fault_that_tells_no_secret(tmp_path: Path, wrong: str) -> None:
    (fault,) = faults(tmp_path, f"[streams]\n{wrong}")
    assert "[streams]" in fault
    assert "secret" not in fault


def test_a_role_alone_needs_both_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        chosen_roles(["judge"], None, database=False)
    assert "run judge" in str(raised.value)
    assert "[streams] url" in str(raised.value)
    assert "[storage] url" in str(raised.value)
    settings = written(tmp_path, URL + STREAMS)
    with pytest.raises(ConfigError, match=r"\[storage\] url"):
        chosen_roles([], settings.streams, database=False)
    assert chosen_roles(["page", "judge"], settings.streams, database=True) == (Role.JUDGE, Role.PAGE)
    assert chosen_roles([], None, database=False) == ALL_ROLES
