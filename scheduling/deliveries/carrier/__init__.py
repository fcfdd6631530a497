"""What carriers report about parcels."""
