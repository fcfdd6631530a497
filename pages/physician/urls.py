"""Addresses of physicians."""

from django.urls import path

from pages.physician.today import Today

urls = [
    path("physician/", Today.as_view(), name="today"),
]
