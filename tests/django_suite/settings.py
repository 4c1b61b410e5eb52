"""Django's settings for its own tests; the parent process says which engine and which server."""

import json
import os

import django

from tests.support.driver import IS_PSYCOPG3

DATABASES = json.loads(os.environ["DJANGO_SUITE_DATABASES"])
TEST_RUNNER = "tests.django_suite.recorder.RecordingRunner"

# As in Django's own tests/test_sqlite.py
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = False
if django.VERSION < (6, 0):
    DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

if not (DATABASES["default"]["ENGINE"].startswith("django_pgpool") or IS_PSYCOPG3):
    from psycogreen.gevent import patch_psycopg

    patch_psycopg()
