"""Addresses of patients."""

from django.urls import path

from pages.patient.care import Care
from pages.patient.record import Record
from pages.patient.settings import Settings

urls = [
    path("care/", Care.as_view(), name="care"),
    path("care/record/", Record.as_view(), name="record"),
    path("care/settings/", Settings.as_view(), name="my-settings"),
]
