#!/bin/sh
# Makes a folder from which nginx serves the pool on a loopback port, from the snippets beside this
# script. For ./dev and the tests; start it with
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

# Root's nginx hands its work to www-data, anybody else's stays what it is.
user=
if [ "$(id -u)" = 0 ]; then
	user='user www-data;'
fi

# What the system allows, so that nginx does not start with a warning.
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
