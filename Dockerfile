# The wheel is built once and installed into a virtual environment; only that goes on to the image.
# tests/test_packaging.py runs the steps of the build stage outside a container.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY franc_gitops ./franc_gitops
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv /opt/franc-gitops \
    && /opt/franc-gitops/bin/python -m pip install --no-cache-dir /wheels/franc_gitops-*.whl

FROM python:${PYTHON}-slim
# git reads the requests and pushes the status files, over https or ssh; tzdata knows the time zones
# of a freeze. The base image's release decides the versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git openssh-client tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*' \
    && useradd --uid 10001 --create-home franc
COPY --from=build /opt/franc-gitops /opt/franc-gitops
ENV PATH=/opt/franc-gitops/bin:$PATH
USER 10001:10001
WORKDIR /repository
ENTRYPOINT ["franc-gitops"]
CMD ["--help"]
