"""A Hub on this machine."""

import pytest
from loopback_hub import LoopbackHub


@pytest.fixture
def hub(tmp_path):
    server = LoopbackHub(tmp_path / "hub")
    yield server
    assert server.refused == []
    server.stop()
