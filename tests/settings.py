"""Django's settings for the tests, in the pytest process and in those that it starts.

Which database there is comes from the environment: the fixture ``server`` makes it.
"""

import json
import os

import support.driver  # noqa: F401  before Django looks which driver there is
from psycopg2.extensions import parse_dsn
from support.server import URL_VARIABLE

SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["shop"]
LOGGING_CONFIG = None


def database(dsn: str) -> dict[str, object]:
    """The entry of DATABASES for a libpq connection string."""
    params = parse_dsn(dsn) if dsn else {}
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    names["PORT"] = "port"
    entry = {key: params.pop(name, "") for key, name in names.items()}
    return {"ENGINE": "django_pgpool", **entry, "OPTIONS": params}


DATABASES = {"default": database(os.environ.get(URL_VARIABLE, ""))}
DATABASES["default"]["OPTIONS"].update(json.loads(os.environ.get("PGPOOL_TEST_OPTIONS", "{}")))
