/*
 * What several requests write at the same moment, written by one of them in one
 * transaction: one trip, one start of the executor, one flush of the log for all.
 * It is for what is ordinary. A statement that is made for it writes what it finds as it
 * should be, leaves out whatever somebody else has locked, and says which it wrote; the others'
 * requests then take the careful way, each in a transaction of its own, and so do all of a
 * batch that failed.
 */
#ifndef PAYMENTS_PAY_PAYMENT_TOGETHER_H
#define PAYMENTS_PAY_PAYMENT_TOGETHER_H

#include "db/batch.h"
#include "pay/payment/claim.h"
#include "pay/payment/settle.h"
#include "pay/service.h"

/* One request's part. */
struct together {
	struct batch_item item; /* of them all */
	struct call *call;	/* whose it is: what the transaction costs is counted there */
	void *work;		/* what it wants written; for the body */
	const char *id;		/* by which the statement names what it wrote */
	bool written;
	int64_t since_us;
	enum db_code code;
};

/* The part behind a batch's item, and the part after it; NULL: the last. */
struct together *together_of(struct batch_item *item);
struct together *together_next(const struct together *part);
/* The part of that id, which is one of them; it is marked as written. */
struct together *together_written(struct together *first, const char *id);

/*
 * The transaction: its context is the first part. Runs once; a failure is that of all: nothing of
 * it was written, or, after DB_MAYBE, that is to be read.
 */
enum db_code together_write(struct batch *line, struct together *part, db_tx_body body);

/* The ordinary claim: of what `claim` says, under the ids it says. *made: it was, and
 * claim->amount_krw is known. */
enum db_code claim_together(struct claim *claim, bool *made);

/* The ordinary end: approved, and all stands as record->claim left it. *settled: it was, and is
 * answered. */
enum db_code record_together(struct record *record, bool *settled);

#endif
