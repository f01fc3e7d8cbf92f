-- The order id of the next attempt, known before there is one: a gateway's pay window is opened for an
-- order, and only then can that order be charged. The claim takes it as the attempt's id and puts a new
-- one in its place. The default serves workers of the build before, while both run.
ALTER TABLE payments.intents ADD COLUMN order_id uuid;
ALTER TABLE payments.intents ALTER COLUMN order_id SET DEFAULT gen_random_uuid();
UPDATE payments.intents SET order_id = gen_random_uuid() WHERE status IN ('requires_payment', 'processing', 'unknown');
