"""Pages of patients: their care, their record, their settings."""
