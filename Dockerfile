# The service as a container. The wheel is built in a stage of its own; the image holds neither sources nor tools
# of development, and runs without root.

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY sync_service ./sync_service
COPY connectors ./connectors
COPY mappings ./mappings
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# The lock also names tools of development: as constraints it pins only what the wheel asks for.
RUN sed -e 's/ *\\$//' -e '/^ *--hash/d' -e '/^ *#/d' requirements.lock > /wheels/constraints.txt

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ECP_SYNC_CONFIG=/etc/ecp-sync/config.toml
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /wheels/constraints.txt /wheels/*.whl \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/ecp-sync ecp-sync \
    && mkdir /etc/ecp-sync
USER ecp-sync
WORKDIR /var/lib/ecp-sync
STOPSIGNAL SIGTERM
# Healthy: the settings can be read, the database answers and has the schema of this version.
HEALTHCHECK --interval=60s --timeout=15s --start-period=30s --retries=3 CMD ["ecp-sync", "status", "--json"]
ENTRYPOINT ["ecp-sync"]
CMD ["run"]
