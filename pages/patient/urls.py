"""Addresses of patients."""

from django.urls import path

from pages.patient.appointment import AddToCalendar, Appointment
from pages.patient.care import Care
from pages.patient.record import Record
from pages.patient.settings import Settings

urls = [
    path("care/", Care.as_view(), name="care"),
    path("care/appointments/<uuid:pk>/", Appointment.as_view(), name="appointment"),
    path(
        "care/appointments/<uuid:pk>/appointment.ics",
        AddToCalendar.as_view(),
        name="appointment-file",
    ),
    path("care/record/", Record.as_view(), name="record"),
    path("care/settings/", Settings.as_view(), name="my-settings"),
]
