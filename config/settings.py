"""Settings of Tact, each read from the environment where an operator may want another value."""

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE
from django.templatetags.static import static

from config import database_url, secrets

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")

VAR = Path(
    env.str("TACT_VAR", default="") or BASE_DIR / "var"
)  # what a running Tact writes beside its database

DEBUG = env.bool("TACT_DEBUG", default=False)
SECRET_KEY = secrets.secret_key(VAR)
# Older keys, which still open and verify.
SECRET_KEY_FALLBACKS = env.list("TACT_SECRET_KEY_FALLBACKS", cast=str.strip, default=[])
ALLOWED_HOSTS = env.list("TACT_ALLOWED_HOSTS", cast=str.strip, default=["localhost", "127.0.0.1", "[::1]"])
BASE_URL = env.str("TACT_BASE_URL", default="http://127.0.0.1:8000").rstrip("/")  # where mails' links lead
CSRF_TRUSTED_ORIGINS = [BASE_URL, *env.list("TACT_TRUSTED_ORIGINS", cast=str.strip, default=[])]
# We speak no TLS: where people reach us by https there is a proxy, and it says how and from where they came.
IS_BEHIND_PROXY = BASE_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_BEHIND_PROXY else None
ALLAUTH_TRUSTED_PROXY_COUNT = int(IS_BEHIND_PROXY)  # else all share one address's attempts to sign in

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_filters",
    "django_htmx",
    "django_q",
    "django_tables2",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "csp",
    "tenants",
    "audiences",
    "campaigns",
    "delivery",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tenants.sessions.keep",
    "config.not_allowed.page",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.middleware.TenantMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.frame",
            ],
            "builtins": ["config.templatetags.tact"],
        },
    },
]

# --- Database: ours unless DATABASE_URL names another ---------------------------------------------
DATABASES = {"default": database_url.configuration(env.str("DATABASE_URL", default=""))}
# Kept connections: without them the queue's broker reconnects for every task, at a sixth of the speed.
DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "TEST": {"NAME": None}}
# Our statements run for milliseconds, compiling one for a second: measured on counts over 300,000 people.
DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c jit=off"
# What a connection asks again and again is planned once: a third of the database's time for a mail, a sixth for a
# batch of 100 events. It concerns only what ``tenants.binary`` sends; Django puts values into its statements' text.
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5
if test_name := env.str("TACT_TEST_DB", default=""):
    DATABASES["default"]["TEST"] = {"NAME": f"test_tact_{test_name}"}

# --- The queue: wake-ups only, truth is in rows ---------------------------------------------------
Q_CLUSTER = {
    "name": "tact",
    "orm": "default",
    "workers": env.int("TACT_WORKERS", default=2),
    "queue_limit": env.int("TACT_WORKERS", default=2),
    "bulk": 1,
    "timeout": 120,
    "retry": 480,  # more than the wait in the local queue plus the timeout, else a task runs beside itself
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 50,
    "recycle": 500,
    "max_rss": 400_000,
    "poll": 0.2,
    "label": "Queue",
    "guard_cycle": 1,
}

# --- People who log in ----------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # addresses are unique whatever their case: constraint user_email
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "tenants.accounts.InvitedOnly"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # else anybody could have mail sent to any address
ACCOUNT_FORMS = {"add_email": "tenants.accounts.NewAddressForm"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts come by invitation: nobody can take an address before its owner
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_BEHIND_PROXY
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Mail of the platform itself (invitations, password reset) ------------------------------------
EMAIL_CONFIG = env.email_url("TACT_EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("TACT_FROM_EMAIL", default="Tact <tact@localhost>")

# --- Words, time, files ---------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR / "files"},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "_table.html"

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "tenants.api_schema.Schema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],  # tenants.api.Api names its own; the schema is for anybody
    "EXCEPTION_HANDLER": "tenants.api_errors.answer",
    "UNAUTHENTICATED_USER": None,
}
API_PACE = {  # of a key a minute, in each web process: requests, and calls that send data in
    "manage": env.int("TACT_API_PACE", default=600),
    "send": env.int("TACT_API_SEND_PACE", default=6_000),
    "track": env.int("TACT_TRACK_PACE", default=120_000),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tact",
    "VERSION": "1",
    "DESCRIPTION": "People, segments, campaigns and messages of one brand: whichever the key belongs to.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "CampaignState": "campaigns.api_shapes.STATES",
        "CampaignStateAsked": "campaigns.models.Campaign.State",
        "DeliveryState": "delivery.models.Delivery.State",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "tryItOutEnabled": True, "persistAuthorization": False},
}

# --- What a page may load: ours, and nothing else (the admin: config/content_policy.py) -----------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],  # the code editor's own sheet carries the nonce
        "style-src-attr": [UNSAFE_INLINE],  # widths of bars
        "img-src": [SELF, "data:"],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
}

ADMIN_BLUES = [  # shade, lightness, chroma: the pages' own colour
    (50, 97, 0.02), (100, 94, 0.03), (200, 89, 0.06), (300, 82, 0.1), (400, 72, 0.13), (500, 60, 0.17),
    (600, 50, 0.17), (700, 43, 0.17), (800, 37, 0.14), (900, 31, 0.11), (950, 22, 0.08),
]  # fmt: skip
UNFOLD = {
    "SITE_TITLE": "Tact admin",
    "SITE_HEADER": "Tact",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "config.admin.environment",
    "SITE_ICON": lambda request: static("tact.svg"),
    "SIDEBAR": {"show_search": True},
    "COLORS": {
        "primary": {str(shade): f"oklch({light}% {chroma} 274)" for shade, light, chroma in ADMIN_BLUES}
    },
}

# --- Delivery -------------------------------------------------------------------------------------
SANDBOX_SMTP_PORT = env.int("TACT_SANDBOX_SMTP_PORT", default=2525)  # where sandbox tenants' mail goes
SANDBOX_INBOX = VAR / "inbox"  # the folder that the sandboxes' server writes and the inbox pages read
TRIGGER_AGE_LIMIT = timedelta(hours=48)
# Seconds after which rows of a worker that died are free again, and those it was just handing over are unknown.
LEASE_SECONDS = env.int("TACT_LEASE_SECONDS", default=120)
HAND_OVER_SECONDS = env.int("TACT_HAND_OVER_SECONDS", default=90)

# --- Sources: other servers that live content is asked of -----------------------------------------
SOURCES_PORTS = env.list("TACT_SOURCES_PORTS", cast=int, default=[80, 443])
# Networks beside the public internet, such as 10.1.0.0/16, or one port there: 10.1.2.3/32:9000.
SOURCES_MAY_REACH = env.list("TACT_SOURCES_MAY_REACH", cast=str.strip, default=[])

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("TACT_LOG_LEVEL", default="INFO").upper()},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},  # its warnings name addresses, which may say something about a person
        "django-q": {"level": "WARNING"},  # that a task began and ended is not worth a line
    },
}
