# Debian's redis-server; the context is a root directory with it and its shared libraries.
FROM scratch
COPY . /
ENV PATH=/usr/local/bin:/usr/bin:/bin
WORKDIR /data
USER 65532:65532
EXPOSE 6379
ENTRYPOINT ["redis-server"]
