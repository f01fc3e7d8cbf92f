/*
 * Every outcome of a request, with HTTP status, wire code, messages and Retry-After. The order is
 * the precedence: if several rules refuse a request, the client gets the first (route, method, size
 * and type, token, user, body, fields, values, state).
 */
#ifndef PAYMENTS_BASE_STATUS_H
#define PAYMENTS_BASE_STATUS_H

#include <stdbool.h>

/* name, HTTP status, Retry-After in seconds (0: none), Korean, English */
/* clang-format off */
#define STATUS_TABLE(X)                                                                            \
	X(OK, 200, 0, "요청이 처리되었습니다.", "The request was carried out.")                    \
	X(NOT_FOUND, 404, 0, "요청하신 주소를 찾을 수 없습니다.", "There is nothing at this address.") \
	X(METHOD_NOT_ALLOWED, 405, 0, "허용되지 않은 요청 방식입니다.",                            \
	  "This address does not take that method.")                                               \
	X(PAYLOAD_TOO_LARGE, 413, 0, "요청 본문이 너무 큽니다.", "The request body is too large.") \
	X(UNSUPPORTED_MEDIA_TYPE, 415, 0, "요청 본문은 application/json 형식이어야 합니다.",       \
	  "The request body must be application/json.")                                            \
	X(BAD_REQUEST, 400, 0, "요청이 올바르지 않습니다.", "The request is not well formed.")     \
	X(AUTH_REQUIRED, 401, 0, "로그인이 필요합니다.", "Please log in first.")                   \
	X(TOKEN_INVALID, 403, 0, "유효하지 않은 인증 토큰입니다.", "The access token is not valid.") \
	X(USER_NOT_FOUND, 401, 0, "사용자를 찾을 수 없습니다.", "This user does not exist.")       \
	X(MALFORMED_JSON, 400, 0, "요청 본문이 올바른 JSON 객체가 아닙니다.",                      \
	  "The request body is not a well-formed JSON object.")                                    \
	X(INVALID_IDEMPOTENCY_KEY, 400, 0, "Idempotency-Key 헤더가 올바르지 않습니다.",            \
	  "The Idempotency-Key header must be 1 to 255 printable ASCII characters.")               \
	X(MISSING_FIELDS, 400, 0, "필수 항목이 누락되었습니다.", "A required field is missing.")   \
	X(INVALID_ID, 400, 0, "식별자 형식이 올바르지 않습니다.", "An id is not a UUID.")          \
	X(INVALID_SEATS, 400, 0, "좌석 목록이 올바르지 않습니다.", "The list of seats is not valid.") \
	X(INVALID_PAYMENT_METHOD, 400, 0, "지원하지 않는 결제 수단입니다.",                        \
	  "This payment method is not offered.")                                                   \
	X(INVALID_CVV_FORMAT, 400, 0, "CVV 형식이 올바르지 않습니다.",                             \
	  "The cvv must be three or four digits.")                                                 \
	X(INVALID_PARAMETER, 400, 0, "요청 값이 올바르지 않습니다.", "A value is not valid.")      \
	X(FORBIDDEN, 403, 0, "접근 권한이 없습니다.", "You may not do this.")                      \
	X(IDEMPOTENCY_MISMATCH, 422, 0, "같은 Idempotency-Key가 다른 요청에 사용되었습니다.",      \
	  "This Idempotency-Key was used for another request.")                                    \
	X(IDEMPOTENCY_IN_PROGRESS, 409, 1, "같은 Idempotency-Key의 요청이 처리 중입니다.",         \
	  "The first request with this Idempotency-Key is still under way.")                       \
	X(RESERVATION_NOT_FOUND, 404, 0, "예약을 찾을 수 없습니다.", "There is no such reservation.") \
	X(INTENT_NOT_FOUND, 404, 0, "결제 정보를 찾을 수 없습니다.", "There is no such payment intent.") \
	X(BOOKING_NOT_FOUND, 404, 0, "예매 내역을 찾을 수 없습니다.", "There is no such booking.") \
	X(PERFORMANCE_NOT_FOUND, 404, 0, "공연을 찾을 수 없습니다.", "There is no such performance.") \
	X(SEAT_NOT_FOUND, 404, 0, "좌석을 찾을 수 없습니다.", "There is no such seat.")            \
	X(ALREADY_PAID, 400, 0, "이미 결제가 완료된 예약입니다.", "This reservation is paid already.") \
	X(ALREADY_PROCESSED, 409, 0, "이미 처리된 결제입니다.", "This payment was carried out already.") \
	X(BOOKING_NOT_CANCELLABLE, 400, 0, "취소할 수 없는 예매입니다.",                           \
	  "This booking can no longer be cancelled.")                                              \
	X(PAYMENT_IN_PROGRESS, 409, 2, "결제가 이미 진행 중입니다.",                               \
	  "A payment of this reservation is under way.")                                           \
	X(RESERVATION_EXPIRED, 400, 0, "예약이 만료되었습니다.", "This reservation has expired.")  \
	X(RESERVATION_CANCELLED, 400, 0, "취소된 예약입니다.", "This reservation was cancelled.")  \
	X(SALE_CLOSED, 409, 0, "현재 판매 중인 공연이 아닙니다.", "This performance is not on sale.") \
	X(SEAT_UNAVAILABLE, 409, 0, "이미 선택되었거나 판매된 좌석입니다.",                        \
	  "A seat is held or sold already.")                                                       \
	X(TICKET_LIMIT, 409, 0, "1인당 예매 가능한 좌석 수를 초과했습니다.",                       \
	  "This is more seats than one person may hold.")                                          \
	X(NOT_REFUNDABLE, 409, 0, "환불할 수 없는 결제입니다.", "There is no charge here that could be refunded.") \
	X(REFUND_TOO_LARGE, 409, 0, "환불 금액이 남은 결제 금액보다 큽니다.",                       \
	  "This is more than what is left of the charge.")                                         \
	X(PAYMENT_DECLINED, 402, 0, "결제가 거절되었습니다.", "The payment was declined.")         \
	X(RESERVATION_LOST, 409, 0, "결제 중 예약이 해제되어 결제 금액이 환불됩니다.",             \
	  "The reservation was lost during the payment; the charge is being returned.")            \
	X(PAYMENT_RESULT_UNKNOWN, 504, 5,                                                          \
	  "결제 결과를 확인하고 있습니다. 잠시 후 다시 확인해 주세요.",                            \
	  "The result of the payment is not known yet; it will be settled shortly.")               \
	X(TOO_MANY_REQUESTS, 429, 1, "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.",          \
	  "Too many requests; please retry shortly.")                                              \
	X(SERVICE_UNAVAILABLE, 503, 2, "일시적으로 서비스를 이용할 수 없습니다. 잠시 후 다시 시도해 주세요.", \
	  "The service is not available just now; please retry shortly.")                          \
	X(INTERNAL_ERROR, 500, 0, "서버 오류가 발생했습니다.", "Something went wrong on our side.")
/* clang-format on */

enum status {
#define STATUS_ENUM(name, http, retry, ko, en) STATUS_##name,
	STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
		STATUS_COUNT
};

enum language { LANGUAGE_KO, LANGUAGE_EN };

struct status_info {
	const char *code; /* on the wire: "RESERVATION_EXPIRED" */
	int http;
	int retry_after_s;	/* 0: a retry cannot help */
	const char *message[2]; /* indexed by enum language */
};

/* Never NULL. */
const struct status_info *status_info(enum status status);

/* "ko", "en" */
const char *language_name(enum language language);

/* The message for the client. */
const char *status_message(enum status status, enum language language);

#endif
