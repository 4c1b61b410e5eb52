"""Addresses of the site under load."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("read/<int:number>", views.read),
    path("write/<int:number>", views.write),
    path("report/<int:milliseconds>", views.report),
    path("pool", views.pool),
    path("health", views.health),
]
