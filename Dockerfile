# One image for web, worker, beat and the preparing of the database. It holds no secret: all that
# Hearth needs to know comes from the environment (docs/operations.md).
FROM node:24-slim AS assets
WORKDIR /assets
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY pages/assets pages/assets
RUN node_modules/.bin/esbuild pages/assets/*.css pages/assets/*.js --bundle --minify --format=esm \
    --loader:.woff2=file --asset-names=[name] --outdir=.assets/vendor

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --home-dir /nonexistent hearth
WORKDIR /hearth
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY . .
COPY --from=assets /assets/.assets .assets
# The settings of production ask for these; collecting files uses none of them, and none is kept.
RUN HEARTH_ENV=production SECRET_KEY="$(printf 'thrown-away-%.0s' 1 2 3 4 5)" \
    FIELD_KEYS="k1:$(head -c 32 /dev/urandom | base64)" \
    DATABASE_URL=postgres://nobody@localhost/none BROKER_URL=redis://nowhere \
    PUBLIC_BASE_URL=https://nowhere.example \
    TWILIO_ACCOUNT_SID=- TWILIO_AUTH_TOKEN=- TWILIO_FROM_NUMBER=- \
    EMAIL_URL=smtp://nowhere python manage.py collectstatic --noinput
USER hearth
EXPOSE 8000
CMD ["gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "2", \
     "--worker-class", "gthread", "--threads", "8", "--timeout", "60", "--graceful-timeout", "10", \
     "--log-level", "warning", "--no-control-socket"]
