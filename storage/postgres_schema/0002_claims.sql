-- Who answers what a person said, where several processes may hear it.
-- works from: 1
-- The holder has it until then, or for good once it is settled; old ones are forgotten.

create table claims (
    name text collate "C" primary key, holder text not null, until timestamptz not null,
    settled boolean not null default false
);
create index claims_until on claims (until);
