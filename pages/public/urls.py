"""Addresses that anybody may look at."""

from django.urls import path

from pages.public.book import Book, Time
from pages.public.confirm import Confirm
from pages.public.front import Front
from pages.public.links import Appointment, Download, Join, Support
from pages.public.qualify import Begin, Done, Qualify

urls = [
    path("", Front.as_view(), name="front"),
    path("qualify/", Begin.as_view(), name="qualify"),
    path("qualify/done/", Done.as_view(), name="qualify-done"),
    path("qualify/<slug:step>/", Qualify.as_view(), name="qualify-step"),
    path("book/", Book.as_view(), name="book"),
    path("book/time/", Time.as_view(), name="book-time"),
    path("book/confirm/", Confirm.as_view(), name="book-confirm"),
    path("support/<str:token>", Support.as_view()),
    path("join/<str:token>", Join.as_view()),
    path("exports/<str:token>", Download.as_view()),
    path("a/<str:token>", Appointment.as_view()),
]
