//! An auditor of what a session left behind: the tables against each other, and against the journal they were made from.

use std::path::Path;

use remora::{
    journal::{Reader, Record, Tail},
    store::{Writer, private::Private, testing::TestDatabase},
};
use sqlx::{PgConnection, PgPool};

use crate::engine::Home;

/// Who follows whom in the demo's settings.
const FOLLOWS: &str = "follows(strategy, leader) as (values ('careful', 'Ada'), ('careful', 'Bo'), ('careful', 'Cy'),
    ('mirror-ada', 'Ada'), ('swift', 'Bo'), ('swift', 'Cy'))";

/// What must not be found: a name, and a query for rows that prove it.
const NEVER: [(&str, &str); 13] = [
    ("a leader's trade that became two signals", "select trade_key from signals group by trade_key having count(*) > 1"),
    (
        "a signal without a decision for one who follows",
        "select s.id, p.strategy from signals s join leaders l on l.id = s.leader_id join follows f on f.leader = l.name
         join portfolios p using (strategy) left join decisions d on d.signal_id = s.id and d.portfolio_id = p.id
         where d.signal_id is null",
    ),
    (
        "a decision for one who does not follow",
        "select d.signal_id, p.strategy from decisions d join signals s on s.id = d.signal_id
         join portfolios p on p.id = d.portfolio_id join leaders l on l.id = s.leader_id
         left join follows f on f.leader = l.name and f.strategy = p.strategy where f.leader is null",
    ),
    (
        "a purchase decided twice",
        "select s.id, p.id from signals s cross join portfolios p where s.side = 'buy' and
         (select count(*) from events e where e.kind in ('skipped', 'refused', 'submitted') and e.body->e.key->>'signal' = s.id::text
          and e.body->e.key->>'portfolio' = p.id::text) > 1",
    ),
    (
        "an order on a book that was not trusted",
        "select o.seq, d.seq as diverged from events d join events o on o.kind = 'submitted' and d.seq < o.seq
         and o.body->o.key->>'token' = d.body->d.key->>'token'
         where d.kind = 'diverged' and not exists (select from sessions s where d.seq < s.seq and s.seq < o.seq)
         and not exists (select from events r where r.kind = 'resynced' and d.seq < r.seq and r.seq < o.seq
         and r.body->r.key->>'token' = d.body->d.key->>'token')",
    ),
    (
        "two purchases for one signal",
        "select signal_id from orders where side = 'buy' group by signal_id, portfolio_id having count(*) > 1",
    ),
    (
        "an order that did not end",
        "select id from orders where closed_at is null and submitted_at < (select max(at) from events) - interval '5 s'",
    ),
    (
        "an order whose fills are not what it says",
        "select o.id from orders o left join fills f on f.order_id = o.id group by o.id
         having o.filled <> coalesce(sum(f.shares), 0) or o.cash <> coalesce(sum(f.cash), 0) or o.fee <> coalesce(sum(f.fee), 0)",
    ),
    (
        "a position that is not the sum of its fills",
        "select * from positions p full join moves using (portfolio_id, leader_id, token_id)
         where coalesce(p.shares, 0) <> coalesce(moves.shares, 0) or coalesce(p.cost, 0) <> coalesce(moves.cost, 0)",
    ),
    (
        "a sale that is owed of nothing",
        "select * from positions p where exit_due > 0 and shares = 0 and not exists (select from orders o
         where (o.portfolio_id, o.leader_id, o.token_id) = (p.portfolio_id, p.leader_id, p.token_id) and closed_at is null)",
    ),
    (
        "buckets that do not add up",
        "select id from portfolios where available + reserved + deployed + cooling <> deposits + realised",
    ),
    (
        "money at work that is not the positions' cost",
        "select p.id from portfolios p left join positions on portfolio_id = p.id group by p.id having p.deployed <> coalesce(sum(cost), 0)",
    ),
    (
        "a result that is not the sum of what happened",
        "select id from portfolios p where realised <> coalesce((select sum(realised) from fills where portfolio_id = p.id), 0)
         + coalesce((select sum(proceeds - basis) from settlements where portfolio_id = p.id), 0)",
    ),
];

/// What fills and settlements did to each position.
const MOVES: &str =
    "moves as (select portfolio_id, leader_id, token_id, sum(shares) as shares, sum(cost) as cost from (
    select o.portfolio_id, o.leader_id, o.token_id, case side when 'buy' then f.shares else -f.shares end as shares,
        case side when 'buy' then f.cash else -f.basis end as cost
    from fills f join orders o on o.id = f.order_id
    union all select portfolio_id, leader_id, token_id, -shares, -basis from settlements) m group by 1, 2, 3)";

const TABLES: [&str; 13] = [
    "journal_cursor",
    "sessions",
    "tokens",
    "leaders",
    "portfolios",
    "signals",
    "decisions",
    "orders",
    "fills",
    "positions",
    "settlements",
    "portfolio_values",
    "events",
];

/// Connects to the private Postgres of a data folder; starts it if it is down.
pub async fn private(home: &Home) -> PgPool {
    let data = home.data();
    let private = tokio::task::spawn_blocking(move || Private::open(&data)).await.expect("no panic").expect("Postgres");
    PgPool::connect_with(private.connect_options("remora")).await.expect("connected")
}

/// Returns an address of the database behind `pool`, for `--database-url`.
pub fn url(pool: &PgPool) -> String {
    let options = pool.connect_options();
    let socket = options.get_socket().expect("a socket").display().to_string();
    format!("postgres:///{}?host={socket}&user=remora", options.get_database().expect("a name"))
}

pub async fn count(pool: &PgPool, query: &str) -> i64 {
    let query = sqlx::AssertSqlSafe(query.to_owned());
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Checks everything that must hold once the engine has stopped.
pub async fn audit(pool: &PgPool, journal: &Path) {
    let mut connection = pool.acquire().await.expect("connected");
    let found = violations(&mut connection).await;
    assert!(found.is_empty(), "{found:#?}");
    drop(connection);
    let again = projected_again(journal).await;
    for table in TABLES {
        let (ours, theirs) = (rows(pool, table).await, rows(&again, table).await);
        assert!(!ours.is_empty() || theirs.is_empty(), "{table} is empty");
        if ours != theirs {
            let differ = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
            panic!("{table}: {} rows, and {} by the journal; first: {differ:#?}", ours.len(), theirs.len());
        }
    }
}

/// Returns what was found of what must not be, with a few rows that prove it.
async fn violations(connection: &mut PgConnection) -> Vec<(&'static str, Vec<String>)> {
    let events = "select seq, at, kind, body, (select * from jsonb_object_keys(body) limit 1) as key from public.events
        where jsonb_typeof(body) = 'object'";
    let mut found = vec![];
    for (what, query) in NEVER {
        let with = format!("with {FOLLOWS}, {MOVES}, events as ({events}) {query} limit 3");
        let query = sqlx::AssertSqlSafe(format!("select r::text from ({with}) r"));
        let rows: Result<Vec<String>, _> = sqlx::query_scalar(query).fetch_all(&mut *connection).await;
        match rows.unwrap_or_else(|error| panic!("{what}: {error}")) {
            rows if rows.is_empty() => {}
            rows => found.push((what, rows)),
        }
    }
    found
}

/// Changes the tables in each way that the auditor is there to notice, and takes the change back.
pub async fn audit_notices(pool: &PgPool) {
    const BUY: &str = "(select id from signals s where side = 'buy' and exists (select from decisions d where d.signal_id = s.id) limit 1)";
    let tampered = [
        (0, "update signals set trade_key = (select min(trade_key) from signals)".to_owned()),
        (1, format!("delete from decisions where signal_id = {BUY}")),
        (2, "insert into decisions
            select s.id, p.id, s.at, 'skipped' from signals s, leaders l, portfolios p
            where l.id = s.leader_id and l.name <> 'Ada' and p.strategy = 'mirror-ada' limit 1".to_owned()),
        (3, "insert into events select -seq, at, kind, body from events where kind in ('skipped', 'submitted')".to_owned()),
        (4, "with one as (select body->'Submitted'->>'token' as token, seq from events where kind = 'submitted' limit 1)
            insert into events select -1, now(), 'diverged', jsonb_build_object('Diverged', jsonb_build_object('token', token::int)) from one;
            delete from sessions; delete from events where kind = 'resynced'".to_owned()),
        (5, "insert into orders select (jsonb_populate_record(o, '{\"id\": -1}')).* from orders o where side = 'buy' limit 1".to_owned()),
        (6, "update orders set closed_at = null, submitted_at = submitted_at - interval '1 hour'".to_owned()),
        (7, "update orders set fee = fee + 0.000001".to_owned()),
        (8, "update positions set shares = shares + 0.000001".to_owned()),
        // Also where all that is held has an order on its way.
        (9, "update orders set closed_at = now(); update positions set exit_due = 1, shares = 0, cost = 0".to_owned()),
        (11, "update positions set cost = cost + 0.000001".to_owned()),
        (12, "update fills set realised = realised + 0.000001".to_owned()),
    ];
    for (index, change) in tampered {
        let mut transaction = pool.begin().await.expect("connected");
        let changed = sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&mut *transaction).await;
        changed.unwrap_or_else(|error| panic!("{}: {error}", NEVER[index].0));
        let found = violations(&mut transaction).await;
        assert!(found.iter().any(|(what, _)| *what == NEVER[index].0), "not noticed: {}; {found:#?}", NEVER[index].0);
        transaction.rollback().await.expect("taken back");
    }
}

async fn rows(pool: &PgPool, table: &str) -> Vec<String> {
    // When the writer wrote is the writer's own.
    let without = if table == "journal_cursor" { " - 'written_at'" } else { "" };
    let query = format!("select (to_jsonb(t){without})::text as row from {table} t order by 1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(pool).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Makes the tables anew from the journal.
async fn projected_again(journal: &Path) -> PgPool {
    let pool = TestDatabase::create().await;
    let tail = Tail::of(journal).expect("a whole journal");
    let mut reader = Reader::open(journal, 0, tail.clone()).expect("readable");
    let mut writer = Writer::open(&pool, tail.journal()).await.expect("an empty database");
    while let Some((seq, at, record)) = reader.read().expect("readable") {
        writer.fold(seq, at, &record).unwrap_or_else(|error| panic!("{error}"));
        if writer.pending() == 1_000 {
            writer = writer.commit().await.unwrap_or_else(|error| panic!("{error}"));
        }
    }
    writer.commit().await.unwrap_or_else(|error| panic!("{error}"));
    pool
}

/// Says whether the journal ends with a checkpoint, as it does after an orderly stop.
pub fn ends_with_checkpoint(journal: &Path) -> bool {
    let tail = Tail::of(journal).expect("a whole journal");
    let mut reader = Reader::open(journal, tail.written() - 1, tail).expect("readable");
    matches!(reader.read(), Ok(Some((_, _, Record::Checkpoint { .. }))))
}
