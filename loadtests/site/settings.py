"""Settings of the site under load; everything that varies comes from the environment as JSON."""

from __future__ import annotations

import json
import os

DATABASES = {"default": json.loads(os.environ["LOADTEST_DATABASE"])}

SECRET_KEY = "only for load tests"
ALLOWED_HOSTS = ["localhost"]
DEBUG = False
INSTALLED_APPS = ["loadtests.site"]
ROOT_URLCONF = "loadtests.site.urls"
WSGI_APPLICATION = "loadtests.site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
