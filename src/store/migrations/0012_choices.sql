-- What the operator made of differences between books and wallet.

alter table differences add column choice text not null default '' check (choice in ('', 'ignored', 'own'));

-- A position may end because its shares are not in the wallet: it is written off, and brings nothing.
alter table settlements add column why text not null default 'resolved' check (why in ('resolved', 'written_off'));

drop index events_of_note;
create index events_of_note on events (seq desc)
    where kind in ('tripped', 'breaker_reset', 'paper_switched', 'live_switched', 'leader_switched', 'declined', 'paused',
        'unpaused', 'faulted', 'leader_blocked', 'leader_unblocked', 'balance_low', 'moved', 'deposited', 'withdrawn',
        'configured', 'plan_repaired', 'unknown', 'voided', 'adopted', 'external', 'differs', 'held_back', 'hold_ended',
        'explained', 'taken_in', 'written_off');
