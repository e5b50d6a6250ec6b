"""Configuration by environment variables; docs/configuration.md has them as tables."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from orders_project import embedded_pg
from orders_project.database_secret import database_secret
from orders_project.database_url import database_at, with_secret
from orders_project.env import env_bool, env_choice, env_float, env_int, env_names, env_port, env_secret, env_str
from orders_project.secret_key import own_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
# The commit it was built from, where that is known: an image has it from its build argument.
REVISION = env_str("REVISION", default="")

# --- Core ------------------------------------------------------------------------------------------

_database_url = env_secret("DATABASE_URL")
# Who connects, where somebody changes that now and then.
DATABASE_SECRET = database_secret()

# Never by default: its pages show settings and what was posted to whoever provokes an error.
DEBUG = env_bool("DEBUG", default=False)
SECRET_KEY = env_secret("SECRET_KEY") or ""
if not SECRET_KEY and (DEBUG or not (_database_url or DATABASE_SECRET)):  # one machine: the checkout's own key will do
    SECRET_KEY = own_secret_key(BASE_DIR)
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set, a database is, and DEBUG is off. Set SECRET_KEY (or SECRET_KEY_FILE) to 50 or more "
        "random characters, for example the output of: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )

# The loopback names always: a container's own health check asks by them.
ALLOWED_HOSTS = [*env_names("ALLOWED_HOSTS"), "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = env_names("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "orders_project",  # its commands go before Django's own of the same name
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "rest_framework",
    "rest_framework_api_key",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "audit",
    "events",
    "customer_client",
    "inventory_client",
    "remote_calls",
    "orders",
]

MIDDLEWARE = [
    "orders_project.request_log.RequestLogMiddleware",
    "orders_project.content_security.ContentSecurityMiddleware",
    "orders_project.caching.CachingMiddleware",
    "orders_project.error_pages.ProblemMiddleware",
    "orders_project.api_requests.ApiMiddleware",  # the API's paths go no further down
    "orders_project.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "orders_project.compressed_answers.GZipMiddleware",
    "orders_project.back_office.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "orders_project.nul_characters.NulCharactersMiddleware",
    "orders_project.back_office.AuthenticationMiddleware",
    "orders_project.back_office.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "orders_project.sign_in.middleware.SignInMiddleware",
    "orders_project.sign_in.second_factor.SecondFactorMiddleware",
    "orders_project.time_zones.TimeZoneMiddleware",
]

ROOT_URLCONF = "orders_project.urls"
WSGI_APPLICATION = "orders_project.wsgi.application"
APPEND_SLASH = False
# One JSON body; the API refuses what is larger with a 413 before reading it.
DATA_UPLOAD_MAX_MEMORY_SIZE = env_int("MAX_BODY_BYTES", default=2_500_000)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_500  # the page that amends, or receives back, 500 items

# --- Database --------------------------------------------------------------------------------------

LOCK_TIMEOUT_MS = env_int("LOCK_TIMEOUT_MS", default=2000)
STATEMENT_TIMEOUT_MS = env_int("STATEMENT_TIMEOUT_MS", default=15000)
# As `pg_settings` has them, in milliseconds.
SESSION_SETTINGS = {
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": "30000",
    "jit": "off",
}
_SESSION_OPTIONS = " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())
# Between the service and its database: connections are another's in the next moment.
DATABASE_POOLER = env_bool("DATABASE_POOLER", default=False)
_TCP_LIMITS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
DATABASE_CONN_MAX_AGE = env_int("DATABASE_CONN_MAX_AGE", default=600)
EMBEDDED_PG = None
DATABASES: dict[str, Any]
if DATABASE_SECRET is not None:
    DATABASES = {"default": with_secret(DATABASE_SECRET, url=_database_url)}
elif _database_url:
    DATABASES = {"default": database_at(_database_url)}
elif not env_bool("EMBEDDED_PG", default=True):  # lint jobs: no database at all
    DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
else:
    EMBEDDED_PG = embedded_pg.Cluster(BASE_DIR)
    DATABASES = {"default": EMBEDDED_PG.settings()}
if DATABASES["default"]["ENGINE"] != "django.db.backends.dummy":
    DATABASES["default"]["CONN_MAX_AGE"] = DATABASE_CONN_MAX_AGE
    _options = DATABASES["default"].setdefault("OPTIONS", {})
    # What the URL says goes last, and so before ours. A pooler lets no such options through: there the role has them.
    _options["options"] = f"{'' if DATABASE_POOLER else _SESSION_OPTIONS} {_options.get('options', '')}".strip()
    # A host that has vanished is noticed in a minute at rest and in half of one under way; else it takes hours.
    _options |= {**_TCP_LIMITS, **_options}
    # Parameters travel apart from the statement, and repeated statements are planned once. A pooler in
    # transaction mode must support prepared statements, or this is switched off.
    if env_bool("DATABASE_PREPARED_STATEMENTS", default=True):
        _options["server_side_binding"] = True
        _options["prepare_threshold"] = 2
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Staff sign-in ---------------------------------------------------------------------------------

# Django's own, by few at a time; what it has hashed before is read as before.
PASSWORD_HASHERS = ["orders_project.password_hashing.BoundedPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_FAILURE_LIMIT = env_int("LOGIN_FAILURE_LIMIT", default=5)
# Groups whose members need a second factor; `*` is everybody. With any of them superusers need one too.
SECOND_FACTOR_GROUPS = env_names("SECOND_FACTOR_GROUPS")
OTP_TOTP_ISSUER = "Order service"
# Wrong codes make pauses like wrong passwords: orders_project/sign_in/attempts.py counts them.
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 0

# --- Templates, static files, language ---------------------------------------------------------------

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
            ],
            "builtins": ["orders.admin.display.moments", "orders.admin.display.names"],
        },
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = Path(env_str("STATIC_ROOT", default=str(BASE_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# While developing, files are found where they lie; otherwise `collectstatic` has gathered them.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
DATETIME_FORMAT = "Y-m-d H:i T"  # in whichever zone somebody reads it
# ISO 3166-1 has no code for it and leaves XK free; shops, banks and carriers use that.
COUNTRIES_OVERRIDE = {"XK": "Kosovo"}

# --- Transport security ------------------------------------------------------------------------------

HTTPS = env_bool("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "orders_project.error_pages.csrf_failure"
TRUST_PROXY_HEADERS = env_bool("TRUST_PROXY_HEADERS", default=False)
if TRUST_PROXY_HEADERS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# So many stand in a row before the service; as many addresses of X-Forwarded-For are believed.
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", default=1)
if not TRUST_PROXY_HEADERS:
    TRUSTED_PROXIES = 0

# --- Back office ---------------------------------------------------------------------------------------

LOGIN_REDIRECT_URL = "admin:index"
UNFOLD = {
    "SITE_TITLE": "Order service",
    "SITE_HEADER": "Order service",
    "SITE_SYMBOL": "receipt_long",
    "SITE_URL": "/api/",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": False,
    "LOGIN": {"form": "orders_project.sign_in.form.SignInForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Your settings", "link": "/admin/your-settings/"},
            {"title": "Change password", "link": "/admin/password_change/"},
            {"title": "Your second factor", "link": "/admin/second-factor/"},
        ]
    },
    "STYLES": ["orders.admin.navigation.style_sheet"],
    "SCRIPTS": ["orders.admin.navigation.script"],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "orders.admin.navigation.favicon"},
    ],
    "DASHBOARD_CALLBACK": "orders.admin.overview.overview",
    # `search_models` would read whole tables.
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {"navigation": "orders.admin.navigation.side_bar"},
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#eef4ff",
            "100": "#dbe6fe",
            "200": "#bfd3fe",
            "300": "#93b4fd",
            "400": "#608bfa",
            "500": "#3b66f5",
            "600": "#2649ea",
            "700": "#1e38d7",
            "800": "#1f30ae",
            "900": "#1f2f89",
            "950": "#171f54",
        },
    },
}

# --- API ---------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["orders.api.authentication.StorefrontKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["orders.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["orders.api.json_format.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "orders.api.json_format.JSONNegotiation",
    "DEFAULT_PARSER_CLASSES": ["orders.api.json_format.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "orders.api.schema.OrderServiceSchema",
    "EXCEPTION_HANDLER": "orders.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is an unknown parameter like any other
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
API_KEY_CUSTOM_HEADER = "HTTP_X_API_KEY"
# How long a worker may go on using what it knows of a key: a revoked key works at most this long.
API_KEY_CACHE_SECONDS = env_float("API_KEY_CACHE_SECONDS", default=5.0)
# How many keys that nobody has used yet a worker looks up; more are told to come back.
API_KEY_LOOKUPS_PER_SECOND = env_float("API_KEY_LOOKUPS_PER_SECOND", default=50.0)

SPECTACULAR_SETTINGS = {
    "TITLE": "Order service",
    "DESCRIPTION": "Places and steers the orders of several storefronts. Every order holds its stock.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "LICENSE": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
    # Relative: wherever the document is served, the service is there too.
    "SERVERS": [{"url": "/", "description": "Where this document comes from."}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "persistAuthorization": True,
        "displayRequestDuration": True,
    },
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
    "POSTPROCESSING_HOOKS": ["orders.api.schema.add_components"],
    "TAGS": [
        {"name": "orders", "description": "Place, read, change and delete orders."},
        {"name": "operations", "description": "Everything else that can be done with an order: one route each."},
        {"name": "customers", "description": "All there is about a customer, and the end of it."},
        {"name": "events", "description": "What happened, told in order."},
        {"name": "webhooks", "description": "Where a storefront's events are sent, and what came of it."},
        {"name": "first-version", "description": "The first version's calls, for clients that were written for it."},
    ],
}

# --- Logs --------------------------------------------------------------------------------------------

LOG_LEVEL = env_choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO")
LOG_FORMAT = env_choice("LOG_FORMAT", ("json", "console"), default="console" if DEBUG else "json")
LOGGING_CONFIG = "orders_project.logging.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}

# --- Metrics -----------------------------------------------------------------------------------------

# Who may read /metrics: the bearer of this token; without one, everybody while DEBUG is on, nobody otherwise.
METRICS_TOKEN = env_secret("METRICS_TOKEN") or ""
# With it, the relay writes lines of which CloudWatch makes metrics of that namespace.
CLOUDWATCH_NAMESPACE = env_str("CLOUDWATCH_NAMESPACE", default="")

# --- Orders, inventory, events -----------------------------------------------------------------------

# No URL: the embedded ledger in our own database holds the stock.
INVENTORY_URL = env_str("INVENTORY_URL", default="")
INVENTORY_TOKEN = env_secret("INVENTORY_TOKEN") or ""
INVENTORY_TIMEOUT_SECONDS = env_float("INVENTORY_TIMEOUT_SECONDS", default=2.5)
# No URL: any customer may order but these; without them nobody is asked.
CUSTOMER_URL = env_str("CUSTOMER_URL", default="")
INVALID_CUSTOMERS = env_names("INVALID_CUSTOMERS", private=True)
CUSTOMER_TOKEN = env_secret("CUSTOMER_TOKEN") or ""
CUSTOMER_TIMEOUT_SECONDS = env_float("CUSTOMER_TIMEOUT_SECONDS", default=1.5)
# How long a worker may go on using what it was told of a customer.
CUSTOMER_CACHE_SECONDS = env_float("CUSTOMER_CACHE_SECONDS", default=10)
# A hold without an order is swept after this long; an order is written within half of it, or not at all.
HOLD_GRACE_SECONDS = env_int("HOLD_GRACE_SECONDS", default=120)
# How long a pending order's stock stays held.
RESERVATION_MINUTES = env_int("RESERVATION_MINUTES", default=60 * 24)
IDEMPOTENCY_KEY_DAYS = env_int("IDEMPOTENCY_KEY_DAYS", default=7)
# How long it is kept that an order was asked for, to be placed later, and rejected.
REJECTED_DAYS = env_int("REJECTED_DAYS", default=90)
# How long it is kept what became of the orders of a bulk run.
BULK_RUN_DAYS = env_int("BULK_RUN_DAYS", default=30)
# With the embedded ledger: hold and write in one call, which saves a round trip.
PLACE_AT_ONCE = env_bool("PLACE_AT_ONCE", default=True)
# And in that call what has come while another one's was under way.
PLACE_TOGETHER = env_bool("PLACE_TOGETHER", default=True)

# Where events go: names of sinks, comma-separated; `console`, `file:/path/of.ndjson`.
EVENT_SINKS = env_names("EVENT_SINKS", ["console"])
# Where events come from, comma-separated; nowhere by default.
EVENT_SOURCES = env_names("EVENT_SOURCES")
# How long an event that came in is known to have been handled; longer than any broker keeps one.
INBOX_DAYS = env_int("INBOX_DAYS", default=35)
EVENT_SCHEMA_BASE_URL = env_str("EVENT_SCHEMA_BASE_URL", default="/api/events/schemas")
# For development and tests alone: http, any port, and addresses inside.
WEBHOOK_ALLOW_PRIVATE = env_bool("WEBHOOK_ALLOW_PRIVATE", default=False)
# How long the log of deliveries is kept.
WEBHOOK_LOG_DAYS = env_int("WEBHOOK_LOG_DAYS", default=30)
# Requested orders that wait longer to be placed, and a relay further behind, make /readyz say so.
REQUESTED_LAG_WARNING_SECONDS = env_int("REQUESTED_LAG_WARNING_SECONDS", default=60)
RELAY_LAG_WARNING_SECONDS = env_int("RELAY_LAG_WARNING_SECONDS", default=60)

# --- The web server ---------------------------------------------------------------------------------------

PORT = env_port("PORT", default=8000)

# --- The front: what one caller may take of the service -------------------------------------------------

# Threads of each web worker; a caller gets one less, so that there is always one for somebody else.
REQUEST_THREADS = env_int("REQUEST_THREADS", default=3)
# A body has to be complete by then.
BODY_SECONDS = env_float("BODY_SECONDS", default=30)
# In the long run, with ten seconds' worth at once; a storefront may have limits of its own. 0: no limit.
READS_PER_SECOND = env_float("READS_PER_SECOND", default=500)
WRITES_PER_SECOND = env_float("WRITES_PER_SECOND", default=200)
# Each address without a known key: staff in the back office, whoever reads the API's documents.
ANONYMOUS_REQUESTS_PER_SECOND = env_float("ANONYMOUS_REQUESTS_PER_SECOND", default=100)
