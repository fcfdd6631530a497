"""What people are told: facts become messages, messages are sent, replies come back."""
