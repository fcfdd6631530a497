"""What is paid for."""
