-- The first schema, frozen: later changes are migrations of their own. One statement per paragraph.

CREATE SEQUENCE dirty_number AS BIGINT;

CREATE TABLE book (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT DEFAULT 'CNY' NOT NULL,
    timezone TEXT DEFAULT 'Asia/Shanghai' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_book PRIMARY KEY (id),
    CONSTRAINT uq_book_code UNIQUE (code)
);

CREATE TABLE audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail JSONB DEFAULT '{}' NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_audit_log PRIMARY KEY (id)
);

CREATE INDEX ix_audit_log_subject ON audit_log (subject, id);

CREATE TABLE heartbeat (
    process TEXT NOT NULL,
    kind TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_heartbeat PRIMARY KEY (process)
);

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id UUID NOT NULL,
    topic TEXT NOT NULL,
    payload JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    handled_at TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_try_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    error TEXT,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT uq_outbox_event_id UNIQUE (event_id)
);

CREATE INDEX ix_outbox_waiting ON outbox (next_try_at, id) WHERE handled_at IS NULL;

CREATE TABLE person (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    must_change BOOLEAN DEFAULT false NOT NULL,
    language TEXT DEFAULT '' NOT NULL,
    theme TEXT DEFAULT '' NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_person PRIMARY KEY (id),
    CONSTRAINT ck_person_role CHECK (role IN ('viewer', 'operator', 'warehouse', 'finance', 'admin')),
    CONSTRAINT uq_person_name UNIQUE (name)
);

CREATE TABLE sign_in_attempt (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subject TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_sign_in_attempt PRIMARY KEY (id)
);

CREATE INDEX ix_sign_in_attempt_subject ON sign_in_attempt (subject, at);

CREATE TABLE api_key (
    digest BYTEA NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_api_key PRIMARY KEY (digest),
    CONSTRAINT ck_api_key_role CHECK (role IN ('viewer', 'operator', 'warehouse', 'finance', 'admin')),
    CONSTRAINT uq_api_key_name UNIQUE (name)
);

CREATE TABLE shop (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    base_url TEXT NOT NULL,
    currency TEXT DEFAULT 'CNY' NOT NULL,
    settings JSONB DEFAULT '{}' NOT NULL,
    credentials BYTEA NOT NULL,
    state TEXT DEFAULT 'active' NOT NULL,
    state_reason TEXT,
    buffer_units INTEGER DEFAULT 0 NOT NULL,
    poll_seconds INTEGER DEFAULT 2 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    cursor_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    next_pull_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_pull_at TIMESTAMP WITH TIME ZONE,
    last_pull_ok_at TIMESTAMP WITH TIME ZONE,
    last_push_at TIMESTAMP WITH TIME ZONE,
    last_push_ok_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT,
    failures INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_shop PRIMARY KEY (id),
    CONSTRAINT ck_shop_state CHECK (state IN ('active', 'paused', 'stopped')),
    CONSTRAINT ck_shop_limits CHECK (buffer_units >= 0 AND poll_seconds BETWEEN 1 AND 86400),
    CONSTRAINT uq_shop_name UNIQUE (name)
);

CREATE TABLE sku (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    barcode TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_sku PRIMARY KEY (id),
    CONSTRAINT ck_sku_code_length CHECK (length(code) BETWEEN 1 AND 200),
    CONSTRAINT uq_sku_code UNIQUE (code)
);

CREATE TABLE warehouse (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_warehouse PRIMARY KEY (id),
    CONSTRAINT ck_warehouse_kind CHECK (kind IN ('storage', 'supplier', 'customer', 'adjustment', 'transit', 'quality')),
    CONSTRAINT uq_warehouse_code UNIQUE (code)
);

CREATE TABLE reservation (
    id UUID NOT NULL,
    key TEXT NOT NULL,
    line TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    sku_id BIGINT NOT NULL,
    warehouse_id BIGINT NOT NULL,
    qty BIGINT NOT NULL,
    kind TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_reservation PRIMARY KEY (id),
    CONSTRAINT ck_reservation_qty CHECK (qty > 0),
    CONSTRAINT ck_reservation_kind CHECK (kind IN ('hold', 'claim')),
    CONSTRAINT ck_reservation_expiry CHECK ((kind = 'hold') = (expires_at IS NOT NULL) OR kind = 'claim')
);

CREATE INDEX ix_reservation_key ON reservation (key);

CREATE INDEX ix_reservation_expiry ON reservation (expires_at) WHERE expires_at IS NOT NULL;

CREATE INDEX ix_reservation_sku ON reservation (sku_id, warehouse_id, opened_at);

CREATE TABLE gate (
    bucket SERIAL NOT NULL,
    epoch BIGINT NOT NULL,
    identity TEXT NOT NULL,
    bumped_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    bumps INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_gate PRIMARY KEY (bucket)
);

CREATE TABLE account (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    book_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT uq_account_code UNIQUE (book_id, code),
    CONSTRAINT ck_account_kind CHECK (kind IN ('asset', 'liability', 'equity', 'income', 'expense')),
    CONSTRAINT fk_account_book_id FOREIGN KEY(book_id) REFERENCES book (id)
);

CREATE TABLE posting_rule (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    book_id BIGINT NOT NULL,
    topic TEXT NOT NULL,
    version INTEGER NOT NULL,
    valid_from DATE NOT NULL,
    word TEXT DEFAULT '记' NOT NULL,
    summary TEXT NOT NULL,
    lines JSONB NOT NULL,
    CONSTRAINT pk_posting_rule PRIMARY KEY (id),
    CONSTRAINT uq_posting_rule_version UNIQUE (book_id, topic, version),
    CONSTRAINT fk_posting_rule_book_id FOREIGN KEY(book_id) REFERENCES book (id)
);

CREATE TABLE tax_rate (
    book_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    valid_from DATE NOT NULL,
    rate NUMERIC(18, 6) NOT NULL,
    CONSTRAINT pk_tax_rate PRIMARY KEY (book_id, code, valid_from),
    CONSTRAINT fk_tax_rate_book_id FOREIGN KEY(book_id) REFERENCES book (id)
);

CREATE TABLE period (
    book_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    CONSTRAINT pk_period PRIMARY KEY (book_id, code),
    CONSTRAINT ck_period_state CHECK (state IN ('open', 'closed', 'locked')),
    CONSTRAINT fk_period_book_id FOREIGN KEY(book_id) REFERENCES book (id)
);

CREATE TABLE voucher_counter (
    book_id BIGINT NOT NULL,
    period TEXT NOT NULL,
    word TEXT NOT NULL,
    last INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_voucher_counter PRIMARY KEY (book_id, period, word),
    CONSTRAINT fk_voucher_counter_book_id FOREIGN KEY(book_id) REFERENCES book (id)
);

CREATE TABLE stock_value (
    book_id BIGINT NOT NULL,
    sku_id BIGINT NOT NULL,
    qty BIGINT DEFAULT 0 NOT NULL,
    value NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    unit_cost NUMERIC(28, 12) DEFAULT 0 NOT NULL,
    CONSTRAINT pk_stock_value PRIMARY KEY (book_id, sku_id),
    CONSTRAINT ck_stock_value_never_negative CHECK (qty >= 0 AND value >= 0 AND (qty > 0 OR value = 0)),
    CONSTRAINT fk_stock_value_book_id FOREIGN KEY(book_id) REFERENCES book (id)
);

CREATE TABLE receivable (
    id UUID NOT NULL,
    book_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    order_id UUID NOT NULL,
    event_id UUID NOT NULL,
    kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount NUMERIC(18, 2) NOT NULL,
    settled NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_receivable PRIMARY KEY (id),
    CONSTRAINT ck_receivable_closed CHECK (closed = (settled = amount)),
    CONSTRAINT uq_receivable_item UNIQUE (book_id, shop_id, order_id, kind, event_id),
    CONSTRAINT fk_receivable_book_id FOREIGN KEY(book_id) REFERENCES book (id),
    CONSTRAINT fk_receivable_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id)
);

CREATE INDEX ix_receivable_open ON receivable (shop_id, opened_at) WHERE NOT closed;

CREATE TABLE cases (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    shop_id BIGINT,
    order_id UUID,
    listing_id BIGINT,
    sku_id BIGINT,
    facts JSONB DEFAULT '{}' NOT NULL,
    cost_at_risk NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    seen INTEGER DEFAULT 1 NOT NULL,
    owner TEXT,
    opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by TEXT,
    resolution TEXT,
    CONSTRAINT pk_cases PRIMARY KEY (id),
    CONSTRAINT ck_cases_state CHECK (state IN ('open', 'closed')),
    CONSTRAINT fk_cases_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id)
);

CREATE INDEX ix_cases_order ON cases (order_id);

CREATE INDEX ix_cases_queue ON cases (state, due_at, id);

CREATE UNIQUE INDEX uq_cases_open ON cases (kind, subject) WHERE state = 'open';

CREATE TABLE person_session (
    digest BYTEA NOT NULL,
    person_id BIGINT NOT NULL,
    csrf TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    agent TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_person_session PRIMARY KEY (digest),
    CONSTRAINT fk_person_session_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_person_session_person ON person_session (person_id);

CREATE TABLE raw_answer (
    shop_id BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT,
    body BYTEA NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_raw_answer PRIMARY KEY (shop_id, digest),
    CONSTRAINT fk_raw_answer_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id)
);

CREATE INDEX ix_raw_answer_received ON raw_answer (received_at);

CREATE UNIQUE INDEX uq_raw_answer_event ON raw_answer (shop_id, event_id) WHERE event_id IS NOT NULL;

CREATE TABLE sales_order (
    id UUID NOT NULL,
    shop_id BIGINT NOT NULL,
    external_id TEXT NOT NULL,
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    state_reason TEXT,
    channel_status TEXT NOT NULL,
    attempt INTEGER DEFAULT 1 NOT NULL,
    cancel BOOLEAN DEFAULT false NOT NULL,
    claimed BOOLEAN DEFAULT false NOT NULL,
    currency TEXT NOT NULL,
    total NUMERIC(18, 2),
    shipping NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    units BIGINT DEFAULT 0 NOT NULL,
    body_hash BYTEA NOT NULL,
    private BYTEA,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    paid_at TIMESTAMP WITH TIME ZONE,
    modified_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    shipped_at TIMESTAMP WITH TIME ZONE,
    lease_until TIMESTAMP WITH TIME ZONE DEFAULT '-infinity' NOT NULL,
    CONSTRAINT pk_sales_order PRIMARY KEY (id),
    CONSTRAINT ck_sales_order_state CHECK (state IN ('pending', 'unmapped', 'new', 'reserved', 'backordered', 'held', 'shipped', 'completed', 'cancelled')),
    CONSTRAINT fk_sales_order_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id)
);

CREATE INDEX ix_sales_order_recorded ON sales_order (recorded_at);

CREATE INDEX ix_sales_order_external_id ON sales_order (external_id);

CREATE INDEX ix_sales_order_backordered ON sales_order (placed_at) WHERE state = 'backordered';

CREATE INDEX ix_sales_order_number ON sales_order (number);

CREATE INDEX ix_sales_order_new ON sales_order (recorded_at) WHERE state = 'new';

CREATE UNIQUE INDEX uq_sales_order_external ON sales_order (shop_id, external_id);

CREATE INDEX ix_sales_order_list ON sales_order (placed_at, id);

CREATE INDEX ix_sales_order_shop_list ON sales_order (shop_id, placed_at, id);

CREATE INDEX ix_sales_order_state_list ON sales_order (state, placed_at, id);

CREATE TABLE stock_level (
    sku_id BIGINT NOT NULL,
    warehouse_id BIGINT NOT NULL,
    on_hand BIGINT DEFAULT 0 NOT NULL,
    reserved BIGINT DEFAULT 0 NOT NULL,
    backorder_allowed BIGINT DEFAULT 0 NOT NULL,
    version BIGINT DEFAULT 0 NOT NULL,
    frozen BOOLEAN DEFAULT false NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_stock_level PRIMARY KEY (sku_id, warehouse_id),
    CONSTRAINT ck_stock_level_on_hand CHECK (on_hand >= 0),
    CONSTRAINT ck_stock_level_reserved CHECK (reserved >= 0 AND reserved <= on_hand + backorder_allowed),
    CONSTRAINT ck_stock_level_backorder_allowed CHECK (backorder_allowed >= 0),
    CONSTRAINT fk_stock_level_sku_id FOREIGN KEY(sku_id) REFERENCES sku (id),
    CONSTRAINT fk_stock_level_warehouse_id FOREIGN KEY(warehouse_id) REFERENCES warehouse (id)
);

CREATE TABLE stock_move (
    id UUID NOT NULL,
    sku_id BIGINT NOT NULL,
    from_id BIGINT NOT NULL,
    to_id BIGINT NOT NULL,
    qty BIGINT NOT NULL,
    cause TEXT NOT NULL,
    reference TEXT NOT NULL,
    actor TEXT NOT NULL,
    unit_cost NUMERIC(18, 6),
    reservation_id UUID,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_stock_move PRIMARY KEY (id),
    CONSTRAINT ck_stock_move_qty CHECK (qty > 0),
    CONSTRAINT ck_stock_move_places CHECK (from_id <> to_id),
    CONSTRAINT fk_stock_move_sku_id FOREIGN KEY(sku_id) REFERENCES sku (id),
    CONSTRAINT fk_stock_move_from_id FOREIGN KEY(from_id) REFERENCES warehouse (id),
    CONSTRAINT fk_stock_move_to_id FOREIGN KEY(to_id) REFERENCES warehouse (id),
    CONSTRAINT fk_stock_move_reservation_id FOREIGN KEY(reservation_id) REFERENCES reservation (id)
);

CREATE INDEX ix_stock_move_sku ON stock_move (sku_id, at);

CREATE UNIQUE INDEX uq_stock_move_reservation ON stock_move (reservation_id) WHERE reservation_id IS NOT NULL;

CREATE TABLE resolution (
    reservation_id UUID NOT NULL,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_resolution PRIMARY KEY (reservation_id),
    CONSTRAINT ck_resolution_kind CHECK (kind IN ('post', 'void', 'expire')),
    CONSTRAINT fk_resolution_reservation_id FOREIGN KEY(reservation_id) REFERENCES reservation (id)
);

CREATE TABLE dirty (
    sku_id BIGINT NOT NULL,
    n BIGINT DEFAULT nextval('dirty_number') NOT NULL,
    since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    moved_shops BIGINT[] DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_dirty PRIMARY KEY (sku_id),
    CONSTRAINT fk_dirty_sku_id FOREIGN KEY(sku_id) REFERENCES sku (id)
);

CREATE TABLE listing (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    shop_id BIGINT NOT NULL,
    external_id TEXT NOT NULL,
    channel_sku TEXT,
    title TEXT DEFAULT '' NOT NULL,
    keys JSONB DEFAULT '{}' NOT NULL,
    sku_id BIGINT,
    publish BOOLEAN DEFAULT true NOT NULL,
    want_qty BIGINT,
    want_version BIGINT DEFAULT 0 NOT NULL,
    want_at TIMESTAMP WITH TIME ZONE,
    raise_at TIMESTAMP WITH TIME ZONE,
    sent_qty BIGINT,
    sent_version BIGINT DEFAULT 0 NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    push_lease_until TIMESTAMP WITH TIME ZONE,
    push_version BIGINT,
    push_wanted_at TIMESTAMP WITH TIME ZONE,
    next_push_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    push_failures INTEGER DEFAULT 0 NOT NULL,
    push_handle TEXT,
    last_error TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_listing PRIMARY KEY (id),
    CONSTRAINT ck_listing_quantities CHECK (want_qty >= 0 AND sent_qty >= 0 AND sent_version <= want_version),
    CONSTRAINT fk_listing_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id),
    CONSTRAINT fk_listing_sku_id FOREIGN KEY(sku_id) REFERENCES sku (id)
);

CREATE INDEX ix_listing_sku ON listing (sku_id);

CREATE UNIQUE INDEX uq_listing_external ON listing (shop_id, external_id);

CREATE INDEX ix_listing_behind ON listing (shop_id, want_at) WHERE sent_version < want_version AND publish;

CREATE TABLE account_role (
    book_id BIGINT NOT NULL,
    role TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    CONSTRAINT pk_account_role PRIMARY KEY (book_id, role),
    CONSTRAINT fk_account_role_book_id FOREIGN KEY(book_id) REFERENCES book (id),
    CONSTRAINT fk_account_role_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE TABLE voucher (
    id UUID NOT NULL,
    book_id BIGINT NOT NULL,
    event_id UUID NOT NULL,
    rule_set TEXT NOT NULL,
    rule_id BIGINT,
    state TEXT DEFAULT 'draft' NOT NULL,
    period TEXT NOT NULL,
    word TEXT NOT NULL,
    number INTEGER,
    date DATE NOT NULL,
    business_date DATE NOT NULL,
    summary TEXT NOT NULL,
    total NUMERIC(18, 2) NOT NULL,
    source_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    shop_id BIGINT,
    order_id UUID,
    reversal_of UUID,
    made_by TEXT NOT NULL,
    posted_at TIMESTAMP WITH TIME ZONE,
    posted_by TEXT,
    CONSTRAINT pk_voucher PRIMARY KEY (id),
    CONSTRAINT ck_voucher_state CHECK (state IN ('draft', 'posted')),
    CONSTRAINT ck_voucher_posted CHECK ((state = 'posted') = (number IS NOT NULL AND posted_at IS NOT NULL)),
    CONSTRAINT fk_voucher_book_id FOREIGN KEY(book_id) REFERENCES book (id),
    CONSTRAINT fk_voucher_rule_id FOREIGN KEY(rule_id) REFERENCES posting_rule (id),
    CONSTRAINT fk_voucher_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id),
    CONSTRAINT fk_voucher_reversal_of FOREIGN KEY(reversal_of) REFERENCES voucher (id)
);

CREATE UNIQUE INDEX uq_voucher_number ON voucher (book_id, period, word, number);

CREATE UNIQUE INDEX uq_voucher_reversal ON voucher (reversal_of) WHERE reversal_of IS NOT NULL;

CREATE INDEX ix_voucher_list ON voucher (book_id, period, number, id);

CREATE UNIQUE INDEX uq_voucher_event ON voucher (event_id, rule_set, book_id);

CREATE INDEX ix_voucher_order ON voucher (order_id);

CREATE TABLE order_line (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    external_line_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    listing_id BIGINT,
    sku_id BIGINT,
    platform_sku TEXT NOT NULL,
    channel_sku TEXT,
    title TEXT DEFAULT '' NOT NULL,
    qty BIGINT NOT NULL,
    qty_ordered BIGINT NOT NULL,
    qty_shipped BIGINT DEFAULT 0 NOT NULL,
    channel_shipped BIGINT DEFAULT 0 NOT NULL,
    unit_price NUMERIC(18, 6) NOT NULL,
    discount NUMERIC(18, 2) NOT NULL,
    tax NUMERIC(18, 2) NOT NULL,
    shipping_share NUMERIC(18, 2) NOT NULL,
    amount NUMERIC(18, 2) NOT NULL,
    CONSTRAINT pk_order_line PRIMARY KEY (id),
    CONSTRAINT ck_order_line_qty CHECK (qty >= 0 AND qty_shipped >= 0),
    CONSTRAINT fk_order_line_order_id FOREIGN KEY(order_id) REFERENCES sales_order (id),
    CONSTRAINT fk_order_line_listing_id FOREIGN KEY(listing_id) REFERENCES listing (id),
    CONSTRAINT fk_order_line_sku_id FOREIGN KEY(sku_id) REFERENCES sku (id)
);

CREATE INDEX ix_order_line_listing ON order_line (listing_id) WHERE sku_id IS NULL;

CREATE INDEX ix_order_line_sku ON order_line (sku_id);

CREATE INDEX ix_order_line_order ON order_line (order_id, position);

CREATE TABLE shipment (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    shop_id BIGINT NOT NULL,
    carrier TEXT NOT NULL,
    waybill TEXT NOT NULL,
    actor TEXT NOT NULL,
    shipped_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    lines JSONB NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE,
    tell_attempts INTEGER DEFAULT 0 NOT NULL,
    next_tell_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    tell_error TEXT,
    CONSTRAINT pk_shipment PRIMARY KEY (id),
    CONSTRAINT fk_shipment_order_id FOREIGN KEY(order_id) REFERENCES sales_order (id),
    CONSTRAINT fk_shipment_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id)
);

CREATE INDEX ix_shipment_waybill ON shipment (waybill);

CREATE INDEX ix_shipment_untold ON shipment (next_tell_at) WHERE told_at IS NULL;

CREATE INDEX ix_shipment_order ON shipment (order_id);

CREATE TABLE order_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    order_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT DEFAULT 'hub' NOT NULL,
    facts JSONB DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_order_event PRIMARY KEY (id),
    CONSTRAINT fk_order_event_order_id FOREIGN KEY(order_id) REFERENCES sales_order (id)
);

CREATE INDEX ix_order_event_order ON order_event (order_id, id);

CREATE TABLE push_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    listing_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    sku_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    quantity_before BIGINT,
    wanted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    message TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_push_log PRIMARY KEY (id),
    CONSTRAINT fk_push_log_listing_id FOREIGN KEY(listing_id) REFERENCES listing (id)
);

CREATE INDEX ix_push_log_listing ON push_log (listing_id, id);

CREATE INDEX ix_push_log_sku ON push_log (sku_id, answered_at);

CREATE INDEX ix_push_log_answered ON push_log (answered_at);

CREATE TABLE entry (
    voucher_id UUID NOT NULL,
    line INTEGER NOT NULL,
    account_id BIGINT NOT NULL,
    summary TEXT NOT NULL,
    debit NUMERIC(18, 2) NOT NULL,
    credit NUMERIC(18, 2) NOT NULL,
    currency TEXT NOT NULL,
    shop_id BIGINT,
    warehouse_id BIGINT,
    CONSTRAINT pk_entry PRIMARY KEY (voucher_id, line),
    CONSTRAINT ck_entry_one_side CHECK (debit * credit = 0),
    CONSTRAINT fk_entry_voucher_id FOREIGN KEY(voucher_id) REFERENCES voucher (id),
    CONSTRAINT fk_entry_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_entry_shop_id FOREIGN KEY(shop_id) REFERENCES shop (id)
);

CREATE INDEX ix_entry_account ON entry (account_id, voucher_id);

CREATE TABLE subledger (
    id UUID NOT NULL,
    book_id BIGINT NOT NULL,
    event_id UUID NOT NULL,
    voucher_id UUID,
    kind TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    sku_id BIGINT NOT NULL,
    warehouse_id BIGINT,
    move_id UUID,
    order_id UUID,
    order_line_id UUID,
    shop_id BIGINT,
    qty BIGINT NOT NULL,
    gross NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    net NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    vat NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    cost NUMERIC(18, 2) DEFAULT 0 NOT NULL,
    CONSTRAINT pk_subledger PRIMARY KEY (id),
    CONSTRAINT fk_subledger_book_id FOREIGN KEY(book_id) REFERENCES book (id),
    CONSTRAINT fk_subledger_voucher_id FOREIGN KEY(voucher_id) REFERENCES voucher (id)
);

CREATE INDEX ix_subledger_order ON subledger (order_id) WHERE order_id IS NOT NULL;

CREATE INDEX ix_subledger_sku ON subledger (sku_id, at);

CREATE INDEX ix_subledger_voucher ON subledger (voucher_id);

CREATE UNIQUE INDEX uq_subledger_move ON subledger (book_id, move_id) WHERE move_id IS NOT NULL;

-- Rules that no statement may get around, kept by the database itself. One statement per paragraph.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER stock_move_append_only BEFORE UPDATE OR DELETE ON stock_move FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER resolution_append_only BEFORE UPDATE OR DELETE ON resolution FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER reservation_append_only BEFORE DELETE ON reservation FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER subledger_append_only BEFORE UPDATE OR DELETE ON subledger FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A reservation never changes but for a hold that is confirmed into a claim (or prolonged).
CREATE FUNCTION refuse_reservation_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.id, OLD.key, OLD.line, OLD.attempt, OLD.sku_id, OLD.warehouse_id, OLD.qty, OLD.opened_at)
       IS DISTINCT FROM (NEW.id, NEW.key, NEW.line, NEW.attempt, NEW.sku_id, NEW.warehouse_id, NEW.qty, NEW.opened_at)
       OR (OLD.kind = 'claim' AND NEW.kind <> 'claim') THEN
        RAISE EXCEPTION 'a reservation never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER reservation_immutable BEFORE UPDATE ON reservation FOR EACH ROW EXECUTE FUNCTION refuse_reservation_change();

-- A posted voucher and its entries never change; a correction is a reversal.
CREATE FUNCTION refuse_posted_voucher() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'posted' THEN
        RAISE EXCEPTION 'voucher % is posted', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE TRIGGER voucher_posted BEFORE UPDATE OR DELETE ON voucher FOR EACH ROW EXECUTE FUNCTION refuse_posted_voucher();

CREATE FUNCTION refuse_posted_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM voucher WHERE id = COALESCE(NEW.voucher_id, OLD.voucher_id) AND state = 'posted') THEN
        RAISE EXCEPTION 'the voucher of this entry is posted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE TRIGGER entry_posted BEFORE INSERT OR UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_posted_entry();

-- At commit every voucher that was touched balances and is not empty.
CREATE FUNCTION check_voucher_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    difference numeric;
    lines integer;
BEGIN
    SELECT coalesce(sum(debit - credit), 0), count(*) INTO difference, lines FROM entry WHERE voucher_id = NEW.id;
    IF difference <> 0 OR lines < 2 THEN
        RAISE EXCEPTION 'voucher % does not balance: % on % lines', NEW.id, difference, lines
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER voucher_balance AFTER INSERT OR UPDATE ON voucher
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_voucher_balance();
