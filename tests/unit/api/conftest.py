import sys
from pathlib import Path

import httpx
import pytest

from copilot.api.app import create_api
from copilot.domain.access import Principal, Role

sys.path.insert(0, str(Path(__file__).parent))

from world import World


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def anonymous(world):
    app = create_api(world, allowed_origins=r"(chrome-extension|moz-extension)://[a-z0-9-]+")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.fixture
def as_role(world, anonymous):
    async def signed_in(role, tenant_id="larkfield", expires_at=None):
        principal = Principal(id=f"{role}_1", tenant_id=tenant_id, name="Ana", role=role)
        key = await world.api_keys.create(principal, expires_at)
        anonymous.headers["Authorization"] = f"Bearer {key}"
        return anonymous

    return signed_in


@pytest.fixture
async def client(as_role):
    """Signed in as a representative."""
    return await as_role(Role.REPRESENTATIVE)


@pytest.fixture
async def conversation(client):
    """The path of an open conversation."""
    opened = (await client.post("/v1/conversations", json={"channel": "chat"})).json()
    return f"/v1/conversations/{opened['id']}"
