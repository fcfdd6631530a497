"""Addresses of staff."""

from django.urls import path

from pages.staff.board import Board

urls = [
    path("staff/", Board.as_view(), name="board"),
]
