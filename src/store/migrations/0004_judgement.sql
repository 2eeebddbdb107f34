-- What the models made of a leader's buy, once for all portfolios. Probabilities and confidences as parts of 1.
create table scores (
    signal_id bigint primary key,
    at timestamptz not null,
    leader_record numeric(20, 6) not null,   -- each feature is between -1 and 1
    book_imbalance numeric(20, 6) not null,
    momentum numeric(20, 6) not null,
    spread numeric(20, 6) not null,
    time_left numeric(20, 6) not null,
    market_prior numeric(20, 6) not null,
    prior numeric(20, 6) not null,
    additive numeric(20, 6) not null,
    bayesian numeric(20, 6) not null,
    model numeric(20, 6),                    -- null: the external model had no fresh word
    ask numeric(20, 6)                       -- null: nobody offered the token
);

-- How the leader's position changed: traded, left, observed.
alter table signals add column how text not null default 'traded';
create index on signals (token_id, leader_id, id);
-- The last signal before the market paid: what came later is no trade in it.
alter table tokens add column resolved_after bigint;
create index on signals (group_id);

-- Every signal ends for every portfolio that follows as one of skipped, refused, ordered, merged (it waited, and another one
-- completed the order) or exit_due (a sale is owed); until then a buy that is too small is buffered.
alter table decisions drop constraint decisions_outcome_check;
alter table decisions add constraint decisions_outcome_check
    check (outcome in ('skipped', 'refused', 'ordered', 'exit_due', 'buffered', 'merged'));
alter table decisions add column wanted numeric(20, 6);       -- dollars of the copy, where it waited
alter table decisions add column merged_into bigint;          -- the signal that completed the order
-- What each dollar of the copy would have earned net of fees, had a no been a yes; null until it is known.
alter table decisions add column would numeric(20, 6);

alter table orders add column attempt smallint not null default 1;
create index on orders (submitted_at desc);

-- Beside sum() and avg(): what is left of a position after several parts of it went.
create aggregate product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1');

drop index events_of_signal;
drop index events_of_order;
create index events_of_signal on events (((jsonb_path_query_first(body, '$.*.signal'))::bigint))
    where kind in ('signal', 'parked', 'scored', 'skipped', 'refused', 'exit_due', 'submitted', 'buffered', 'merged');
create index events_of_order on events (((jsonb_path_query_first(body, '$.*.order'))::bigint))
    where kind in ('submitted', 'accepted', 'filled', 'closed', 'faulted', 'cancel_due', 'unknown');
-- What an operator wants to know of: breakers, switches, commands, pauses, faults, leaders blocked.
create index events_of_note on events (seq desc)
    where kind in ('tripped', 'breaker_reset', 'paper_switched', 'live_switched', 'leader_switched', 'declined', 'paused',
        'unpaused', 'faulted', 'leader_blocked', 'leader_unblocked', 'balance_low', 'moved', 'deposited', 'withdrawn',
        'configured', 'plan_repaired', 'unknown');
