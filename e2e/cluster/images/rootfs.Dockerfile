# Programs of this machine with the shared libraries they name; the context is that root directory.
FROM scratch
COPY . /
ENV PATH=/usr/local/bin:/usr/bin:/bin
