"""One conversation's events as a Redis Stream that all servers write and read in one order.

Entries are numbered `ID-0` for an event and `ID-n` for what moved the conversation on after it. Beside the
stream lies a hash: `last` and `reserved` (event ids), `revision`, `saved` (the last entry that the store's
snapshot holds), `trimmed` (the last entry that the stream has lost), `lost`, and an `epoch`, which is another
one whenever the two were made anew. A write and the check of its revision are one script; so is what a writer
has missed since it last looked. A feed tells every server which conversations have changed. All keys share a
hash tag: one node holds them.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from copilot.adapters.redis.client import translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

Position = tuple[int, int]
"""An entry's number: (event id, what came after that event)."""

_SECONDS_KEPT = 4 * 3_600
"""Of a conversation in which nothing happens; the store knows it for ever."""
_SECONDS_KEPT_OVER = 600
_FEED_KEPT = 20_000
_TAG = "{copilot}"
FEED = f"{_TAG}:feed"

_STATE = """
local function state(meta, stream, after)
  local m = redis.call('HMGET', meta, 'epoch', 'last', 'reserved', 'revision', 'saved', 'trimmed', 'lost')
  if not m[1] then return {'none'} end
  return {'ok', m, redis.call('XRANGE', stream, after, '+')}
end
"""
_READ = _STATE + "return state(KEYS[1], KEYS[2], ARGV[1])"
_BEGIN = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[2])
local first = ARGV[2] .. '-0'
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'last', ARGV[2], 'reserved', ARGV[3], 'revision', ARGV[4],
  'saved', first, 'trimmed', first, 'lost', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1
"""
_ADD = (
    _STATE
    + """
local m = redis.call('HMGET', KEYS[1], 'epoch', 'last', 'reserved', 'revision')
if m[1] ~= ARGV[1] then return {'other'} end
local last, revision = tonumber(m[2]), tonumber(ARGV[2])
if revision < tonumber(m[4]) then return {'stale'} end
local number
if ARGV[3] == 'event' then
  if last >= tonumber(m[3]) then return {'full'} end
  last = last + 1
  redis.call('HSET', KEYS[1], 'last', last)
  number = last .. '-0'
else
  redis.call('HSET', KEYS[1], 'revision', revision)
  number = last .. '-*'
end
redis.call('XADD', KEYS[2], number, 'kind', ARGV[3], 'by', ARGV[4], 'body', ARGV[5])
if redis.call('XLEN', KEYS[2]) > tonumber(ARGV[6]) then
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1][1]
  redis.call('XDEL', KEYS[2], oldest)
  redis.call('HSET', KEYS[1], 'trimmed', oldest)
end
redis.call('EXPIRE', KEYS[1], ARGV[7])
redis.call('EXPIRE', KEYS[2], ARGV[7])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'of', ARGV[9], 'by', ARGV[4], 'alert', ARGV[11])
local s = state(KEYS[1], KEYS[2], ARGV[10])
s[4] = last
return s
"""
)
_RESERVE = """
local m = redis.call('HMGET', KEYS[1], 'epoch', 'last', 'reserved')
if m[1] ~= ARGV[1] or tonumber(m[2]) < tonumber(m[3]) or tonumber(m[3]) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], 'last', math.max(tonumber(m[2]), tonumber(ARGV[2]) - 1), 'reserved', ARGV[3])
return 1
"""
_SAVED = """
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then redis.call('HSET', KEYS[1], 'saved', ARGV[2]) end
return 1
"""
_REPLACE = """
local m = redis.call('HMGET', KEYS[1], 'last', 'reserved', 'revision')
local function most(a, b) return math.max(tonumber(a or 0) or 0, tonumber(b)) end
local last = most(m[1], ARGV[2])
local first = string.format('%d-0', last)
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'last', last, 'reserved', most(m[2], ARGV[3]),
  'revision', most(m[3], ARGV[4]), 'saved', first, 'trimmed', first, 'lost', 0)
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', 'of', ARGV[7], 'by', ARGV[8], 'alert', '')
return last
"""
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Entry(NamedTuple):
    """`kind` is `event` or `conversation`, `by` whoever wrote it, `body` its JSON."""

    position: Position
    kind: str
    by: str
    body: str


class State(NamedTuple):
    """Where a conversation stands, and its entries since the asked position."""

    epoch: str
    last: int
    reserved: int
    revision: int
    saved: Position
    trimmed: Position
    lost: int
    entries: tuple[Entry, ...]


class Added(NamedTuple):
    """`outcome`: ok, stale (an older revision), full (no ids are left) or other (begun anew since)."""

    outcome: str
    number: int = 0
    state: State | None = None


class Changed(NamedTuple):
    """A conversation that somebody wrote to; `alert` is an alert's JSON, or empty."""

    tenant_id: str
    conversation_id: str
    by: str
    alert: str


class SharedStreams:
    """The scripts above, typed. Every method raises `DependencyUnavailable` when Redis does not answer."""

    def __init__(self, redis: "Redis", *, ring: int, me: str) -> None:
        self.me = me
        self._redis = redis
        self._ring = ring
        self._read = redis.register_script(_READ)
        self._begin = redis.register_script(_BEGIN)
        self._add = redis.register_script(_ADD)
        self._reserve = redis.register_script(_RESERVE)
        self._saved = redis.register_script(_SAVED)
        self._replace = redis.register_script(_REPLACE)
        self._unlock = redis.register_script(_UNLOCK)

    async def read(self, of: tuple[str, str], after: Position | None) -> State | None:
        """None when nobody has begun it, or it was forgotten."""
        async with translated():
            return _state(await self._read(keys=keys_of(of), args=[_since(after)]))

    async def begin(
        self, of: tuple[str, str], epoch: str, *, first: int, reserved: int, revision: int, lost: int
    ) -> None:
        """Nothing where somebody else was quicker."""
        async with translated():
            await self._begin(
                keys=keys_of(of), args=[epoch, first - 1, reserved, revision, lost, _SECONDS_KEPT]
            )

    async def add(
        self,
        of: tuple[str, str],
        epoch: str,
        entry: Entry,
        revision: int,
        *,
        after: Position,
        alert: str = "",
        over: bool = False,
    ) -> Added:
        """Writes `entry`, whose position is not known yet; the answer holds what came after `after`."""
        kept = _SECONDS_KEPT_OVER if over else _SECONDS_KEPT
        arguments: list[str | int] = [
            epoch, revision, entry.kind, entry.by, entry.body, self._ring, kept, _FEED_KEPT,
            json.dumps(of), _since(after), alert,
        ]  # fmt: skip
        async with translated():
            said = await self._add(keys=[*keys_of(of), FEED], args=arguments)
        return Added("ok", int(said[3]), _state(said)) if said[0] == "ok" else Added(said[0])

    async def reserve(self, of: tuple[str, str], epoch: str, first: int, reserved: int) -> None:
        async with translated():
            await self._reserve(keys=keys_of(of), args=[epoch, first, reserved])

    async def saved(self, of: tuple[str, str], epoch: str, position: Position) -> None:
        async with translated():
            await self._saved(keys=keys_of(of), args=[epoch, _number(position)])

    async def replace(
        self, of: tuple[str, str], epoch: str, *, last: int, reserved: int, revision: int
    ) -> int:
        """Begins the stream anew after what happened without it; the last event id given anywhere."""
        arguments: list[str | int] = [
            epoch, last, reserved, revision, _SECONDS_KEPT, _FEED_KEPT, json.dumps(of), self.me,
        ]  # fmt: skip
        async with translated():
            return int(await self._replace(keys=[*keys_of(of), FEED], args=arguments))

    async def lock(self, of: tuple[str, str], *, milliseconds: int) -> bool:
        """Whether it was free; it is free again after that time at the latest."""
        async with translated():
            return bool(await self._redis.set(_lock(of), self.me, nx=True, px=milliseconds))

    async def unlock(self, of: tuple[str, str]) -> None:
        async with translated():
            await self._unlock(keys=[_lock(of)], args=[self.me])

    async def feed_end(self) -> str:
        async with translated():
            newest = await self._redis.xrevrange(FEED, count=1)
        return str(newest[0][0]) if newest else "0-0"


async def follow_feed(redis: "Redis", after: str, *, milliseconds: int) -> tuple[str, Sequence[Changed]]:
    """What changed since `after`, as soon as something has, and where to go on. The client may block."""
    async with translated():
        found: Any = await redis.xread({FEED: after}, count=1_000, block=milliseconds)
    entries = found[0][1] if found else []
    changed = [Changed(*_of(fields["of"]), fields["by"], fields["alert"]) for _, fields in entries]
    return (str(entries[-1][0]) if entries else after), changed


def keys_of(of: tuple[str, str]) -> list[str]:
    tenant, conversation = of
    return [f"{_TAG}:{tenant}:{conversation}", f"{_TAG}:{tenant}:{conversation}:events"]


def _of(text: str) -> tuple[str, str]:
    tenant, conversation = json.loads(text)
    return tenant, conversation


def _lock(of: tuple[str, str]) -> str:
    return f"{keys_of(of)[0]}:lock"


def _number(position: Position) -> str:
    return f"{position[0]}-{position[1]}"


def _since(after: Position | None) -> str:
    return "-" if after is None else f"({_number(after)}"


def _position(number: str) -> Position:
    event, _, sub = number.partition("-")
    return int(event), int(sub)


def _state(said: Sequence[Any]) -> State | None:
    if said[0] != "ok":
        return None
    epoch, last, reserved, revision, saved, trimmed, lost = said[1]
    entries = (
        Entry(
            _position(number), *(dict(zip(f[::2], f[1::2], strict=True))[n] for n in ("kind", "by", "body"))
        )
        for number, f in said[2]
    )
    numbers = int(last), int(reserved), int(revision)
    return State(epoch, *numbers, _position(saved), _position(trimmed), int(lost), tuple(entries))
