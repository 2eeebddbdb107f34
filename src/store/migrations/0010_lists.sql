-- What lists and sums of a long history need to be quick: a reason that is seldom said, what is open, one token, one leader.
drop index decisions_reason_at_idx;
create index on decisions (reason, signal_id desc) where reason <> '';
create index on decisions (outcome, signal_id desc) where outcome in ('buffered', 'merged', 'exit_due');
create index on orders (submitted_at desc) where closed_at is null;
create index on orders (token_id, submitted_at desc);
create index on orders (leader_id, submitted_at desc);
create index on orders (state, id desc);
create index on settlements (at);
create index on external_trades (token_id, seq desc);
