-- What operators said to the engine, and what was answered; kills by signal and by file, too.
create table audit (
    seq bigint primary key,
    at timestamptz not null,
    who text not null,        -- `cli uid 0 pid 12`, `web 3f2a90 127.0.0.1`, `token NAME`, `signal USR1`, `file KILL`
    what text not null,
    of_what text not null,    -- the strategy or leader it was about; empty: neither
    was text not null,        -- how it stood before and after; empty where that is not told
    became text not null,
    ok boolean not null,
    said text not null
);
