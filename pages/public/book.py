"""A consultation is booked."""

from pages.page import Page


class Book(Page):
    """A consultation is booked."""

    template = "pages/public/book.html"
