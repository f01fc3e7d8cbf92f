#!/bin/sh
# Makes a folder from which nginx serves the pool on a loopback port. It uses the snippets beside
# this script. For ./dev and the tests. Start nginx with
#
#	nginx -p FOLDER -c FOLDER/nginx.conf -e LOGFOLDER/nginx-error.log
#
# usage: make-dev.sh FOLDER PORT SOCKET LOGFOLDER
set -eu

folder=$1
port=$2
socket=$3
log=$4
here=$(dirname "$0")

# Started by root, nginx runs its workers as www-data. Started by another user, it keeps that user.
user=
if [ "$(id -u)" = 0 ]; then
	user='user www-data;'
fi

# No more than the system allows: nginx would start with a warning.
connections=16384
nofile=$(awk '/^Max open files/ { print $5 }' /proc/self/limits)
if [ "$nofile" = unlimited ] || [ "$nofile" -gt 65536 ]; then
	nofile=65536
fi
if [ "$connections" -gt "$nofile" ]; then
	connections=$nofile
fi

mkdir -p "$folder/payments" "$folder/tmp"
chmod 755 "$folder" "$folder/payments" "$folder/tmp"
cp "$here"/payments-*.conf "$folder/payments/"
cp "$here/payments-map.conf" "$here/payments-monolith.conf" "$folder/"
cp /etc/nginx/fastcgi_params "$folder/"
sed "s|unix:[^ ;]*|unix:$socket|" "$here/payments-http.conf" >"$folder/payments/payments-http.conf"
sed -e "s|@USER@|$user|" -e "s|@FOLDER@|$folder|" -e "s|@LOG@|$log|" -e "s|@PORT@|$port|" \
	-e "s|@NOFILE@|$nofile|" -e "s|@CONNECTIONS@|$connections|" \
	"$here/dev.conf.in" >"$folder/nginx.conf"
