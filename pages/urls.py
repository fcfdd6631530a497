"""Every page, by who looks; signing in is `pages.sign_in`."""

from django.urls import path

from pages.page import Home, StillHere
from pages.patient.urls import urls as patient
from pages.people import People
from pages.physician.urls import urls as physician
from pages.practice import Practice
from pages.public.urls import urls as public
from pages.staff.urls import urls as staff

urls = [
    *public,
    *patient,
    *physician,
    *staff,
    path("home/", Home.as_view(), name="home"),
    path("practice/", Practice.as_view(), name="practice"),
    path("practice/people/", People.as_view(), name="people"),
    path("still-here/", StillHere.as_view(), name="still-here"),
]
