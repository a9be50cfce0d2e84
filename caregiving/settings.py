"""Settings, all from the environment; `.env.example` documents each name.

Every missing or malformed setting is collected and reported in one `ImproperlyConfigured`,
so an operator mends them in one go rather than one restart at a time.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import environ
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.templatetags.static import static
from django.urls import reverse_lazy

from caregiving import logs
from caregiving.secret_files import read_secrets

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
env.read_env(BASE_DIR / ".env")
_from_files, _problems = read_secrets(os.environ)
# Not into the environment itself, which every process that is started from here inherits.
env.ENVIRON = {**os.environ, **_from_files}

T = TypeVar("T")


def _read(name: str, cast: Callable[..., T], default: Any = environ.Env.NOTSET) -> T:
    """Read one setting; a missing or malformed one is noted and None returned in its place.

    An empty one counts as not set, as `.env.example` leaves what is optional.
    """
    given = env.ENVIRON.get(name, "").strip()
    if not given and default is not environ.Env.NOTSET:
        return default
    try:
        if not given:
            raise ImproperlyConfigured
        return cast(name)
    except (ImproperlyConfigured, ValueError, KeyError) as error:
        # Show what was given only where it cannot be a secret.
        secret = any(word in name for word in ("KEY", "TOKEN", "URL", "DSN", "PASSWORD"))
        shown = "" if secret else f" ({given!r})"
        wrong = f"malformed{shown}: {error}" if given else "missing"
        _problems.append(f"{name} is {wrong}")
        return None  # type: ignore[return-value]


def _bool(name: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    try:
        return words[env.str(name).strip().lower()]
    except KeyError:
        raise ValueError("write true or false") from None


def _count(name: str) -> int:
    number = env.int(name)
    if number < 1:
        raise ValueError("write a whole number, 1 or more")
    return int(number)


def _retention(name: str) -> int:
    """Days. Less would take from the rules, the promise check and the figures what they read."""
    days = env.int(name)
    if days < 90:
        raise ValueError("write a whole number of days, 90 or more")
    return int(days)


def _number_of_proxies(name: str) -> int:
    number = env.int(name)
    if number < 0:
        raise ValueError("write a whole number, 0 or more")
    return int(number)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        _problems.append(problem)


DEBUG: bool = _read("DEBUG", _bool, True)

# --- Who we are ---

SERVICE_NAME: str = _read("SERVICE_NAME", env.str, "CareCheck")
_require(
    bool(SERVICE_NAME and SERVICE_NAME.strip()) and len(SERVICE_NAME or "") <= 20,
    "SERVICE_NAME must have 1 to 20 characters: it opens the first text a person gets",
)
PUBLIC_BASE_URL: str = (_read("PUBLIC_BASE_URL", env.str, "http://localhost:8000") or "").rstrip(
    "/"
)
_require(
    urlsplit(PUBLIC_BASE_URL).scheme in ("http", "https")
    and bool(urlsplit(PUBLIC_BASE_URL).netloc),
    "PUBLIC_BASE_URL must be an http(s) address such as https://outreach.example.org",
)

# --- Security ---

_DEVELOPMENT_KEY = "development-only-key-never-used-outside-debug"
SECRET_KEY: str = _read("SECRET_KEY", env.str, _DEVELOPMENT_KEY if DEBUG else environ.Env.NOTSET)
ALLOWED_HOSTS: list[str] = _read(
    "ALLOWED_HOSTS", env.list, ["localhost", "127.0.0.1", "[::1]"] if DEBUG else environ.Env.NOTSET
)
_public_origin = f"{urlsplit(PUBLIC_BASE_URL).scheme}://{urlsplit(PUBLIC_BASE_URL).netloc}"
CSRF_TRUSTED_ORIGINS = [_public_origin] if _public_origin.startswith("https://") else []

# The key to the opt-outs of people who were erased (caregiving/erasing.py); default: SECRET_KEY.
OPT_OUT_KEY: str = _read("OPT_OUT_KEY", env.str, "")

# Moving the clock may send real texts at the wrong hour: a rehearsal tool, never for production.
ALLOW_TIME_TRAVEL: bool = _read("ALLOW_TIME_TRAVEL", _bool, False)
_require(
    DEBUG or not ALLOW_TIME_TRAVEL,
    "ALLOW_TIME_TRAVEL must not be set when DEBUG is off: remove it from the environment",
)

# Demo people come with a login that anybody can guess.
DEMO_ALLOWED: bool = DEBUG

# How many of our own proxies stand in front, each of which adds to X-Forwarded-For.
PROXY_COUNT: int = _read("PROXY_COUNT", _number_of_proxies, 0)

if not DEBUG:
    if PROXY_COUNT:
        # Only a proxy of ours says how it was called. Without one anybody could say so.
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = PUBLIC_BASE_URL.startswith("https://")
    # Asked by machines from within, where no proxy ends TLS.
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
# Whether all names below ours speak https, and whether browsers may learn that from a list built
# into them, is for whoever owns the domain to say, not for one service under it.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Not less: Django compares where a form was posted from, and Origin goes missing with it.
SECURE_REFERRER_POLICY = "same-origin"

# What a page may load and do. Alpine, which Unfold is built on, evaluates the expressions in its
# attributes; charts and dialogs set styles. No script stands in a page itself.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Signing in ---

AUTHENTICATION_BACKENDS = [
    # First: whoever has failed too often is not even asked for the password.
    "proactive.signing_in.backends.ThrottlingBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    # What was stored before is still read, and stored anew at the next sign-in.
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# By name and address together: else anybody could lock anybody out from anywhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# The time that the page names holds, however often somebody tries meanwhile.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_LOCKOUT_CALLABLE = "proactive.signing_in.throttling.locked_out"
AXES_CLIENT_IP_CALLABLE = "proactive.signing_in.throttling.client_address"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_VERBOSE = False
# Its pages are ours, and read-only; see proactive/admin/sign_ins.py.
AXES_ENABLE_ADMIN = False

# Of whoever may do more than look after people, and of superusers; anybody else may set one up.
REQUIRE_SECOND_FACTOR: bool = _read("REQUIRE_SECOND_FACTOR", _bool, not DEBUG)
OTP_TOTP_ISSUER = SERVICE_NAME

SESSION_IDLE_MINUTES: int = _read("SESSION_IDLE_MINUTES", _count, 30)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# How long a row is kept that nobody uses: enough for the longest idling that makes sense.
SESSION_COOKIE_AGE = 24 * 3600

# --- The API ---

# Of one token. Each event of a batch counts as one.
API_REQUESTS_PER_MINUTE: int = _read("API_REQUESTS_PER_MINUTE", _count, 3000)

# --- Webhooks out ---

# An endpoint that has taken nothing for so long is switched off, and a person told.
WEBHOOK_DISABLE_AFTER_DAYS: int = _read("WEBHOOK_DISABLE_AFTER_DAYS", _count, 5)

# --- Texts ---

SMS_GATEWAY: str = _read("SMS_GATEWAY", env.str, "console")
_require(
    SMS_GATEWAY in ("console", "twilio"),
    f"SMS_GATEWAY must be console or twilio, not {SMS_GATEWAY!r}",
)
SMS_TIMEOUT_SECONDS = 10.0
# How many texts all workers together hand over in a second, at most.
SMS_PER_SECOND: float = _read("SMS_PER_SECOND", env.float, 10.0)
_require(
    SMS_PER_SECOND is None or 0.01 <= SMS_PER_SECOND <= 1000,
    f"SMS_PER_SECOND must be a number from 0.01 to 1000, not {SMS_PER_SECOND}",
)
# How many of them one process keeps under way.
SMS_IN_FLIGHT: int = _read("SMS_IN_FLIGHT", _count, 40)
_require(
    SMS_IN_FLIGHT is None or SMS_IN_FLIGHT <= 200,
    f"SMS_IN_FLIGHT must be a whole number from 1 to 200, not {SMS_IN_FLIGHT}",
)
# In US dollars. Only to tell staff what words cost: nothing is decided by it.
SMS_SEGMENT_COST: float = _read("SMS_SEGMENT_COST", env.float, 0.0079)
_require(
    SMS_SEGMENT_COST is None or 0 <= SMS_SEGMENT_COST <= 10,
    f"SMS_SEGMENT_COST must be a number of US dollars from 0 to 10, not {SMS_SEGMENT_COST}",
)
CONSOLE_SMS_LOG: Path = Path(_read("CONSOLE_SMS_LOG", env.str, str(VAR_DIR / "sms.jsonl")))

TWILIO_ACCOUNT_SID: str = _read("TWILIO_ACCOUNT_SID", env.str, "")
TWILIO_AUTH_TOKEN: str = _read("TWILIO_AUTH_TOKEN", env.str, "")
TWILIO_MESSAGING_SERVICE_SID: str = _read("TWILIO_MESSAGING_SERVICE_SID", env.str, "")
TWILIO_FROM_NUMBER: str = _read("TWILIO_FROM_NUMBER", env.str, "")
TWILIO_API_BASE_URL: str = _read("TWILIO_API_BASE_URL", env.str, "")
TWILIO_WEBHOOK_KEY: str = _read("TWILIO_WEBHOOK_KEY", env.str, "")
# Two confirmations of one STOP would be one text too many: either Twilio's or ours.
OPT_OUT_CONFIRMATION: str = _read("OPT_OUT_CONFIRMATION", env.str, "twilio")
_require(
    OPT_OUT_CONFIRMATION in ("twilio", "service"),
    f"OPT_OUT_CONFIRMATION must be twilio or service, not {OPT_OUT_CONFIRMATION!r}",
)
if SMS_GATEWAY == "twilio":
    _require(bool(TWILIO_ACCOUNT_SID), "TWILIO_ACCOUNT_SID is missing (SMS_GATEWAY is twilio)")
    _require(bool(TWILIO_AUTH_TOKEN), "TWILIO_AUTH_TOKEN is missing (SMS_GATEWAY is twilio)")
    _require(
        bool(TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER),
        "TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER is missing (SMS_GATEWAY is twilio)",
    )

# --- The blast guard: how many texts one sweep may queue without asking a person ---

SWEEP_MULTIPLE: int = _read("SWEEP_MULTIPLE", _count, 5)
SWEEP_CEILING: int = _read("SWEEP_CEILING", _count, 5000)

# --- Retention: after how many days `prune` may delete what nothing asks for any more ---

RETENTION_MESSAGES_DAYS: int = _read("RETENTION_MESSAGES_DAYS", _retention, 730)
RETENTION_INBOUND_DAYS: int = _read("RETENTION_INBOUND_DAYS", _retention, 730)
RETENTION_SWEEPS_DAYS: int = _read("RETENTION_SWEEPS_DAYS", _retention, 90)
# Of webhooks out, that were taken or given up; housekeeping does it.
RETENTION_WEBHOOKS_DAYS: int = _read("RETENTION_WEBHOOKS_DAYS", _count, 30)
# Whether the daily housekeeping does it too, without an archive.
PRUNE_DAILY: bool = _read("PRUNE_DAILY", _bool, False)

# --- Email: of care alerts that nobody claims, and of how the week was ---


def _addresses(name: str) -> list[str]:
    addresses = [address.strip() for address in env.list(name)]
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise ValueError("write addresses, separated by commas") from None
    return addresses


ALERT_ESCALATION_EMAIL: list[str] = _read("ALERT_ESCALATION_EMAIL", _addresses, [])
ALERT_ESCALATION_MINUTES: int = _read("ALERT_ESCALATION_MINUTES", _count, 15)
# Who gets the weekly report; nobody: it is a page only.
WEEKLY_REPORT_EMAIL: list[str] = _read("WEEKLY_REPORT_EMAIL", _addresses, [])

# --- Whether it runs, for whoever looks from outside: see docs/operating.md ---


def _http_address(name: str) -> str:
    address = env.str(name).strip()
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write an http(s) address")
    return str(address)


def _token(name: str) -> str:
    token = env.str(name).strip()
    if len(token) < 16 or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("write 16 or more letters, digits and signs without a space")
    return str(token)


# Who shows it may read /metrics; empty: nobody.
METRICS_TOKEN: str = _read("METRICS_TOKEN", _token, "")
# Called after each tick that went through.
DEAD_MANS_SWITCH_URL: str = _read("DEAD_MANS_SWITCH_URL", _http_address, "")
# After so many minutes without one, `manage.py watch` sends an email.
TICK_OVERDUE_MINUTES: int = _read("TICK_OVERDUE_MINUTES", _count, 10)

_mail: dict[str, Any] = (
    _read("EMAIL_URL", env.email_url, env.email_url_config("consolemail://")) or {}
)
EMAIL_BACKEND: str = _mail.get("EMAIL_BACKEND", "")
EMAIL_FILE_PATH: str = _mail.get("EMAIL_FILE_PATH", "")
EMAIL_HOST: str = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT: int = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER: str = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD: str = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS: bool = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL: bool = bool(_mail.get("EMAIL_USE_SSL"))
# A mail server that does not answer must not hold up the worker that also sends texts.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = _read(
    "EMAIL_FROM", env.str, f"outreach@{urlsplit(PUBLIC_BASE_URL).hostname}"
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Database ---

DATABASES = {
    "default": _read(
        "DATABASE_URL",
        env.db_url,
        env.db_url_config(f"sqlite:///{VAR_DIR / 'outreach.sqlite3'}"),
    )
    or {}
}
_require(
    DATABASES["default"].get("ENGINE")
    in ("django.db.backends.sqlite3", "django.db.backends.postgresql"),
    "DATABASE_URL must start with sqlite:/// or postgres://",
)
# In place of one in the address, where special characters would have to be percent-encoded.
DATABASE_PASSWORD: str = _read("DATABASE_PASSWORD", env.str, "")
if DATABASE_PASSWORD:
    _require(
        not DATABASES["default"].get("PASSWORD"),
        "DATABASE_PASSWORD is set, and DATABASE_URL has a password too: keep one of them",
    )
    DATABASES["default"]["PASSWORD"] = DATABASE_PASSWORD
if DATABASES["default"].get("ENGINE") == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # Writers queue up at BEGIN instead of failing at their first write.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # WAL keeps readers and the writer apart; FULL makes a committed claim survive a power cut.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    _options = DATABASES["default"].get("OPTIONS", {})
    _threshold = _options.get("prepare_threshold", 5)
    DATABASES["default"]["OPTIONS"] = {
        **_options,
        "connect_timeout": 5,
        # Only statements that ask for it are prepared (proactive/prepared.py), Django's own never.
        # Behind a pooler that cannot have it, end DATABASE_URL with `?prepare_threshold=none`.
        "prepare_threshold": _threshold if isinstance(_threshold, int) else None,
    }

# --- Celery: a doorbell; the database is the queue ---

REDIS_URL: str = _read("REDIS_URL", env.str, "")
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "visibility_timeout": 3600,
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
        # Together with the setting below: without it a closed port holds up each ring for 6 s.
        "max_retries": 0,
    }
else:
    _BROKER_DIR = Path(_read("BROKER_DIR", env.str, str(VAR_DIR / "broker")))
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_BROKER_DIR / "queue"),
        "data_folder_out": str(_BROKER_DIR / "queue"),
        "control_folder": str(_BROKER_DIR / "control"),
        "processed_folder": str(_BROKER_DIR / "processed"),
        "store_processed": False,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # no results, so beat needs no task that cleans them up
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30.0
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A doorbell that nobody answers must not hold up the person who rings it.
CELERY_TASK_PUBLISH_RETRY = False
# The schedule lives in the database, where staff can see and change it; see sync_schedules.
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# --- Django ---

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "ninja",
    "caregiving",
    "proactive",
]
MIDDLEWARE = [
    # First: whatever is logged in the course of a request has its id.
    "caregiving.middleware.log_requests",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "caregiving.middleware.tell_browsers",
    "proactive.api.problems.tell_problems",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "caregiving.middleware.end_idle_sessions",
    "proactive.signing_in.middleware.ask_for_second_factor",
    # Last: it turns the answer to a sign-in that was refused into the page that says so.
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "caregiving.urls"
WSGI_APPLICATION = "caregiving.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before all apps: some templates of Unfold are replaced by ours.
        "DIRS": [BASE_DIR / "proactive" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_REDIRECT_URL = "/admin/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
# How dates and times are written, once for all pages.
FORMAT_MODULE_PATH = ["caregiving.formats"]
# In which staff read the clock; what people get goes by their own, and what is stored is UTC.
TIME_ZONE: str = _read("SERVICE_TIME_ZONE", env.str, "UTC")
_require(
    TIME_ZONE in available_timezones(),
    f"SERVICE_TIME_ZONE must be an IANA zone such as America/Chicago, not {TIME_ZONE!r}",
)
USE_TZ = True
USE_I18N = True
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
# --- The log, and errors that somebody is told of ---

LOG_FORMAT: str = _read("LOG_FORMAT", env.str, "text")
_require(LOG_FORMAT in ("text", "json"), f"LOG_FORMAT must be text or json, not {LOG_FORMAT!r}")
LOG_LEVEL: str = (_read("LOG_LEVEL", env.str, "INFO") or "").upper()
_require(
    LOG_LEVEL in ("DEBUG", "INFO", "WARNING", "ERROR"),
    f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL!r}",
)
LOGGING = logs.configuration(form=LOG_FORMAT, level=LOG_LEVEL)
SENTRY_DSN: str = _read("SENTRY_DSN", _http_address, "")


def _stylesheet(area: str) -> Callable[..., str]:
    # Asked for at each request: while settings are read no static file can be found.
    return lambda request: static(f"proactive/{area}.css")


UNFOLD = {
    "SITE_TITLE": SERVICE_NAME,
    "SITE_HEADER": SERVICE_NAME,
    "SITE_SYMBOL": "volunteer_activism",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("proactive/favicon.svg"),
        }
    ],
    # Django's own, which knows nothing of acts and events: the audit and the stream know all.
    "SHOW_HISTORY": False,
    # At the top of every page: whether texts go out at all.
    "ENVIRONMENT": "proactive.admin.badge.sending",
    "DASHBOARD_CALLBACK": "proactive.admin.home.dashboard",
    "SIDEBAR": {"navigation": "proactive.admin.navigation.navigation"},
    # In the menu under one's own name.
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Second factor", "link": reverse_lazy("second_factor")},
        ],
    },
    # Unfold brings no class that its own pages do not use: ours are here, one file an area.
    "STYLES": [
        _stylesheet(area)
        for area in (
            *("base", "accessibility", "confirming"),
            *("home", "people", "person", "alerts", "policy", "simulation", "weekly", "account"),
        )
    ],
    "SCRIPTS": [lambda request: static("proactive/accessibility.js")],
}

if _problems:
    raise ImproperlyConfigured(
        "These settings need attention (see .env.example):\n"
        + "\n".join(f"  - {problem}" for problem in _problems)
    )

# The embedded database and broker live in folders of ours, which a fresh clone does not have.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(exist_ok=True)
if not REDIS_URL:
    for _folder in ("queue", "control", "processed"):
        (_BROKER_DIR / _folder).mkdir(parents=True, exist_ok=True)
