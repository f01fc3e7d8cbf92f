# shellcheck shell=sh disable=SC2154,SC2034
# For ./dev: Debian packages, installed without starting or changing anything else.

packages_build="gcc libc6-dev make autoconf automake pkg-config
	libfcgi-dev libpq-dev libcjson-dev libjwt-dev libssl-dev
	libcurl4-openssl-dev check"
packages_run="nginx-light spawn-fcgi multiwatch postgresql-15 curl"
packages_test="clang-format man-db openssl pgbouncer python3 python3-pytest python3-psycopg2
	python3-yaml shellcheck systemd universal-ctags valgrind"
packages_long="debhelper dpkg-dev fakeroot lintian mmdebstrap"

as_root() {
	if [ "$is_root" = yes ]; then
		"$@"
	else
		command -v sudo >/dev/null || die "run this as root, or install sudo: $*"
		sudo "$@"
	fi
}

ensure_packages() {
	command -v dpkg-query >/dev/null || die "this needs Debian 12: there is no dpkg here"
	present=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "$@" 2>/dev/null || :)"
	missing=
	for package; do
		case $present in *" installed:$package "*) ;; *) missing="$missing $package" ;; esac
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	# The lock keeps two copies of this script apart; dpkg's own is another.
	# shellcheck disable=SC2086
	as_root flock /var/lib/dpkg "$top/dev" install-packages $missing
}

apt_quietly() {
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		rm -f "$log"
		die "apt-get $1 failed"
	fi
	rm -f "$log"
}

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.conf

restore_packaging() {
	[ -z "${policy_made:-}" ] || rm -f "$policy"
	[ -z "${clusters_saved:-}" ] || mv "$clusters_saved" "$clusters"
}

# Root's half of ensure_packages. Debian's packages would start their services and make a cluster: both
# are prevented meanwhile, and the machine's configuration is then as before.
install_packages() {
	trap restore_packaging EXIT
	trap 'exit 1' INT TERM HUP PIPE
	if [ ! -e "$policy" ]; then
		policy_made=yes
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt_quietly update
	case " $* " in *" postgresql-15 "*)
		apt_quietly install --no-install-recommends postgresql-common
		cp -p "$clusters" "$clusters.dev-saved"
		clusters_saved=$clusters.dev-saved
		echo 'create_main_cluster = false' >>"$clusters"
		;;
	esac
	apt_quietly install --no-install-recommends "$@"
	case " $* " in *" nginx-light "*)
		[ ! -d /run/systemd/system ] ||
			say "note: Debian starts its own nginx at the next boot; 'systemctl disable nginx' prevents it"
		;;
	esac
}
