# The service as an image: the workers of the Debian package, started by multiwatch, on a unix
# socket in a shared volume or on a TCP port. nginx runs in another container: see
# deploy/kubernetes.
#
#	docker build -t payments-fcgi .

FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
	build-essential fakeroot devscripts equivs
WORKDIR /src/payments-fcgi
COPY debian/control debian/control
RUN mk-build-deps --install --remove --tool 'apt-get -y --no-install-recommends' debian/control
COPY . .
# The unit tests need a database server. Run them before you build an image.
RUN DEB_BUILD_OPTIONS='nocheck noautodbgsym' dpkg-buildpackage -us -uc -b

FROM debian:12-slim
COPY --from=build /src/payments-fcgi_*.deb /tmp/
RUN apt-get update && \
	apt-get install -y --no-install-recommends ca-certificates multiwatch spawn-fcgi /tmp/payments-fcgi_*.deb && \
	rm -rf /tmp/*.deb /var/lib/apt/lists/* && \
	install -d -o 10001 -g 10001 -m 2770 /run/payments-fcgi
# Secrets are files, one for each setting. They are never in the image or its environment.
ENV CREDENTIALS_DIRECTORY=/run/secrets/payments \
	PAYMENTS_WORKERS=2
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM
# exec: the signal must reach multiwatch, which passes it to the workers.
CMD ["/bin/sh", "-c", "umask 007; exec spawn-fcgi -n -s /run/payments-fcgi/payments.sock -M 0660 -b 4096 -- /usr/bin/multiwatch -f \"$PAYMENTS_WORKERS\" -- /usr/sbin/payments-fcgi"]
