-- Values of the content that an export has as typed columns (docs/adr/0014). Of a contract that has rules for some: the type of each,
-- by its name; null: it has none.
alter table contracts add column columns jsonb;

-- Of those that an export names: the type that each had when it was named, by its name; null: it names none.
alter table exports add column column_types jsonb;
