-- F1 every posted voucher balances, has two lines or more, and its total is right
SELECT 'voucher:' || v.id AS subject,
       'debit ' || coalesce(sum(e.debit), 0) || ', credit ' || coalesce(sum(e.credit), 0) || ', total ' || v.total
       || ' on ' || count(e.line) || ' lines' AS detail
FROM voucher v LEFT JOIN entry e ON e.voucher_id = v.id
WHERE v.state = 'posted'
GROUP BY v.id
HAVING coalesce(sum(e.debit), 0) <> coalesce(sum(e.credit), 0) OR coalesce(sum(e.debit), 0) <> v.total OR count(e.line) < 2

-- F2 numbers run 1..n per (book, period, word), and n is the counter
SELECT coalesce(c.period, v.period) || ' ' || coalesce(c.word, v.word) AS subject,
       'counter ' || coalesce(c.last, 0) || ', ' || coalesce(v.n, 0) || ' numbers from ' || coalesce(v.low, 0) || ' to '
       || coalesce(v.high, 0) AS detail
FROM (
    SELECT book_id, period, word, count(*) AS n, min(number) AS low, max(number) AS high
    FROM voucher WHERE state = 'posted' GROUP BY book_id, period, word
) v
FULL JOIN voucher_counter c ON (c.book_id, c.period, c.word) = (v.book_id, v.period, v.word)
WHERE coalesce(c.last, 0) <> coalesce(v.n, 0) OR coalesce(v.n, 0) <> coalesce(v.high, 0) OR coalesce(v.low, 1) <> 1

-- F3 every handled event is in the books
SELECT 'event:' || o.event_id AS subject, o.topic || ' was handled, but has no row in the books' AS detail
FROM outbox o
WHERE o.topic IN ('order.fulfilled', 'stock.received', 'stock.adjusted') AND o.handled_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM voucher v WHERE v.event_id = o.event_id)
  AND NOT EXISTS (SELECT FROM subledger d WHERE d.event_id = o.event_id)

-- F3 a waiting event is not in the books
SELECT 'event:' || o.event_id AS subject, o.topic || ' waits, but has a voucher' AS detail
FROM outbox o JOIN voucher v ON v.event_id = o.event_id
WHERE o.handled_at IS NULL

-- F3 a sub-ledger row without a voucher has no value
SELECT 'event:' || d.event_id AS subject, 'gross ' || d.gross || ', cost ' || d.cost || ' without a voucher' AS detail
FROM subledger d
WHERE d.voucher_id IS NULL AND (d.gross <> 0 OR d.cost <> 0)

-- F4 debits = credits over each book
SELECT 'book:' || v.book_id AS subject, 'debit ' || sum(e.debit) || ', credit ' || sum(e.credit) AS detail
FROM entry e JOIN voucher v ON v.id = e.voucher_id
GROUP BY v.book_id
HAVING sum(e.debit) <> sum(e.credit)

-- F5 the sub-ledger adds up to the stock values
SELECT 'sku:' || coalesce(d.sku_id, s.sku_id) AS subject,
       'sub-ledger ' || coalesce(d.qty, 0) || ' units worth ' || coalesce(d.cost, 0) || ', stock value '
       || coalesce(s.qty, 0) || ' units worth ' || coalesce(s.value, 0) AS detail
FROM (SELECT book_id, sku_id, sum(qty) AS qty, sum(cost) AS cost FROM subledger GROUP BY book_id, sku_id) d
FULL JOIN stock_value s ON (s.book_id, s.sku_id) = (d.book_id, d.sku_id)
WHERE coalesce(d.qty, 0) <> coalesce(s.qty, 0) OR coalesce(d.cost, 0) <> coalesce(s.value, 0)

-- F5 the stock values add up to the inventory account
SELECT 'book:' || b.id AS subject, 'stock value ' || b.worth || ', inventory account ' || b.balance AS detail
FROM (
    SELECT book.id,
           (SELECT coalesce(sum(s.value), 0) FROM stock_value s WHERE s.book_id = book.id) AS worth,
           (SELECT coalesce(sum(e.debit - e.credit), 0) FROM entry e
            JOIN account_role r ON r.account_id = e.account_id AND r.role = 'inventory' WHERE r.book_id = book.id) AS balance
    FROM book
) b
WHERE b.worth <> b.balance

-- F6 the receivables add up to the platform account, shop by shop
SELECT 'shop:' || coalesce(i.shop_id, l.shop_id) AS subject,
       'receivables ' || coalesce(i.owed, 0) || ', platform account ' || coalesce(l.balance, 0) AS detail
FROM (SELECT book_id, shop_id, sum(amount - settled) AS owed FROM receivable GROUP BY book_id, shop_id) i
FULL JOIN (
    SELECT r.book_id, e.shop_id, sum(e.debit - e.credit) AS balance
    FROM entry e JOIN account_role r ON r.account_id = e.account_id AND r.role = 'ar_platform'
    GROUP BY r.book_id, e.shop_id
) l ON (l.book_id, l.shop_id) = (i.book_id, i.shop_id)
WHERE coalesce(i.owed, 0) <> coalesce(l.balance, 0)

-- F7 the units in the books are the units in the warehouses: waiting events are still to come, reversals moved no goods
SELECT 'sku:' || coalesce(goods.sku_id, books.sku_id) AS subject,
       coalesce(goods.qty, 0) || ' units in the warehouses, ' || coalesce(books.qty, 0) || ' in the books' AS detail
FROM (
    SELECT m.sku_id, sum(m.qty * ((t.kind NOT IN ('supplier', 'customer', 'adjustment'))::int
                                  - (f.kind NOT IN ('supplier', 'customer', 'adjustment'))::int)) AS qty
    FROM stock_move m JOIN warehouse f ON f.id = m.from_id JOIN warehouse t ON t.id = m.to_id
    GROUP BY m.sku_id
) goods
FULL JOIN (
    SELECT sku_id, sum(qty) AS qty
    FROM (
        SELECT s.sku_id, s.qty FROM stock_value s JOIN book b ON b.id = s.book_id WHERE b.code = 'MAIN'
        UNION ALL
        SELECT d.sku_id, -d.qty FROM subledger d JOIN book b ON b.id = d.book_id
        WHERE b.code = 'MAIN' AND d.kind = 'reversal'
        UNION ALL
        SELECT (line ->> 'sku_id')::bigint, -(line ->> 'qty')::bigint
        FROM outbox o, jsonb_array_elements(o.payload -> 'lines') AS line
        WHERE o.handled_at IS NULL AND o.topic = 'order.fulfilled'
        UNION ALL
        SELECT (o.payload ->> 'sku_id')::bigint, (o.payload ->> 'qty')::bigint
        FROM outbox o WHERE o.handled_at IS NULL AND o.topic = 'stock.received'
        UNION ALL
        SELECT (o.payload ->> 'sku_id')::bigint, (o.payload ->> 'qty_delta')::bigint
        FROM outbox o WHERE o.handled_at IS NULL AND o.topic = 'stock.adjusted'
    ) every
    GROUP BY sku_id
) books ON books.sku_id = goods.sku_id
WHERE coalesce(goods.qty, 0) <> coalesce(books.qty, 0)
