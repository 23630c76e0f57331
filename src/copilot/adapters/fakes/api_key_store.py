"""An ApiKeyStore in memory."""

from datetime import datetime

from copilot.domain.access import ApiKey, Principal
from copilot.domain.errors import KeyExpired, NotAuthenticated, NotFound
from copilot.ports import Clock


class MemoryApiKeyStore:
    """Keys `cop_<prefix>_<prefix>` that nobody should find hard to guess; for tests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, ApiKey] = {}

    async def create(self, principal: Principal, expires_at: datetime | None = None) -> str:
        prefix = f"{len(self._keys) + 1:012x}"
        self._keys[prefix] = ApiKey(
            prefix=prefix,
            principal=principal.model_copy(update={"until": expires_at}),
            created_at=self._clock.now(),
            expires_at=expires_at,
        )
        return f"cop_{prefix}_{prefix}"

    async def principal_of(self, key: str) -> Principal:
        prefix = key.removeprefix("cop_").partition("_")[0]
        if key != f"cop_{prefix}_{prefix}":
            raise NotAuthenticated("this API key is unknown or revoked")
        return await self.holder_of(prefix)

    async def holder_of(self, prefix: str) -> Principal:
        found = self._keys.get(prefix)
        if found is None or found.revoked_at:
            raise NotAuthenticated("this API key is unknown or revoked")
        if found.expires_at and found.expires_at <= self._clock.now():
            raise KeyExpired("this API key has expired")
        return found.principal

    async def list_keys(self, tenant_id: str) -> list[ApiKey]:
        return [key for key in self._keys.values() if key.principal.tenant_id == tenant_id]

    async def revoke(self, tenant_id: str, prefix: str) -> None:
        found = self._keys.get(prefix)
        if found is None or found.principal.tenant_id != tenant_id:
            raise NotFound(f"there is no API key with the prefix {prefix!r}")
        revoked_at = found.revoked_at or self._clock.now()
        self._keys[prefix] = found.model_copy(update={"revoked_at": revoked_at})
