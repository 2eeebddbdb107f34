-- What was told to people, and to whom it came. Not made from a journal: it stays when the tables are made anew.

create table alerts (
    id bigint primary key,             -- grows with time
    rule text not null,
    subject text not null,             -- with the rule, one thing
    severity text not null check (severity in ('info', 'warning', 'critical')),
    text text not null,
    raised_at timestamptz not null,
    passed_at timestamptz,             -- null: it lasts, or it has no end
    is_happening boolean not null,     -- it happened; there is no end to wait for
    times bigint not null default 1
);
create index on alerts (rule, id desc);

-- Each message that left, or could not.
create table alert_deliveries (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    channel text not null,
    alerts bigint[] not null,          -- what it was about
    tries integer not null,
    wrong text not null                -- empty: it arrived
);
create index on alert_deliveries using gin (alerts);

-- How the alerter is, as it last said: one row.
create table alert_state (
    single boolean primary key default true check (single),
    at timestamptz not null,
    body jsonb not null
);
