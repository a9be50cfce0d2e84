FROM python:3.13-slim AS packages
COPY requirements.txt .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DEBUG=false
RUN useradd --system --no-create-home --uid 10001 outreach
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
# The settings ask for these two; collectstatic uses neither.
RUN SECRET_KEY=unused ALLOWED_HOSTS=unused python manage.py collectstatic --noinput \
    && chown -R outreach var
USER outreach
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "scripts/healthcheck.py"]
# Threads, for what comes most often, a webhook, mostly waits for the database's disk; each keeps a
# connection. The heartbeat file goes to memory: on a slow disk gunicorn would take its workers for
# hung. Requests are logged by the application: gunicorn would log their queries too, which hold names.
CMD ["gunicorn", "caregiving.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", \
     "--worker-tmp-dir", "/dev/shm"]
