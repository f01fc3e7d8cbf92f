# shellcheck shell=sh disable=SC2154,SC2034
# For ./dev: the demo. A payment, a booking that is paid, one that is declined, and the lines to type next.

customer=11111111-1111-4111-8111-111111111111
customer_email=customer@example.com
demo_event=aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa2

# A pending reservation of user $1 as the monolith makes it: a seat locked, five minutes to pay.
make_reservation() {
	made=$(psql_quiet -d "$database" -v "user=$1" <<'END'
WITH seat AS (
	SELECT id, event_id, price FROM public.seats WHERE status = 'available'
	ORDER BY event_id, price DESC, row_number, seat_number LIMIT 1 FOR UPDATE SKIP LOCKED
), locked AS (
	UPDATE public.seats s SET status = 'locked' FROM seat WHERE s.id = seat.id RETURNING s.id
), reservation AS (
	INSERT INTO public.reservations
		(user_id, event_id, reservation_number, total_amount, status, payment_status, expires_at)
	SELECT :'user', event_id, 'TK' || (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, price,
		'pending', 'pending', LOCALTIMESTAMP + INTERVAL '5 minutes'
	FROM seat JOIN locked USING (id)
	RETURNING id
)
INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, unit_price, subtotal)
SELECT reservation.id, seat.id, 1, price, price FROM reservation, seat
RETURNING reservation_id;
END
	)
	[ -n "$made" ] || die "every demo seat is sold: ./dev stop, remove $state, run again"
	printf '%s\n' "$made"
}

make_token() {
	case " $* " in *' --user'*) ;; *) set -- --user "$customer_email" "$@" ;; esac
	case " $* " in *' --role'*) ;; *) set -- "$@" --role user ;; esac
	"$runtime/bin/payctl" -c "$settings" token "$@"
}

pay_demo() {
	reservation=$(make_reservation "$customer")
	token=$(make_token)
	say "paying reservation $reservation"
	show_call POST /process "{\"reservationId\":\"$reservation\",\"paymentMethod\":\"kakao_pay\"}"
	case $answer in *'"success":true'* | *'"success": true'*) ;; *) die "the demo payment failed" ;; esac
}

# Prints a call as a person would type it, makes it, and leaves the response in $answer. $1: method,
# $2: path, $3: body or nothing.
show_call() {
	# shellcheck disable=SC2016
	printf '$ curl -X %s "%s%s" -H "Authorization: Bearer $TOKEN"' "$1" "$(public_url)" "$2"
	[ -z "${3:-}" ] || printf ' \\\n       -H %s -d %s' "'Content-Type: application/json'" "'$3'"
	printf '\n'
	answer=$(curl -s -m 40 -X "$1" "$(public_url)$2" -H "Authorization: Bearer $token" \
		${3:+-H 'Content-Type: application/json' -d "$3"} || :)
	printf '%s\n' "$answer"
}

member() { printf '%s' "$answer" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

# $1 free seats, as a JSON array of their labels.
free_seats() {
	psql_quiet -d "$database" -v "count=$1" -v "event=$demo_event" <<'END'
SELECT coalesce(json_agg(seat_label), '[]') FROM (
	SELECT seat_label FROM public.seats WHERE event_id = :'event' AND status = 'available'
	ORDER BY price DESC, section, row_number, seat_number LIMIT :count) free;
END
}

# Holds two seats, shows them as taken, then executes the intent. $1: the cvv, whose last digit decides at
# the mock gateway; $2: the final status that must come of it.
book_demo() {
	seats=$(free_seats 2 | tr -d ' ')
	show_call POST /bookings \
		"{\"performanceId\":\"$demo_event\",\"seatIds\":$seats,\"paymentMethod\":\"CREDIT_CARD\"}"
	intent=$(member paymentIntentId)
	[ -n "$intent" ] || die "the demo booking failed"
	show_call GET "/occupiedSeats/$demo_event?seatIds=$(printf '%s' "$seats" | tr -d '[]"')"
	show_call POST /execute \
		"{\"paymentIntentId\":\"$intent\",\"paymentMethodToken\":\"tok_demo\",\"cvv\":\"$1\"}"
	case $answer in *"\"finalStatus\":\"$2\""*) ;; *) die "the demo execution did not end in $2" ;; esac
}

# A new customer for each run: one customer may not have more than ten seats of a performance.
new_customer() {
	psql_quiet -d "$database" <<'END'
INSERT INTO public.users (email, password_hash, name)
SELECT 'guest-' || id || '@example.com', '-', '손님' FROM gen_random_uuid() AS id RETURNING id;
END
}

book_demos() {
	token=$(make_token --user "$(new_customer)")
	say "booking two seats and executing the payment"
	book_demo 120 SUCCESS
	say "booking two more; the card is declined, so they are free again"
	book_demo 122 FAILURE
}

# The command of this copy, for lines to paste.
dev_command() {
	if [ "$state" = "$top/var" ]; then printf './dev'; else printf 'PAYMENTS_VAR=%s ./dev' "$state"; fi
}

print_summary() {
	dev=$(dev_command)
	cat <<END

ready:  $(public_url)
token:  TOKEN=$(make_token)

  curl $(public_url)/methods
  curl $(public_url)/health/ready
  curl -X POST $(public_url)/process -H "Authorization: Bearer \$($dev token)" \\
       -H 'Content-Type: application/json' \\
       -d "{\"reservationId\":\"\$($dev reserve)\",\"paymentMethod\":\"naver_pay\"}"

  $dev status | psql | logs | stop

END
}
