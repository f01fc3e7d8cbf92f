#include "pay/payment/payment.h"

#include <string.h>

/* clang-format off */
const struct payment_method payment_methods[PAYMENT_METHODS] = {
	{ "naver_pay", "네이버페이", "네이버페이로 간편하게 결제하세요", "/images/naver-pay.png" },
	{ "kakao_pay", "카카오페이", "카카오페이로 간편하게 결제하세요", "/images/kakao-pay.png" },
	{ "bank_transfer", "계좌이체", "은행 계좌에서 바로 이체하세요", "/images/bank-transfer.png" },
};
/* clang-format on */

const struct payment_method *payment_method_find(const char *id)
{
	for (int i = 0; i < PAYMENT_METHODS; i++)
		if (strcmp(payment_methods[i].id, id) == 0)
			return &payment_methods[i];
	return NULL;
}
