"""Superset's settings, all from the environment; `docs/superset.md` has the variables. Superset loads it as SUPERSET_CONFIG_PATH."""

import os
from pathlib import Path


def _secret(name: str) -> str:
    """The variable, or what the file that NAME_FILE names holds."""
    place = os.environ.get(f"{name}_FILE")
    found = Path(place).read_text(encoding="utf-8").strip() if place else os.environ.get(name, "")
    if not found:
        raise RuntimeError(f"superset: {name} is empty, expected a value, or {name}_FILE naming a file that holds it")
    return found


SECRET_KEY = _secret("SUPERSET_SECRET_KEY")
SQLALCHEMY_DATABASE_URI = _secret("SUPERSET_DATABASE")  # its own tables; nothing of ours is kept there

# Behind the proxy that terminates TLS; on the loopback without one cookies have to pass over plain HTTP.
ENABLE_PROXY_FIX = True
SESSION_COOKIE_SECURE = os.environ.get("SUPERSET_PLAIN_HTTP") != "1"
SESSION_COOKIE_SAMESITE = "Lax"
TALISMAN_ENABLED = True
WTF_CSRF_ENABLED = True

# Nothing leaves the machine: no usage pixel, no map tiles, no thumbnails.
FEATURE_FLAGS = {"DASHBOARD_RBAC": True, "THUMBNAILS": False}
MAPBOX_API_KEY = ""

# Live positions are looked at again every minute; an answer older than that is asked anew.
_CACHE = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 30}
CACHE_CONFIG = DATA_CACHE_CONFIG = (
    _CACHE  # what filters and explorations hold stays in Superset's own database, which all its workers share
)
RATELIMIT_STORAGE_URI = os.environ.get("SUPERSET_LIMITS", "memory://")
ROW_LIMIT = 10_000
SUPERSET_WEBSERVER_TIMEOUT = 60
