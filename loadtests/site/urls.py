"""Addresses of the site under load."""

from __future__ import annotations

from django.urls import path, re_path

from . import views

urlpatterns = [
    path("health", views.health),
    re_path("^((?:read|write|report|timeout|kill|leak)/[0-9./]+)$", views.visit),
]
