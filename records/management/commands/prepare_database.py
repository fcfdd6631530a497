"""Makes the database ready: migrations by the owner, the application's rights, first rows."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections
from psycopg import sql

from records.append_only import TABLES


class Command(BaseCommand):
    help = "Migrate as the owner, grant the application's role its rights, load ZIPs and defaults."

    def handle(self, **_: Any) -> None:
        owner = "owner" if "owner" in settings.DATABASES else "default"
        call_command("migrate", database=owner, interactive=False, verbosity=0)
        call_command("createcachetable", database=owner, verbosity=0)
        app, me = (settings.DATABASES[name]["USER"] for name in ("default", owner))
        if app != me:
            grant(owner, app)
        self.stdout.write("migrated")
        call_command("load_zips", stdout=self.stdout)
        call_command("load_defaults", stdout=self.stdout)


def grant(owner: str, app: str) -> None:
    """Let the role ``app`` read and write all tables; of append-only ones, read and insert."""
    role = sql.Identifier(app)
    with connections[owner].cursor() as cursor:
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
            "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {}",
        ):
            cursor.execute(sql.SQL(statement).format(role))
        for table in TABLES:
            name = sql.Identifier(table)
            cursor.execute(sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}").format(name, role))
