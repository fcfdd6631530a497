"""What Hearth is, and for whom."""

from pages.page import Page


class Front(Page):
    """What Hearth is, and for whom."""

    template = "pages/public/front.html"
