-- Who told of a leader's trade, and when. The first to tell made it a signal; what the trade was is the signal's. A reading of
-- positions tells of no trade and is none of these.
create table sightings (
    seq bigint primary key,
    seen_at timestamptz not null,
    trade_key text not null,
    leader_id integer not null,
    token_id integer not null,
    source text not null check (source in ('activity', 'matched', 'print', 'pending', 'log', 'index')),
    is_first boolean not null,
    signal_id bigint,                  -- the first one's; null: it was forgotten
    lag_us bigint check (lag_us >= 0)  -- behind the first one; null where that is not known
);
create index on sightings (signal_id);
create index on sightings (seen_at) where is_first;
create index on sightings (source, seen_at desc);

-- When a source may have missed something.
create table source_gaps (
    seq bigint primary key,
    at timestamptz not null,           -- when it was over, and known
    source text not null,
    cause text not null check (cause in ('start', 'lost', 'silent', 'refused')),
    began_at timestamptz not null,
    ended_at timestamptz not null
);
create index on source_gaps (source, ended_at);

-- What `remora leader score` said last of a wallet. Not the journal's: it stays when the tables are made anew.
create table leader_scores (
    wallet text primary key,
    scored_at timestamptz not null,
    days integer not null,
    delay_ms bigint not null,
    ended integer not null,            -- positions that it is about
    return_ppm bigint,                 -- what a copy would have earned of what it spent; null: no position ended
    his_return_ppm bigint,
    warnings text not null             -- codes, with spaces between
);
