"""Pages of staff: deliveries, patients, texts, work."""
