"""A site with the admin and the operator's page, as a user writes it; PGPOOL_PAGE_DATABASE is its
entry of DATABASES. Served by gunicorn: ``page_site:application``. As a program: makes its tables
and users."""
# ruff: noqa: E402  the settings come first

import json
import os
import sys
from threading import Event

from django.conf import settings

POLICY = "default-src 'self'"
HOSTILE = "x/../<script>alert('&')</script>\"?#%2F"
"""An alias that nobody has."""


def strict(get_response):
    """Middleware: the site's own policy, beside what a view has set."""

    def middleware(request):
        response = get_response(request)
        own = response.headers.get("Content-Security-Policy")
        response.headers["Content-Security-Policy"] = f"{own}, {POLICY}" if own else POLICY
        return response

    return middleware


settings.configure(
    SECRET_KEY="page",
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    STATIC_URL="static/",
    DATABASES=dict.fromkeys(("default", HOSTILE), json.loads(os.environ["PGPOOL_PAGE_DATABASE"])),
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django_pgpool",
    ],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django_pgpool": {"handlers": ["console"], "level": "INFO"}},
    },
    MIDDLEWARE=[
        f"{__name__}.strict",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)

import django

django.setup()

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection, connections
from django.http import HttpResponse
from django.urls import include, path


def query(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("done")


released = Event()
"""What is set the next time. Whoever comes after that waits for another one."""


def hold_until_released(request, number):
    """Hold a connection until somebody asks for /release/ the next time."""
    until = released
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        until.wait(100)
    return HttpResponse("held")


def release(request):
    global released
    now, released = released, Event()
    now.set()
    return HttpResponse("released")


def use_hostile(request):
    """From now on it is among the pools of this process."""
    connections[HOSTILE].ensure_connection()
    return HttpResponse("used")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="admin/login.html")),  # for everybody
    path("pgpool/", include("django_pgpool.urls")),
    path("query/", query),
    path("held/<int:number>", hold_until_released),
    path("release/", release),
    path("hostile/", use_hostile),
]
application = get_wsgi_application()


def make() -> None:
    """Tables, and users: each with its name for a password."""
    from django.contrib.auth.models import Permission, User

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("root", password="root")
    User.objects.create_user("looker", password="looker", is_staff=True)
    operator = User.objects.create_user("operator", password="operator", is_staff=True)
    operator.user_permissions.add(Permission.objects.get(codename="operate_pool"))
    User.objects.create_user("customer", password="customer")


if __name__ == "__main__":
    sys.exit(make())
