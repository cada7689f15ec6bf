# Build:  docker build -t doorman .
# Run:    docker run -p 8000:8000 -v doorman:/data --env-file doorman.env doorman

FROM python:3.11-slim AS dependencies
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/doorman \
 && sed '/^# --- build/,$d' requirements.lock > runtime.lock \
 && pip --python /opt/doorman/bin/python install --require-hashes -r runtime.lock

FROM dependencies AS program
RUN sed '/^# --- development/,$d' requirements.lock > build.lock && pip install --require-hashes -r build.lock
COPY pyproject.toml README.md ./
COPY migrations ./migrations
COPY app ./app
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/doorman/bin/python install --no-deps /wheels/*.whl

FROM python:3.11-slim
RUN groupadd --gid 10001 doorman \
 && useradd --uid 10001 --gid doorman --home-dir /data --create-home --shell /usr/sbin/nologin doorman
COPY --from=program /opt/doorman /opt/doorman
ENV PATH=/opt/doorman/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DOORMAN_DATABASE_URL=sqlite+aiosqlite:////data/doorman.db
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["doorman"]
CMD ["serve", "--host", "0.0.0.0"]
