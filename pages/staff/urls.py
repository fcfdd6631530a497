"""Addresses of staff."""

from django.urls import path

from pages.staff.board import BoardPage
from pages.staff.papers import Papers
from pages.staff.parcel import Choose, Parcel
from pages.staff.windows import Closures, Holidays, Windows, Zones

urls = [
    path("staff/", BoardPage.as_view(), name="board"),
    path("staff/deliveries/<uuid:pk>/", Parcel.as_view(), name="parcel"),
    path("staff/deliveries/<uuid:pk>/window/", Choose.as_view(), name="choose"),
    path("staff/papers/<slug:kind>.<slug:shape>", Papers.as_view(), name="papers"),
    path("staff/windows/", Windows.as_view(), name="windows"),
    path("staff/windows/closures/", Closures.as_view(), name="closures"),
    path("staff/windows/holidays/", Holidays.as_view(), name="holidays"),
    path("staff/windows/zones/", Zones.as_view(), name="zones"),
]
