"""All settings, in one file, from the environment; each variable is told in docs/operations.md."""

import re
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

HEARTH_ENV = env.str("HEARTH_ENV", "development")
if HEARTH_ENV not in ("development", "test", "production"):
    raise ImproperlyConfigured("HEARTH_ENV is development, test or production.")
PRODUCTION = HEARTH_ENV == "production"
# Without an account at Twilio, texts and mails go to a page of our own, and time can be moved.
SANDBOX = not PRODUCTION and not env.str("TWILIO_ACCOUNT_SID", "")
DEBUG = False
PORT = env.int("PORT", 8000)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
SECRET_KEY = env.str("SECRET_KEY")


def _field_keys(text: str) -> dict[str, bytes]:
    """``id:base64`` of 32 bytes each, by commas; the first one encrypts, the others still open."""
    pairs = [entry.strip().partition(":") for entry in text.split(",")]
    try:
        keys = {name: b64decode(key, validate=True) for name, _, key in pairs}
    except ValueError:
        keys = {}
    drawn = all(len(key) == 32 and len(set(key)) > 16 for key in keys.values())
    named = all(re.fullmatch(r"[a-z0-9]{1,16}", name) for name in keys)
    if not (named and drawn and len(keys) == len(pairs)):
        raise ImproperlyConfigured("FIELD_KEYS takes id:key by commas, each 32 random bytes.")
    return keys


# What people write about health is encrypted with these (records/crypto.py).
FIELD_KEYS = _field_keys(env.str("FIELD_KEYS"))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# What the practice calls itself. A text shows this name: it must not say what kind of care it is.
PRACTICE_NAME = env.str("PRACTICE_NAME", "Hearth")
if not (PRACTICE_NAME.isascii() and PRACTICE_NAME.isprintable() and PRACTICE_NAME.strip()) or (
    len(PRACTICE_NAME) > 20
):
    raise ImproperlyConfigured("PRACTICE_NAME takes 1 to 20 plain letters: a text must hold it.")
PRACTICE_ZONE = env.str("PRACTICE_ZONE", "America/New_York")
if PRACTICE_ZONE not in ("America/New_York", "America/Chicago"):
    raise ImproperlyConfigured("PRACTICE_ZONE takes America/New_York or America/Chicago.")
PRACTICE_PHONE = env.str("PRACTICE_PHONE", "+18505550100")
if not re.fullmatch(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}", PRACTICE_PHONE):
    raise ImproperlyConfigured("PRACTICE_PHONE takes a US number as E.164: +18505550100.")

INSTALLED_APPS = [
    "records",
    "accounts",
    "patients",
    "scheduling",
    "notifications",
    "rights",
    "pages",
    "config.admin.Config",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "corsheaders",
    "django_htmx",
]
if SANDBOX:
    INSTALLED_APPS.append("notifications.sandbox")

MIDDLEWARE = [
    "records.asking.Requests",
    "config.headers.Headers",
    "config.headers.Bounds",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "records.outage.DatabaseAway",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.health.Slashes",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.sessions.SignedIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pages.page.around",
            ]
        },
    }
]
FORM_RENDERER = "pages.page.Renderer"
MESSAGE_TAGS = {10: "calm", 20: "calm", 25: "good", 30: "warn", 40: "bad"}

# Two roles: `default` serves and owns nothing; `owner` migrates. A connection is kept from request
# to request, and looked at before each: after a restart of the database, nobody gets a dead one.
DATABASES = {"default": env.db("DATABASE_URL")}
if env.str("DATABASE_OWNER_URL", ""):
    DATABASES["owner"] = env.db("DATABASE_OWNER_URL")
for _database in DATABASES.values():  # one that does not answer is away: nobody waits longer
    _database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
    _database |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    _is_here = _database["HOST"] in ("", "localhost", "127.0.0.1", "::1")
    _is_safe = _database["OPTIONS"].get("sslmode") in ("require", "verify-ca", "verify-full")
    if PRODUCTION and not (_is_here or _database["HOST"].startswith("/") or _is_safe):
        raise ImproperlyConfigured("A database elsewhere needs ?sslmode=require, or better.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
BROKER_URL = env.str("BROKER_URL")
# Here allauth keeps which codes of authenticators were used, in the database: the broker may be
# emptied or away at any time. With Django's 300 entries, others would soon push them out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / ".static" if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / ".assets"]  # from npm, by its lock file: make .assets/made
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False

# --- who is asking ---------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "notifications.sign_in.Adapter"
ACCOUNT_LOGIN_METHODS = {"email", "phone"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = True  # of verified addresses
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 3
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# Ours are counted in records/limits.py; what a later door of allauth's has of its own stays.
ACCOUNT_RATE_LIMITS = dict.fromkeys(("login", "login_failed", "request_login_code"))
TRUSTED_PROXY_COUNT = ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
ACCOUNT_SESSION_REMEMBER = False  # a browser that is closed forgets; the server, after 12 h
ACCOUNT_FORMS = {"request_login_code": "notifications.sign_in.CodeForm"}
ACCOUNT_LOGOUT_REDIRECT_URL = "front"
LOGIN_URL, LOGIN_REDIRECT_URL = "account_login", "home"
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_FRONTEND_URLS: dict[str, str] = {}
MFA_ADAPTER = "accounts.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
USERSESSIONS_TRACK_ACTIVITY = True  # shows when each was last used; `accounts.sessions` writes it
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
CSRF_FAILURE_VIEW = "config.health.no_page_of_ours"

SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
X_FRAME_OPTIONS = "DENY"

# --- the API -----------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.Bearer",
        "accounts.api.SessionToken",
        "accounts.api.Cookie",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.DenyAll"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "config.schema.Schema",
    "EXCEPTION_HANDLER": "records.api.problem",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
# The practice's own site may ask what anybody may ask, without credentials.
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key"]
CORS_EXPOSE_HEADERS = ["Retry-After", "Idempotent-Replayed"]
CORS_ALLOWED_ORIGINS = env.list("EMBED_ORIGINS", default=[])
CORS_URLS_REGEX = (
    r"^/api/v1/(service-area|plans|physicians|slots|holds(/[0-9a-f-]+)?|assessments"
    r"(/(questions|drafts(/[0-9a-f-]+(/submit)?)?))?)/$"
)
SPECTACULAR_SETTINGS = {
    "TITLE": "Hearth",
    "DESCRIPTION": "Appointments and at-home treatment of a physician practice.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "POSTPROCESSING_HOOKS": [
        "records.schema.with_manners",
    ],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "RENDERER_WHITELIST": ["rest_framework.renderers.JSONRenderer"],
}

# --- work in the background --------------------------------------------------------------------
CELERY_BROKER_URL = CELERY_RESULT_BACKEND = BROKER_URL
CELERY_TIMEZONE = "UTC"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10.0
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2}
CELERY_BEAT_MAX_LOOP_INTERVAL = 5

# --- texts and mail ----------------------------------------------------------------------------
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", "")
TWILIO_AUTH_TOKEN_OLD = env.str("TWILIO_AUTH_TOKEN_OLD", "")
TWILIO_FROM_NUMBER = env.str("TWILIO_FROM_NUMBER", "")
TWILIO_MESSAGING_SERVICE_SID = env.str("TWILIO_MESSAGING_SERVICE_SID", "")
TWILIO_BASE_URL = env.str("TWILIO_BASE_URL", "")
if SANDBOX:
    TWILIO_ACCOUNT_SID = "AC" + "0" * 32
    TWILIO_AUTH_TOKEN = SECRET_KEY[:32]
    TWILIO_FROM_NUMBER = "+18505550199"
    TWILIO_BASE_URL = TWILIO_BASE_URL or f"http://127.0.0.1:{PORT}/sandbox"
DEMO = env.bool("DEMO", True)
DEMO_PASSWORD = env.str("DEMO_PASSWORD", "") or None
TWILIO_TIMEOUT = env.float("TWILIO_TIMEOUT", 20.0)
# Texts a second of our sender; 0 is no limit. A plain number may send one, a service queues.
_is_plain = not (SANDBOX or TWILIO_MESSAGING_SERVICE_SID)
TWILIO_PER_SECOND = env.float("TWILIO_PER_SECOND", 1.0 if _is_plain else 0.0)
# Outside production, a real account texts these numbers and no others.
ALLOWED_NUMBERS = env.list("ALLOWED_NUMBERS", default=[])
if env.str("EMAIL_URL", ""):
    vars().update(env.email("EMAIL_URL"))
elif SANDBOX:
    EMAIL_BACKEND = "notifications.sandbox.mailbox.EmailBackend"
if not SANDBOX:
    _given = {
        "TWILIO_ACCOUNT_SID": TWILIO_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN,
        "TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER": TWILIO_MESSAGING_SERVICE_SID
        or TWILIO_FROM_NUMBER,
        "EMAIL_URL": env.str("EMAIL_URL", ""),
    }
    if _missing := [name for name, value in _given.items() if not value]:
        raise ImproperlyConfigured(f"Real texts and mails need {', '.join(_missing)}.")
    if not PUBLIC_BASE_URL.startswith("https://"):
        raise ImproperlyConfigured("PUBLIC_BASE_URL begins with https:// where real texts leave.")
    _twilio = urlsplit(TWILIO_BASE_URL)
    if _twilio.path.rstrip("/").endswith("/sandbox") or (
        TWILIO_BASE_URL and _twilio.scheme != "https" and _twilio.hostname != "127.0.0.1"
    ):
        raise ImproperlyConfigured("TWILIO_BASE_URL begins with https:// and is no sandbox.")
    if len(SECRET_KEY) < 50:
        raise ImproperlyConfigured("SECRET_KEY needs 50 characters or more.")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "care@hearth.test")

# With it, carriers sign what they report; without it, nobody is believed.
CARRIER_WEBHOOK_SECRET = env.str("CARRIER_WEBHOOK_SECRET", "")
if CARRIER_WEBHOOK_SECRET and len(CARRIER_WEBHOOK_SECRET) < 32:
    raise ImproperlyConfigured("CARRIER_WEBHOOK_SECRET needs 32 characters or more.")

# Of sending, in seconds of the database's clock: how long a claim lasts, how old a claim may be
# when its text leaves, and how long the provider has to show a text whose answer was lost.
SEND_LEASE = env.int("SEND_LEASE", 60)
SEND_FENCE = env.int("SEND_FENCE", 20)
SEND_GRACE = env.int("SEND_GRACE", 120)
SEND_PROBE = env.int("SEND_PROBE", 60)  # between two tries while the provider takes nothing

# --- logs: ids only ------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "records.logs.formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "twilio": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},  # below that it tells addresses, with numbers in them
        "celery": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}

# E-mail addresses are unique among colleagues, who sign in with them, not among patients, whose
# contacts are unverified at first; a constraint of the user table says so.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
