"""The operator's page: ``path("pgpool/", include("django_pgpool.urls"))``. See docs/page.md."""

from __future__ import annotations

from django.urls import path

from .page import views

app_name = "django_pgpool"
urlpatterns = [
    path("", views.page, name="page"),
    path("assets/<str:name>", views.asset, name="asset"),
    path("<path:alias>/drain/", views.drain, name="drain"),
    path("<path:alias>/resize/", views.resize, name="resize"),
]
