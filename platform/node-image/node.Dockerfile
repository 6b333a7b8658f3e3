# A kind node without its images: those are imported while a container of this one runs.
ARG BASE
FROM ${BASE}
COPY bin/ /usr/bin/
COPY manifests/ /kind/manifests/
COPY version /kind/version
