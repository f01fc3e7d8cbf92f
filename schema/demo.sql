-- Demo data for development and tests: two customers, an admin, two events on sale with 200 seats
-- each, ticket types. Safe to run again: each run only puts the sale back into the present, so that
-- a state folder that is months old still sells.

INSERT INTO public.users (id, email, password_hash, name, phone, role) VALUES
	('11111111-1111-4111-8111-111111111111', 'customer@example.com',
	 '$2b$10$placeholderplaceholderplaceholderplaceholderplacehold', '김고객', '010-0000-0001', 'user'),
	('22222222-2222-4222-8222-222222222222', 'second@example.com',
	 '$2b$10$placeholderplaceholderplaceholderplaceholderplacehold', '이손님', '010-0000-0002', 'user'),
	('99999999-9999-4999-8999-999999999999', 'admin@example.com',
	 '$2b$10$placeholderplaceholderplaceholderplaceholderplacehold', '박관리', '010-0000-0009', 'admin')
ON CONFLICT DO NOTHING;

INSERT INTO public.events
	(id, title, description, venue, address, event_date, sale_start_date, sale_end_date, status)
VALUES
	('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa1', '겨울 콘서트', '한 해를 보내는 밤', '올림픽공원 체조경기장',
	 '서울특별시 송파구 올림픽로 424', CURRENT_DATE + 30 + TIME '19:00', CURRENT_DATE - 1,
	 CURRENT_DATE + 29, 'on_sale'),
	('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa2', '봄 뮤지컬', '새봄의 첫 무대', '예술의전당 오페라극장',
	 '서울특별시 서초구 남부순환로 2406', CURRENT_DATE + 90 + TIME '20:00', CURRENT_DATE - 1,
	 CURRENT_DATE + 89, 'on_sale')
ON CONFLICT (id) DO UPDATE SET
	event_date = excluded.event_date, sale_start_date = excluded.sale_start_date,
	sale_end_date = excluded.sale_end_date, status = excluded.status;

-- Ten rows of twenty: two of VIP, three of R, five of S.
INSERT INTO public.seats (event_id, section, row_number, seat_number, seat_label, price)
SELECT e.id, s.section, r, n, format('%s-%s-%s', s.section, r, n), s.price
FROM public.events e,
	(VALUES ('VIP', 2, 70000), ('R', 3, 50000), ('S', 5, 30000)) AS s (section, rows, price),
	generate_series(1, s.rows) AS r, generate_series(1, 20) AS n
WHERE e.id IN ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa1', 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa2')
ON CONFLICT DO NOTHING;

INSERT INTO public.ticket_types (id, event_id, name, price, total_quantity, available_quantity) VALUES
	('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbb1', 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa1', '스탠딩', 40000, 500, 500),
	('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbb2', 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa2', '자유석', 20000, 300, 300)
ON CONFLICT DO NOTHING;
