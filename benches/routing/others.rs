//! How it is done elsewhere, and the least it can cost: written for this comparison, not taken from anywhere.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};
use tokio::runtime::Runtime;

/// The floor: who is free is a heap by the end of the last call, and a hash map knows the agents.
pub(crate) struct Heap {
    free: BinaryHeap<Reverse<(u64, u128)>>,
    agents: HashMap<u128, u64>,
    now: u64,
}

/// An id as large as a UUID.
const fn id(n: usize) -> u128 {
    (n as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

impl Heap {
    pub(crate) fn new(agents: usize) -> Self {
        let free = (0..agents).map(|n| Reverse((n as u64, id(n)))).collect();
        Self { free, agents: (0..agents).map(|n| (id(n), 0)).collect(), now: agents as u64 }
    }

    pub(crate) fn serve(&mut self) -> u128 {
        let Some(Reverse((_, agent))) = self.free.pop() else { panic!("somebody is free") };
        self.now += 1;
        *self.agents.entry(agent).or_default() += 1;
        self.free.push(Reverse((self.now, agent)));
        agent
    }
}

/// The floor with skills: an ordered set of the free agents for each skill, and a hash map of what agents have.
pub(crate) struct Sets {
    free: Vec<BTreeSet<(u64, u128)>>,
    agents: HashMap<u128, (Vec<usize>, u64)>,
    now: u64,
    round: usize,
}

impl Sets {
    pub(crate) fn new(agents: usize, skills: usize, each: usize) -> Self {
        let mut sets =
            Self { free: vec![BTreeSet::new(); skills], agents: HashMap::new(), now: agents as u64, round: 0 };
        for n in 0..agents {
            let mut has: Vec<usize> = (0..each).map(|k| (n * 7 + k * 5 + n / 20) % skills).collect();
            has.sort_unstable();
            has.dedup();
            for skill in &has {
                sets.free[*skill].insert((n as u64, id(n)));
            }
            sets.agents.insert(id(n), (has, n as u64));
        }
        sets
    }

    pub(crate) fn serve(&mut self) -> u128 {
        self.round += 1;
        self.now += 1;
        let needed = self.round % self.free.len();
        let Some((_, agent)) = self.free[needed].first().copied() else { panic!("somebody is free") };
        let (has, since) = self.agents.get_mut(&agent).expect("a known agent");
        for skill in has.iter() {
            self.free[*skill].remove(&(*since, agent));
        }
        *since = self.now;
        for skill in has.iter() {
            self.free[*skill].insert((self.now, agent));
        }
        agent
    }
}

/// A scan over all members: one attempt is made for each who could be rung, with a metric by penalty and last call, and the least of
/// them is rung.
pub(crate) struct Scan {
    members: Vec<Member>,
    now: u64,
}

struct Member {
    interface: String,
    penalty: u64,
    last_call: u64,
    in_use: bool,
    paused: bool,
    wrap_up_until: u64,
}

/// A member who could be rung.
struct Attempt {
    interface: String,
    member: usize,
    metric: u64,
}

impl Scan {
    pub(crate) fn new(agents: usize) -> Self {
        let member = |n: usize| Member {
            interface: format!("PJSIP/{:032x}", id(n)),
            penalty: 0,
            last_call: n as u64,
            in_use: false,
            paused: false,
            wrap_up_until: 0,
        };
        Self { members: (0..agents).map(member).collect(), now: agents as u64 }
    }

    pub(crate) fn serve(&mut self) -> usize {
        self.now += 1;
        let now = self.now;
        let mut attempts: Vec<Box<Attempt>> = Vec::new();
        for (at, member) in self.members.iter().enumerate() {
            if !member.in_use && !member.paused && member.wrap_up_until <= now {
                let metric = member.penalty * 1_000_000 + member.last_call;
                attempts.push(Box::new(Attempt { interface: member.interface.clone(), member: at, metric }));
            }
        }
        let Some(best) = attempts.iter().min_by_key(|attempt| attempt.metric) else { panic!("somebody is free") };
        std::hint::black_box(best.interface.as_str());
        let at = best.member;
        self.members[at].in_use = true;
        self.members[at].last_call = now;
        self.members[at].in_use = false;
        at
    }
}

/// A query per decision over tables of agents and tiers in SQLite, in memory: choose, reserve by a conditional update, set free.
pub(crate) struct Sql {
    runtime: Runtime,
    connection: SqliteConnection,
    now: i64,
}

const CHOOSE: &str = "SELECT agents.name FROM agents JOIN tiers ON tiers.agent = agents.name \
    WHERE tiers.queue = 'q' AND agents.status IN ('Available', 'On Demand') AND agents.state = 'Waiting' \
    AND tiers.state IN ('Ready', 'No Answer') AND agents.ready_time <= ?1 AND agents.last_bridge_end < ?1 - agents.wrap_up_time \
    ORDER BY tiers.level, agents.last_bridge_end, tiers.position";

impl Sql {
    pub(crate) fn new(agents: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = runtime.block_on(async {
            let mut connection =
                SqliteConnection::connect_with(&SqliteConnectOptions::new().in_memory(true)).await.expect("SQLite");
            let schema = "CREATE TABLE agents (name TEXT PRIMARY KEY, status TEXT, state TEXT, last_bridge_end INTEGER, wrap_up_time INTEGER, ready_time INTEGER); \
                CREATE TABLE tiers (queue TEXT, agent TEXT, state TEXT, level INTEGER, position INTEGER, PRIMARY KEY (queue, agent))";
            sqlx::raw_sql(schema).execute(&mut connection).await.expect("tables");
            let mut tx = connection.begin().await.expect("a transaction");
            for n in 0..agents {
                let name = format!("{:032x}", id(n));
                sqlx::query("INSERT INTO agents VALUES (?1, 'Available', 'Waiting', ?2, 0, 0)")
                    .bind(&name)
                    .bind(n as i64)
                    .execute(&mut *tx)
                    .await
                    .expect("an agent");
                sqlx::query("INSERT INTO tiers VALUES ('q', ?1, 'Ready', 1, ?2)")
                    .bind(&name)
                    .bind(n as i64)
                    .execute(&mut *tx)
                    .await
                    .expect("a tier");
            }
            tx.commit().await.expect("the rows");
            connection
        });
        Self { runtime, connection, now: agents as i64 + 1 }
    }

    pub(crate) fn serve(&mut self) -> String {
        self.now += 1;
        let (now, connection) = (self.now, &mut self.connection);
        self.runtime.block_on(async {
            let row = sqlx::query(CHOOSE).bind(now).fetch_one(&mut *connection).await.expect("somebody is free");
            let name: String = row.get(0);
            let reserve = "UPDATE agents SET state = 'Receiving' WHERE name = ?1 AND state = 'Waiting'";
            sqlx::query(reserve).bind(&name).execute(&mut *connection).await.expect("a reservation");
            let free = "UPDATE agents SET state = 'Waiting', last_bridge_end = ?2 WHERE name = ?1";
            sqlx::query(free).bind(&name).bind(now).execute(&mut *connection).await.expect("an end");
            name
        })
    }
}
