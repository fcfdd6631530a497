"""A stand-in for Twilio's REST API, with a phone on a page; development and tests only."""
