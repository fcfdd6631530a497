"""The Celery application and the beat table: which sweep runs how often."""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, task_postrun, task_prerun, worker_process_init
from structlog.contextvars import bind_contextvars, unbind_contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("hearth")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Sweep → seconds between two of its ticks. Intervals, never local times: a crontab in a local
# zone goes silent for an hour in autumn. A tick that waited longer than its interval is dropped.
SWEEPS = {
    "notifications.write_messages": 5,
    "notifications.send_due": 2,
    "notifications.page_again": 15,
    "notifications.reconcile": 15,
    "notifications.look_up": 60,
    "notifications.act_on_texts": 60,
    "notifications.tell_agendas": 60,
    "notifications.tell_digests": 60,
    "scheduling.release_expired_holds": 60,
    "scheduling.replan": 3,
    "scheduling.replan_everyone": 3600,
    "scheduling.open_windows": 3600,
    "scheduling.warn_of_rules": 3600,
    "patients.forget_drafts": 3600,
    "accounts.forget_sessions": 3600,
    "rights.make_exports": 15,
    "records.forget_old_answers": 3600,
    "records.watch_limits": 60,
    "records.seal_audit": 60,
}
app.conf.beat_schedule = {
    name: {"task": name, "schedule": seconds, "options": {"expire_seconds": seconds}}
    for name, seconds in SWEEPS.items()
}


@beat_init.connect
def forget_old_entries(**_: Any) -> None:
    """Remove what left the table above from the database, where beat keeps it."""
    from django_celery_beat.models import PeriodicTask  # noqa: PLC0415  needs the apps

    PeriodicTask.objects.exclude(name__in=[*SWEEPS, "celery.backend_cleanup"]).delete()


@task_prerun.connect
def name_run(task_id: str, task: Any, **_: Any) -> None:
    """Every line of a sweep says which run of it wrote it."""
    bind_contextvars(sweep=task.name, run_id=task_id)


@task_postrun.connect
def forget_run(**_: Any) -> None:
    """The next line is of no run."""
    unbind_contextvars("sweep", "run_id")


@worker_process_init.connect
def keep_what_is_loaded(**_: Any) -> None:
    """What was loaded by now stays: looking through it for rubbish took a tenth of the time."""
    gc.freeze()
