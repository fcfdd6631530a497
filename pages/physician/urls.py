"""Addresses of physicians."""

from django.urls import path

from pages.physician.moving import Move
from pages.physician.today import Today
from pages.physician.week import Week

urls = [
    path("physician/", Today.as_view(), name="today"),
    path("physician/week/", Week.as_view(), name="week"),
    path("physician/consultations/<uuid:pk>/move/", Move.as_view(), name="move"),
]
