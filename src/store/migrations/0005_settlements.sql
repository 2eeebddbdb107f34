-- Live orders: their names at the venue, matches that settle or not, what else happened to the wallet, and where books differ.

alter table orders add column venue_id text not null default '';         -- 0x and 64 digits; empty: never signed
create index on orders (venue_id) where venue_id <> '';

-- A match is provisional until it is confirmed. A void one stays, marked, and is in no sum of results.
alter table fills add column trade_key text not null default '';         -- of a match: which one
alter table fills add column settlement text not null default 'confirmed'
    check (settlement in ('provisional', 'confirmed', 'void'));
alter table fills add column owed numeric(20, 6) not null default 0;      -- by how much less had to be sold after it
create index on fills (order_id) where settlement = 'provisional';

-- Of `shares`: those that were bought and are not settled yet.
alter table positions add column provisional numeric(20, 6) not null default 0 check (provisional >= 0);

-- Trades of the wallet that no order of ours explains.
create table external_trades (
    seq bigint primary key,
    at timestamptz not null,
    venue_id text not null,
    trade_key text not null,
    token_id integer not null,
    side text not null,
    shares numeric(20, 6) not null,
    cash numeric(20, 6) not null,
    fee numeric(20, 6) not null,
    traded_at timestamptz not null
);

-- Where our books and the venue's part.
create table differences (
    seq bigint primary key,
    at timestamptz not null,
    what text not null check (what in ('shares', 'cash', 'open_orders')),
    token_id integer,
    ours numeric(20, 6) not null,
    theirs numeric(20, 6) not null
);

drop index events_of_order;
create index events_of_order on events (((jsonb_path_query_first(body, '$.*.order'))::bigint))
    where kind in ('submitted', 'accepted', 'filled', 'closed', 'faulted', 'cancel_due', 'unknown', 'signed', 'matched',
        'confirmed', 'voided', 'adopted');
drop index events_of_note;
create index events_of_note on events (seq desc)
    where kind in ('tripped', 'breaker_reset', 'paper_switched', 'live_switched', 'leader_switched', 'declined', 'paused',
        'unpaused', 'faulted', 'leader_blocked', 'leader_unblocked', 'balance_low', 'moved', 'deposited', 'withdrawn',
        'configured', 'plan_repaired', 'unknown', 'voided', 'adopted', 'external', 'differs', 'held_back', 'hold_ended');
