"""A server killed under two panels, and whether what watches for lost events would find one."""

import pytest
from tests.replicas.harness import Replicas, Report, Watched, besiege
from tests.servers.redis import running_redis

SEEN = [(4, "snapshot", ""), (5, "turn", "turn_1"), (6, "knowledge", ""), (7, "turn", "turn_2")]
POSTED = ["turn_1", "turn_2"]


def checked(events, posted=POSTED):
    report = Report()
    report.check("conv_1", posted, Watched(events))
    return report.lost, report.doubled, report.out_of_order


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (SEEN, (0, 0, 0)),
        ([*SEEN[:2], SEEN[3]], (1, 0, 0)),
        ([*SEEN[:2], *SEEN[1:]], (0, 2, 1)),
        ([SEEN[0], SEEN[2], SEEN[1], SEEN[3]], (2, 0, 1)),
        (SEEN[:3], (1, 0, 0)),
        ([*SEEN[:2], (9, "snapshot", "turn_1 turn_2")], (0, 0, 0)),
        ([*SEEN[:2], (9, "snapshot", "turn_1")], (1, 0, 0)),
    ],
)
def test_the_check_finds_what_is_lost_doubled_or_out_of_order(events, found):
    assert checked(events) == found


@pytest.mark.slow
async def test_nothing_is_lost_doubled_or_out_of_order_when_a_server_is_killed(tmp_path, postgres, redis):
    redis.empty()
    replicas = Replicas(tmp_path, postgres.database(), redis.url)
    await replicas.start()
    report = await besiege(replicas, conversations=4, seconds=9, kill_every=3, pause=0.3, least_turns=6)
    await replicas.stop()

    assert report.kills >= 1
    assert report.turns > 20
    assert report.reconnects > 0
    assert report.is_whole, report


@pytest.mark.slow
async def test_nothing_is_lost_doubled_or_out_of_order_when_a_server_hangs(tmp_path, postgres, redis):
    redis.empty()
    replicas = Replicas(tmp_path, postgres.database(), redis.url)
    await replicas.start()
    report = await besiege(
        replicas, conversations=3, seconds=40, kill_every=3, pause=0.5, hang=30, least_turns=4
    )
    await replicas.stop()

    assert report.kills == 1
    assert report.turns > 10
    assert report.is_whole, report


@pytest.mark.slow
async def test_servers_that_do_not_hear_each_other_are_found_out(tmp_path, postgres):
    with running_redis() as one, running_redis() as other:
        replicas = Replicas(tmp_path, postgres.database(), one.url)
        replicas.redis_urls = [one.url, other.url]
        await replicas.start()
        report = await besiege(replicas, conversations=2, seconds=3, kill_every=60, pause=0.2, catch_up=5)
        await replicas.stop()
    assert not report.is_whole
