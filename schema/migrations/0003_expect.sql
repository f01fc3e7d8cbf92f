-- The two assertions as expressions: the planner puts them into the statement, and a function is called
-- only where one does not hold. In 0001 each was a call of PL/pgSQL in every payment.
CREATE FUNCTION payments.refuse(why text, code text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '%', why USING ERRCODE = code;
END $$;

-- What was locked and decided on must be what was changed, or the whole transaction fails.
CREATE OR REPLACE FUNCTION payments.expect(ok boolean, what text) RETURNS boolean LANGUAGE sql AS $$
	SELECT CASE WHEN ok THEN true ELSE payments.refuse('expectation failed: ' || what, 'PY001') END
$$;

-- The same where nothing was locked before: not our mistake but somebody else's change, and so a
-- serialization failure, upon which the service looks again.
CREATE OR REPLACE FUNCTION payments.unchanged(ok boolean, what text) RETURNS boolean LANGUAGE sql AS $$
	SELECT CASE WHEN ok THEN true ELSE payments.refuse('changed meanwhile: ' || what, '40001') END
$$;
