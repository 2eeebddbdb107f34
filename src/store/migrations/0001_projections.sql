-- What the journal says, folded into tables. The writer is the only one who writes; one transaction per batch, cursor included.
-- Dollars, shares and prices are exact decimals with six places; times are the journal's.

create table journal_cursor (
    only_row boolean primary key default true check (only_row),
    next_seq bigint not null,          -- the first record not yet projected
    written_at timestamptz not null
);

create table sessions (
    seq bigint primary key,
    at timestamptz not null,
    version text not null,
    config_hash text not null
);

create table tokens (
    id integer primary key,
    token text not null unique,
    condition_id text not null default '',
    slug text not null default '',
    title text not null default '',
    outcome text not null default '',
    tick numeric(20, 6),
    minimum numeric(20, 6),
    fee_rate numeric(20, 6),
    neg_risk boolean,
    closes_at timestamptz,
    payout numeric(20, 6)              -- null until resolved
);

create table leaders (
    id integer primary key,
    wallet text not null unique,
    name text not null
);

create table portfolios (
    id integer primary key,
    strategy text not null,
    mode text not null check (mode in ('paper', 'live')),
    deposits numeric(20, 6) not null default 0,
    available numeric(20, 6) not null default 0,
    reserved numeric(20, 6) not null default 0,
    deployed numeric(20, 6) not null default 0,
    cooling numeric(20, 6) not null default 0,
    realised numeric(20, 6) not null default 0,   -- net of fees
    fees numeric(20, 6) not null default 0,
    unique (strategy, mode),
    -- The books are exact, always.
    check (available + reserved + deployed + cooling = deposits + realised)
);

create table signals (
    id bigint primary key,
    at timestamptz not null,           -- when the engine decided
    traded_at timestamptz not null,    -- when the leader traded
    group_id bigint not null,
    leader_id integer not null,
    token_id integer not null,
    side text not null,
    price numeric(20, 6) not null,
    shares numeric(20, 6) not null,
    group_price numeric(20, 6) not null,
    group_shares numeric(20, 6) not null,
    leader_held numeric(20, 6) not null,
    trade_key text not null
);
create index on signals (at desc);
create index on signals (leader_id, at desc);

-- How each signal ended for each portfolio. `amount`s are in the reason's unit, already scaled (dollars, shares, ms, share of 1).
create table decisions (
    signal_id bigint not null,
    portfolio_id integer not null,
    at timestamptz not null,
    outcome text not null check (outcome in ('skipped', 'refused', 'ordered', 'exit_due')),
    reason text not null default '',
    unit text not null default '',
    limit_amount numeric(20, 6),
    actual_amount numeric(20, 6),
    order_id bigint,
    primary key (signal_id, portfolio_id)
);
create index on decisions (portfolio_id, at desc);
create index on decisions (reason, at desc);

create table orders (
    id bigint primary key,
    signal_id bigint,                  -- null: a stop or a take-profit
    portfolio_id integer not null,
    leader_id integer not null,
    token_id integer not null,
    side text not null,
    kind text not null,
    cause text not null,
    limit_price numeric(20, 6) not null,
    shares numeric(20, 6) not null,
    budget numeric(20, 6) not null,
    reserved numeric(20, 6) not null,
    touch numeric(20, 6) not null,
    reference numeric(20, 6) not null,
    state text not null,               -- submitted, accepted, partly_filled, or how it ended
    submitted_at timestamptz not null,
    accepted_at timestamptz,
    closed_at timestamptz,
    filled numeric(20, 6) not null default 0,
    cash numeric(20, 6) not null default 0,
    fee numeric(20, 6) not null default 0
);
create index on orders (portfolio_id, submitted_at desc);
create index on orders (signal_id);

create table fills (
    seq bigint primary key,
    at timestamptz not null,
    order_id bigint not null,
    portfolio_id integer not null,
    shares numeric(20, 6) not null,
    cash numeric(20, 6) not null,
    fee numeric(20, 6) not null,
    basis numeric(20, 6) not null,
    realised numeric(20, 6) not null   -- a buy: minus the fee; a sell: cash - fee - basis
);
create index on fills (order_id);
create index on fills (portfolio_id, at desc);

create table positions (
    portfolio_id integer not null,
    leader_id integer not null,
    token_id integer not null,
    shares numeric(20, 6) not null default 0 check (shares >= 0),
    cost numeric(20, 6) not null default 0 check (cost >= 0),
    realised numeric(20, 6) not null default 0,
    fees numeric(20, 6) not null default 0,
    exit_due numeric(20, 6) not null default 0,
    exit_cause text not null default '',
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (portfolio_id, leader_id, token_id)
);

-- Settlements of resolved markets, one row per position that ended so.
create table settlements (
    seq bigint primary key,
    at timestamptz not null,
    portfolio_id integer not null,
    leader_id integer not null,
    token_id integer not null,
    shares numeric(20, 6) not null,
    basis numeric(20, 6) not null,
    proceeds numeric(20, 6) not null
);

create table portfolio_values (
    portfolio_id integer not null,
    seq bigint not null,
    at timestamptz not null,
    available numeric(20, 6) not null,
    reserved numeric(20, 6) not null,
    deployed numeric(20, 6) not null,
    cooling numeric(20, 6) not null,
    realised numeric(20, 6) not null,
    unrealised numeric(20, 6) not null,
    primary key (portfolio_id, seq)
);
create index on portfolio_values (portfolio_id, at);

-- Every event as the journal has it: the trace of a signal, and what no projection keeps.
create table events (
    seq bigint primary key,
    at timestamptz not null,
    kind text not null,
    body jsonb not null
);
create index on events (kind, seq desc);
