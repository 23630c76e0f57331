"""Every route of an app, however it was put together."""


def every_route(routes):
    """FastAPI keeps an included router whole: its routes are inside."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from every_route(inner.routes)
