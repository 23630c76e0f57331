"""Whose rows the current task works on: what PostgreSQL's row-level security is told of each transaction."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

EVERY_TENANT = "*"
"""For what is nobody's in particular: signing in, recovery, migrations."""

Store = TypeVar("Store")
TenantOf = Callable[[tuple[Any, ...], dict[str, Any]], str]

_tenant: ContextVar[str] = ContextVar("tenant", default="")


def tenant_of_task() -> str:
    """Empty when nobody said: then there are no rows."""
    return _tenant.get()


@contextmanager
def working_for(tenant_id: str) -> Iterator[None]:
    """Every transaction begun within sees that tenant's rows alone."""
    token = _tenant.set(tenant_id)
    try:
        yield
    finally:
        _tenant.reset(token)


def of_one_tenant(*, but: tuple[str, ...] = ()) -> Callable[[type[Store]], type[Store]]:
    """Makes every public method of a store work for the tenant that it is called with.

    That is its argument `tenant_id`, or the `tenant_id` of its first argument. `but` names the methods that
    work for every tenant. What a statement forgets to ask for, the database then withholds by itself.
    """

    def bind(store: type[Store]) -> type[Store]:
        for name, method in list(vars(store).items()):
            if name.startswith("_") or (name not in but and not _has_arguments(method)):
                continue
            tenant_of = _every_tenant if name in but else _finder(method)
            if inspect.iscoroutinefunction(method):
                setattr(store, name, _call(method, tenant_of))
            elif inspect.isasyncgenfunction(method):
                setattr(store, name, _iteration(method, tenant_of))
        return store

    return bind


def _has_arguments(method: Any) -> bool:  # noqa: ANN401 - whatever a class holds
    return callable(method) and len(inspect.signature(method).parameters) > 1


def _every_tenant(_args: tuple[Any, ...], _named: dict[str, Any]) -> str:
    return EVERY_TENANT


def _finder(method: Callable[..., Any]) -> TenantOf:
    parameters = list(inspect.signature(method).parameters)
    if "tenant_id" not in parameters:
        return lambda args, named: str((args[1] if len(args) > 1 else next(iter(named.values()))).tenant_id)
    place = parameters.index("tenant_id")
    return lambda args, named: str(args[place] if len(args) > place else named["tenant_id"])


def _call(method: Callable[..., Awaitable[Any]], tenant_of: TenantOf) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def called(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - as the method's
        with working_for(tenant_of(args, named)):
            return await method(*args, **named)

    return called


def _iteration(
    method: Callable[..., AsyncIterator[Any]], tenant_of: TenantOf
) -> Callable[..., AsyncIterator[Any]]:
    @wraps(method)
    async def iterated(*args: Any, **named: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        tenant_id, source = tenant_of(args, named), method(*args, **named)
        while True:
            with working_for(tenant_id):  # never while somebody else's code runs in between
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    return
            yield item

    return iterated
