#!/bin/sh
# What Django itself checks: migrations are complete and safe, production settings hold, and the
# committed schema is the one that the code tells.
set -eu
python=.venv/bin/python
.venv/bin/mypy .
$python manage.py makemigrations --check --dry-run
HEARTH_ENV=production TWILIO_ACCOUNT_SID=AC TWILIO_AUTH_TOKEN=t \
    TWILIO_FROM_NUMBER=+18505550100 EMAIL_URL=smtp://127.0.0.1:2525 \
    PUBLIC_BASE_URL=https://hearth.example.org \
    $python manage.py check --deploy --fail-level WARNING
$python manage.py spectacular --validate --fail-on-warn --file .data/openapi.yaml
diff -u openapi.yaml .data/openapi.yaml || {
    echo "openapi.yaml is not what the code tells: cp .data/openapi.yaml openapi.yaml"; exit 1; }
