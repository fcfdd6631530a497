"""Pages as people use them: real Chromium against a real server."""
