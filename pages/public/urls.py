"""Addresses that anybody may look at."""

from django.urls import path

from pages.public.book import Book
from pages.public.front import Front
from pages.public.links import Appointment, Download, Join, Support

urls = [
    path("", Front.as_view(), name="front"),
    path("book/", Book.as_view(), name="book"),
    path("support/<str:token>", Support.as_view()),
    path("join/<str:token>", Join.as_view()),
    path("exports/<str:token>", Download.as_view()),
    path("a/<str:token>", Appointment.as_view()),
]
