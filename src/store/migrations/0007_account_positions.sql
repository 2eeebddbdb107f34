-- The real portfolio: what the wallet holds, read from the venue, beside what our books say. One row for each thing that it
-- holds; the last word on it.
create table account_positions (
    what text not null check (what in ('shares', 'cash')),
    token_id integer not null,         -- of cash: 0
    at timestamptz not null,
    ours numeric(20, 6) not null,
    external numeric(20, 6) not null,  -- bought with the wallet by others less what they sold, as far as is known
    theirs numeric(20, 6) not null,
    primary key (what, token_id)
);
create index on differences (what, token_id, seq desc);
