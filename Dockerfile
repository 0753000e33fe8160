# The image of every process of the production shape (compose.yaml): web, work, sweep, migrate.
FROM node:22-bookworm-slim AS libraries
WORKDIR /libraries
COPY hub/web/vendor/ ./
RUN npm ci --omit=dev --ignore-scripts

FROM python:3.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app HUB_HOME=/data HUB_HOST=0.0.0.0 HUB_SIM=false
WORKDIR /app
COPY locks/run.txt locks/run.txt
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r locks/run.txt
COPY hub hub
COPY channels channels
COPY stockpool stockpool
COPY orders orders
COPY finance finance
COPY workers workers
COPY --from=libraries /libraries/node_modules/htmx.org/dist/htmx.min.js hub/web/static/vendor/
COPY --from=libraries /libraries/node_modules/htmx-ext-sse/dist/sse.min.js hub/web/static/vendor/
COPY --from=libraries /libraries/node_modules/echarts/dist/echarts.min.js hub/web/static/vendor/
RUN printf '#!/bin/sh\nexec python -P -m hub.cli "$@"\n' > /usr/local/bin/tongku && chmod +x /usr/local/bin/tongku \
    && useradd --system --no-create-home tongku && install -d -o tongku -m 0700 /data
USER tongku
EXPOSE 8080
CMD ["tongku", "serve"]
