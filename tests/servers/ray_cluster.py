"""A Ray cluster of two nodes on the loopback address, which can lose one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
_QUICK = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}
"""A dead node is noticed within seconds, not half a minute."""


class TwoNodes:
    """Of one core each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

        self._node: dict[str, Any] = {
            "num_cpus": 1,
            "object_store_memory": 80 * 2**20,
            "node_ip_address": "127.0.0.1",
            "include_dashboard": False,
        }
        self._cluster = Cluster(initialize_head=True, head_node_args={**self._node, "_system_config": _QUICK})
        self._second = self._cluster.add_node(**self._node)
        self.address: str = self._cluster.address

    def kill_second(self) -> None:
        """As a power cut would: neither it nor its workers can say good-bye."""
        self._cluster.remove_node(self._second, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


@contextmanager
def running_ray() -> Iterator[TwoNodes]:
    # What Ray reads when it is imported: no reports home, no address but loopback.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    # Its workers are processes of their own, and load our code as this one does.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    cluster = TwoNodes()
    try:
        yield cluster
    finally:
        cluster.close()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
