-- The random name of the journal that the tables were made from: they must not go on with another one's records.
alter table journal_cursor add column journal text not null default '';
