-- The life of a signal or an order is found by its number. The body of an event is {"Variant": {fields}}.
create index events_of_signal on events (((jsonb_path_query_first(body, '$.*.signal'))::bigint))
    where kind in ('signal', 'parked', 'skipped', 'refused', 'exit_due', 'submitted');
create index events_of_order on events (((jsonb_path_query_first(body, '$.*.order'))::bigint))
    where kind in ('submitted', 'accepted', 'filled', 'closed', 'faulted');
