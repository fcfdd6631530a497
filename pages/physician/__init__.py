"""Pages of physicians: today, the week, consultations, assessments, settings."""
