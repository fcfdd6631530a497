"""Tables that only grow: a migration's operation that makes PostgreSQL refuse everything else."""

from django.db.migrations import RunSQL

FUNCTION = RunSQL(
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END $$;
    """,
    "DROP FUNCTION refuse_change();",
)

# What the application's role may not UPDATE, DELETE or TRUNCATE; `prepare_database` revokes it.
TABLES = (
    "records_event",
    "records_accesslog",
    "records_auditseal",
    "records_correction",
    "patients_address",
    "patients_brokenglass",
    "patients_consent",
    "patients_contactchange",
    "patients_identitycheck",
    "rights_amendment",
    "rights_amendmentanswer",
    "scheduling_carrierevent",
    "scheduling_custodyevent",
    "scheduling_decision",
    "scheduling_reading",
)


def append_only(table: str) -> RunSQL:
    """Make ``table`` append-only by triggers, which hold for the owner of the table too."""
    return RunSQL(
        f"""
        CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION refuse_change();
        CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
        """,
        f"""
        DROP TRIGGER {table}_is_append_only ON {table};
        DROP TRIGGER {table}_is_never_emptied ON {table};
        """,
    )
