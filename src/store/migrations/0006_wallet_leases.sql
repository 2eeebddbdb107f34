-- Who may trade with a wallet: one engine at a time, over all that use this database. Not made from a journal.

create table wallet_leases (
    wallet text primary key,
    epoch bigint not null,                       -- higher with every holder; in his journal, too
    host text not null,
    boot text not null,                          -- since when that machine is up
    pid bigint not null,
    data_dir text not null,
    journal text not null,
    is_free boolean not null default false,      -- its holder ended in order
    taken_at timestamptz not null default now(),
    renewed_at timestamptz not null default now(),
    renewals bigint not null default 0           -- who waits for its end looks whether this moves; no clock is compared
);
