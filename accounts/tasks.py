"""The sweep of accounts."""

from celery import shared_task

from accounts import sessions


@shared_task(name="accounts.forget_sessions")
def forget_sessions() -> None:
    """Delete sessions that are over, where they were, and codes of yesterday."""
    sessions.forget()
