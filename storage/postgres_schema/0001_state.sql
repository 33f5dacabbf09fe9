-- All of the state as of 0.4.0. Times are exact to the microsecond; body columns hold domain types as MessagePack.
-- works from: 1
-- Text sorts by code point, as it does in Python and in SQLite.

-- --- the market

create table markets (
    id integer generated always as identity primary key,
    venue text collate "C" not null, symbol text collate "C" not null,
    body bytea not null unique
);

-- A partition a day, made ahead by whoever records and dropped whole when its last reading is forgotten.
create table readings (
    received timestamptz not null, market integer not null,
    lag bigint not null, coins double precision not null, price_usd double precision,
    new_beginning boolean not null,
    primary key (received, market)
) partition by range (received);

-- What is not believed may hold anything, also what no text may.
create table quarantine (
    at timestamptz not null, venue text collate "C" not null, what bytea not null,
    verdict text collate "C" not null, detail bytea not null, raw bytea not null,
    primary key (at, venue, what, verdict, detail)
);

create table assets (
    asset text collate "C" primary key, at timestamptz not null, usd double precision
);

create table snapshots (
    asset text collate "C" not null, at timestamptz not null, tier smallint not null default 0,
    coins double precision not null, price_usd double precision, coverage double precision not null,
    log_index double precision not null, usd double precision, body bytea not null,
    -- Series are read from the index alone.
    primary key (asset, at) include (coins, price_usd, coverage, log_index)
) with (toast_tuple_target = 128);
alter table snapshots alter column body set storage external;
create index snapshots_to_thin on snapshots (tier, at) where tier < 2;

create table liquidations (
    asset text collate "C" not null, at timestamptz not null, market text collate "C" not null,
    number text collate "C" not null, position text collate "C" not null,
    amount text collate "C" not null, unit text collate "C" not null, price text collate "C" not null,
    long_usd double precision, short_usd double precision, coins double precision,
    deleveraged boolean not null, received timestamptz not null, place integer not null,
    primary key (asset, at, market, number, position, amount, unit, price)
) partition by range (at);

create table liquidation_sums (
    asset text collate "C" not null, at timestamptz not null,
    long_usd double precision not null, short_usd double precision not null, count bigint not null,
    primary key (asset, at)
);

-- Of readings, what is forgotten; of liquidations, what is summed up. Rows before it wait for their partition's end.
create table borders (name text collate "C" primary key, at timestamptz not null);
insert into borders values ('readings', '0001-01-01 00:00+00'), ('liquidations', '0001-01-01 00:00+00');

create table statistics (
    asset text collate "C" not null, at timestamptz not null, tier smallint not null default 0,
    coins double precision not null, usd double precision, funding double precision, basis double precision,
    volume_usd double precision, oi_to_volume double precision, accounts double precision,
    inverse_share double precision, top_share double precision, supply double precision,
    primary key (asset, at)
);
create index statistics_to_thin on statistics (tier, at) where tier < 2;

create table statistic_details (
    asset text collate "C" not null, at timestamptz not null, tier smallint not null default 0,
    body bytea not null,
    primary key (asset, at)
);
create index statistic_details_to_thin on statistic_details (tier, at) where tier < 2;

create table reports (
    asset text collate "C" not null, venue text collate "C" not null, source text collate "C" not null,
    as_of timestamptz not null, received timestamptz not null, body bytea not null,
    primary key (asset, venue, source, as_of, received)
);

create table states (name text collate "C" primary key, state bytea not null);

create table past (
    venue text collate "C" not null, symbol text collate "C" not null,
    since timestamptz not null, until timestamptz not null,
    asset text collate "C" not null, body bytea not null,
    primary key (venue, symbol, since)
);
create index past_asset on past (asset, since);

create table past_liquidations (
    venue text collate "C" not null, symbol text collate "C" not null,
    since timestamptz not null, until timestamptz not null,
    asset text collate "C" not null, body bytea not null,
    primary key (venue, symbol, since)
);
create index past_liquidations_asset on past_liquidations (asset, since);

create table lessons (asset text collate "C" primary key, body bytea not null);

-- --- waves, and who is told of them

create table waves (
    id text collate "C" primary key, asset text collate "C" not null, onset timestamptz not null,
    revision integer not null, done boolean not null, retracted boolean not null
);
create index waves_onset on waves (onset);
create index waves_running on waves (onset) where not done;

create table wave_revisions (
    id text collate "C" not null, revision integer not null, body bytea not null,
    primary key (id, revision)
);

create table follow_ups (
    wave text collate "C" not null, after interval not null, due timestamptz not null,
    done boolean not null default false, body bytea,
    primary key (wave, after)
);
create index follow_ups_due on follow_ups (due) where not done;

create table subscriptions (
    id bigint generated by default as identity primary key,
    platform text collate "C" not null, chat text collate "C" not null, topic text collate "C" not null,
    assets text collate "C" not null, body bytea not null,
    unique (platform, chat, topic, assets)
);

-- Of chats that the bot was removed from, for when it is back.
create table left_subscriptions (
    id bigint primary key,
    platform text collate "C" not null, chat text collate "C" not null, topic text collate "C" not null,
    assets text collate "C" not null, body bytea not null, left_at timestamptz not null,
    unique (platform, chat, topic, assets)
);

-- Which chats have other subscriptions since which transaction: so every process reads anew only those.
create table subscription_changes (
    platform text collate "C" not null, chat text collate "C" not null,
    changed xid8 not null, at timestamptz not null,
    primary key (platform, chat)
);
create index subscription_changes_changed on subscription_changes (changed);

create table posts (
    subject text collate "C" not null, platform text collate "C" not null,
    chat text collate "C" not null, topic text collate "C" not null,
    wanted integer not null, loud integer not null, shown integer not null default 0,
    message text, not_before timestamptz not null, size double precision not null,
    tries integer not null default 0, first_shown_at timestamptz,
    silent_until timestamptz not null default 'epoch', due_since timestamptz,
    rung_w double precision not null default 0,
    primary key (subject, platform, chat, topic)
) with (autovacuum_vacuum_scale_factor = 0.05);
-- As claims order them, so that the first few of very many are taken without sorting.
create index posts_urgent on posts (
    platform, (message is not null and loud <= shown), size desc, not_before, subject, chat, topic, silent_until
) where wanted > shown;
create index posts_chat on posts (platform, chat);

create table latencies (
    subject text collate "C" primary key, first interval not null, last interval not null, chats integer not null
);

create table alert_log (
    id bigint generated by default as identity primary key,
    subject text collate "C" not null, platform text collate "C" not null,
    chat text collate "C" not null, topic text collate "C" not null,
    revision integer not null, message text not null, sent timestamptz not null, loud boolean not null
);
create index alert_log_sent on alert_log (sent, id);
create index alert_log_chat on alert_log (platform, chat, sent);

create table chat_settings (
    platform text collate "C" not null, chat text collate "C" not null, body bytea not null,
    digest_due timestamptz,
    primary key (platform, chat)
);
create index chat_settings_digest on chat_settings (digest_due) where digest_due is not null;

create table settings_log (
    id bigint generated by default as identity primary key,
    platform text collate "C" not null, chat text collate "C" not null, topic text collate "C" not null,
    at timestamptz not null, who text not null, what text not null
);
create index settings_log_chat on settings_log (platform, chat, at);

create table held (
    platform text collate "C" not null, chat text collate "C" not null, topic text collate "C" not null,
    subject text collate "C" not null, at timestamptz not null,
    primary key (platform, chat, topic, subject)
);

create table notices (id text collate "C" primary key, revision integer not null, body bytea not null);

create table chat (number bigint generated by default as identity primary key, body bytea not null);

-- --- between processes

-- Who holds each only-one role, and the how many-eth holder that is. The lock itself is an advisory one.
create table locks (
    name text collate "C" primary key, token bigint not null, holder text not null, since timestamptz not null
);

-- Writes that must not be made twice, for a day: a lost answer is looked up here.
create table done (mark bigint primary key, at timestamptz not null default now());
create index done_at on done (at);
