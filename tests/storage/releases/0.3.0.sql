pragma application_id = 1463898952;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'washout','m0001_market','2026-11-22 23:02:16.604544+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'washout','m0002_people','2026-11-22 23:02:16.605726+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'washout','m0003_chats','2026-11-22 23:02:16.607036+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'washout','m0004_calls','2026-11-22 23:02:16.607490+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'washout','m0005_reports','2026-11-22 23:02:16.607754+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'washout','m0006_archive','2026-11-22 23:02:16.608031+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'washout','m0007_liquidations','2026-11-22 23:02:16.608583+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'washout','m0008_past_liquidations','2026-11-22 23:02:16.608813+00:00');
CREATE TABLE alert_log (
            id integer primary key autoincrement, subject text not null, platform text not null,
            chat text not null, topic text not null, revision integer not null, message text not null,
            sent integer not null, loud integer not null);
INSERT INTO "alert_log" VALUES(1,'1a','local','home','',1,'m1',1760130900123456,1);
CREATE TABLE assets (asset text primary key, at integer not null, usd real) without rowid;
INSERT INTO "assets" VALUES('BTC',1760130900123456,50600000000.0);
CREATE TABLE "borders" (
   "name" TEXT PRIMARY KEY,
   "at" INTEGER NOT NULL
);
INSERT INTO "borders" VALUES('liquidations',1757538000000000);
CREATE TABLE chat (number integer primary key autoincrement, body blob not null);
INSERT INTO "chat" VALUES(1,X'87A66E756D62657200A377686FA3626F74A26174D7FF1D6F280068E97754A87265766973696F6E00A474657874A568656C6C6FA4636172648AA57469746C65AC4254433A206120666C757368A4746F6E65A6616E73776572A56C696E657390A57461626C65C0A6666F6F746572A0A7627574746F6E7390A770696374757265C0A662616E6E6572A0A770726976617465C2A570696E677390A87265706C795F746FC0');
CREATE TABLE chat_settings (
            platform text not null, chat text not null, body blob not null,
            primary key (platform, chat)) without rowid;
INSERT INTO "chat_settings" VALUES('telegram','-100200',X'88AB64657374696E6174696F6E83A8706C6174666F726DA874656C656772616DA463686174A72D313030323030A5746F706963A0A47A6F6E65AD4575726F70652F4265726C696EA57175696574C0AD627265616B5F7468726F756768C2AB6D757465645F756E74696CC0A570696E677390AC6D616E616765725F726F6C65A0A86C616E6775616765A0');
CREATE TABLE held (
            platform text not null, chat text not null, topic text not null, subject text not null,
            at integer not null, primary key (platform, chat, topic, subject)) without rowid;
INSERT INTO "held" VALUES('telegram','-100200','7','1z',1760130900123456);
CREATE TABLE latencies (subject text primary key, first integer, last integer, chats integer) without rowid;
INSERT INTO "latencies" VALUES('1a',0,0,1);
CREATE TABLE left_subscriptions (
            id integer primary key, platform text not null, chat text not null,
            topic text not null, assets text not null, body blob not null, left_at integer not null,
            unique (platform, chat, topic, assets));
CREATE TABLE lessons (asset text primary key, body blob not null) without rowid;
CREATE TABLE liquidation_sums (
            asset text not null, at integer not null,
            long_usd real not null, short_usd real not null, count integer not null,
            primary key (asset, at)) without rowid;
INSERT INTO "liquidation_sums" VALUES('BTC',1756674000000000,250000.0,0.0,1);
CREATE TABLE liquidations (
            asset text not null, at integer not null, market text not null, number text not null,
            position text not null, amount text not null, unit text not null, price text not null,
            long_usd real, short_usd real, coins real, deleveraged integer not null default 0,
            primary key (asset, at, market, number, position, amount, unit, price)) without rowid;
INSERT INTO "liquidations" VALUES('BTC',1760130900123456,'binance_usdm:BTCUSDT','','long','2.5','base','100000',250000.0,NULL,2.5,0);
CREATE TABLE markets (
            id integer primary key, venue text not null, symbol text not null, body blob not null unique);
INSERT INTO "markets" VALUES(1,'binance_usdm','BTCUSDT',X'89A576656E7565AC62696E616E63655F7573646DA673796D626F6CA742544355534454A56173736574A3425443A7696E7665727365C2A8636F6E7472616374C0A6657870697279C0AE636F696E735F7065725F6261736501A571756F7465A455534454A5616C696173A0');
INSERT INTO "markets" VALUES(2,'okx','BTC-USDT-SWAP',X'89A576656E7565A36F6B78A673796D626F6CAD4254432D555344542D53574150A56173736574A3425443A7696E7665727365C2A8636F6E747261637482A576616C7565A4302E3031A4756E6974A462617365A6657870697279C0AE636F696E735F7065725F6261736501A571756F7465A3555344A5616C696173A0');
CREATE TABLE "notices" (
   "id" TEXT PRIMARY KEY,
   "revision" INTEGER NOT NULL,
   "body" BLOB NOT NULL
);
INSERT INTO "notices" VALUES('blind',1,X'87A26964A5626C696E64A87265766973696F6E01A46C6F756401A26174D7FF1D6F280068E97754A57469746C65A5426C696E64A474657874AA4E6F20616E737765722EA46F766572C2');
CREATE TABLE past (
            venue text not null, symbol text not null, since integer not null, until integer not null,
            asset text not null, body blob not null, primary key (venue, symbol, since));
CREATE TABLE past_liquidations (
            venue text not null, symbol text not null, since integer not null, until integer not null,
            asset text not null, body blob not null, primary key (venue, symbol, since));
CREATE TABLE posts (
            subject text not null, platform text not null, chat text not null, topic text not null,
            wanted integer not null, loud integer not null, shown integer not null default 0,
            message text, not_before integer not null, size real not null,
            tries integer not null default 0, first_shown_at integer, silent_until integer not null default 0, due_since integer, rung_w real not null default 0,
            primary key (subject, platform, chat, topic)) without rowid;
INSERT INTO "posts" VALUES('1a','local','home','',1,1,1,'m1',0,4.1,0,1760130900123456,0,1760130900123456,0.0);
INSERT INTO "posts" VALUES('1a','telegram','-100200','7',1,1,0,NULL,0,4.1,0,NULL,0,1760130900123456,0.0);
CREATE TABLE quarantine (
            at integer not null, venue text not null, what text not null, verdict text not null,
            detail text not null, raw text not null,
            primary key (at, venue, what, verdict, detail)) without rowid;
INSERT INTO "quarantine" VALUES(1760130900123456,'binance_usdm','BTCUSDT','zero','0 after 130,000','{"oi": "0"}');
CREATE TABLE readings (
            received integer not null, market integer not null references markets (id),
            lag integer not null, coins real not null, price_usd real, new_beginning integer not null,
            primary key (received, market)) without rowid;
INSERT INTO "readings" VALUES(1760130900123456,1,2000000,130000.25,122000.1,0);
INSERT INTO "readings" VALUES(1760130900123456,2,2000000,130000.25,122000.1,0);
CREATE TABLE settings_log (
            id integer primary key autoincrement, platform text not null, chat text not null,
            topic text not null, at integer not null, who text not null, what text not null);
INSERT INTO "settings_log" VALUES(1,'telegram','-100200','7',1760130900123456,'ann','time zone Europe/Berlin');
CREATE TABLE snapshot_details (
            asset text not null, at integer not null, body blob not null, primary key (asset, at));
INSERT INTO "snapshot_details" VALUES('BTC',1760130900123456,X'7801EB5A9A585C9C5AB2D829C4795162C9F5FFB2F91A0C192FCB439626E767E6159F76940C49600082C5A5C529A79DD4FBFF9600392B0B8A329353E341420E7F4F82A4195624E797A51625A6A79EB67FDD2AB723F075EBD2CCBC94D48AD3FB0F80E5199695A5E695A6164F6A5D0A66AC49CACC4BCC831892BB34BD28BFB460457E5A5A71467E512ACC6AC1DD0220BD10AB15EA52E60139C86E0C849AB5383FBB02BB110EFF521D60461C40D61AB23C37B3B838332F7D620BC43D4B932A93324B9602859253618190E9B2B83CA372697149620ECC4D0E1FC541E6312C4F2BCD4B016A3F6DBF47E3EBA1FE184D0082E38A75');
CREATE TABLE snapshots (
            asset text not null, tier integer not null, at integer not null,
            coins real not null, price_usd real, coverage real not null, log_index real not null,
            primary key (asset, tier, at)) without rowid;
INSERT INTO "snapshots" VALUES('BTC',0,1760130900123456,415000.0,122000.0,0.86,-0.125);
CREATE TABLE "states" (
   "name" TEXT PRIMARY KEY,
   "state" BLOB NOT NULL
);
INSERT INTO "states" VALUES('detector',X'00FF');
CREATE TABLE subscriptions (
            id integer primary key autoincrement, platform text not null, chat text not null,
            topic text not null, assets text not null, body blob not null,
            unique (platform, chat, topic, assets));
INSERT INTO "subscriptions" VALUES(1,'telegram','-100200','7','*',X'88A2696400AB64657374696E6174696F6E83A8706C6174666F726DA874656C656772616DA463686174A72D313030323030A5746F706963A137A6617373657473C0A97468726573686F6C6483A76D656173757265A177A576616C7565CB400199999999999AA7686F72697A6F6EC0A56B696E647392A5666C757368A773717565657A65AB6E61746976655F6F6E6C79C2A763726561746564D7FF1D6F280068E97754AA637265617465645F6279A3616E6E');
CREATE TABLE told_reports (
            asset text not null, venue text not null, source text not null,
            as_of integer not null, received integer not null, body blob not null,
            primary key (asset, venue, source, as_of, received)) without rowid;
INSERT INTO "told_reports" VALUES('BTC','cme','cme',1760044500123456,1760130900123456,X'8EA474797065A67265706F7274A576656E7565A3636D65A56173736574A3425443A5636F696E73CB4101B34000000000A561735F6F66D7FF1D6F280068E825D4A87265636569766564D7FF1D6F280068E825D4AE70726576696F75735F636F696E73CB4101940000000000AE70726576696F75735F61735F6F66C0A46B696E64A56461696C79A6736F75726365A0AB7072656C696D696E617279C2A8686F6C64696E677390AB686F6C64735F756E74696CC0A66E6174697665C2');
CREATE TABLE "wave_revisions" (
   "id" TEXT,
   "revision" INTEGER,
   "body" BLOB NOT NULL,
   PRIMARY KEY ("id", "revision")
);
INSERT INTO "wave_revisions" VALUES('1a',1,X'DE0021A26964A23161A56173736574A3425443A46B696E64A5666C757368A57374616765A86275696C64696E67A87265766973696F6E01A46C6F756401A56F6E736574D7FF1D6F280068E97754A66F70656E6564D7FF1D6F280068E97790A26174D7FF1D6F280068E97790A66C6F775F6174D7FF1D6F280068E97790A76F7665725F6174C0A7686F72697A6F6EA750543336303053A66465707468739283A7686F72697A6F6EA750543336303053A466616C6CCB3FBEB851EB851EB8AA70726963655F6D6F7665CBBFBC28F5C28F5C2983A7686F72697A6F6EA85054313434303053A466616C6CCB3FC851EB851EB852AA70726963655F6D6F7665C0A676656E7565739184A576656E7565AC62696E616E63655F7573646DA567726F7570A86F666673686F7265AC636F696E735F6265666F7265CB40FFBD0000000000A9636F696E735F6E6F77CB40F9A28000000000B070726963655F6265666F72655F757364CB40FDC90000000000AD70726963655F6E6F775F757364CB40FA1F8000000000A96D61676E697475646583A177CB4010666666666666A36C6F77CB400999999999999AA468696768CB7FF0000000000000A8636F766572616765CB3FEF0A3D70A3D70AA76D697373696E6790A46C656164AA6E61746976652D6C6564AB70726F766973696F6E616CC3A77265706F727473918EA474797065A67265706F7274A576656E7565A3636D65A56173736574A3425443A5636F696E73CB4101B34000000000A561735F6F66D7FF1D6F280068E825D4A87265636569766564D7FF1D6F280068E97754AE70726576696F75735F636F696E73CB4101940000000000AE70726576696F75735F61735F6F66C0A46B696E64A56461696C79A6736F75726365A0AB7072656C696D696E617279C2A8686F6C64696E677390AB686F6C64735F756E74696CC0A66E6174697665C2A472616E6BC0A96F6E655F76656E7565C2AB616674657273686F636B7300AB776974685F61737365747390B36C6971756964617465645F6C6F6E675F757364C0B46C6971756964617465645F73686F72745F757364C0AF776F7273745F6D696E7574655F6174C0B0776F7273745F6D696E7574655F757364C0A56275727374C0A6666F72636564C0A6726561736F6EA0');
CREATE TABLE "waves" (
   "id" TEXT PRIMARY KEY,
   "asset" TEXT NOT NULL,
   "onset" INTEGER NOT NULL,
   "revision" INTEGER NOT NULL,
   "done" INTEGER NOT NULL,
   "retracted" INTEGER NOT NULL
);
INSERT INTO "waves" VALUES('1a','BTC',1760130900123456,1,0,0);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX "idx_waves_onset"
    ON "waves" ("onset");
CREATE INDEX alert_log_sent on alert_log (sent);
CREATE INDEX settings_log_chat on settings_log (platform, chat, at);
CREATE INDEX posts_urgent on posts (
            platform, (message is not null and loud <= shown), size desc, not_before, subject, chat, topic,
            silent_until) where wanted > shown;
CREATE INDEX posts_chat on posts (platform, chat);
CREATE INDEX alert_log_chat on alert_log (platform, chat, sent);
CREATE INDEX past_asset on past (asset, since);
CREATE INDEX past_liquidations_asset on past_liquidations (asset, since);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('subscriptions',1);
INSERT INTO "sqlite_sequence" VALUES('alert_log',1);
INSERT INTO "sqlite_sequence" VALUES('settings_log',1);
INSERT INTO "sqlite_sequence" VALUES('chat',1);
COMMIT;
