//! An import of leads from a CSV file by the real server, on each store: from the upload to the end of the job. Every fiftieth row
//! cannot be read. Some agents are there, among whom the new leads go round.
//!
//! `cargo bench -p dialplane-benches --bench lead_import -- [sqlite] [postgres] [rows=50000]`
//!
//! It starts the binary that `DIALPLANE_BIN` names, or `dialplane` of the same target folder (`cargo build --release`).

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it prints its table")]

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use dialplane_benches::server::{PASSWORD, Rest, Server, binary};
use dialplane_benches::words::Words;
use dialplane_benches::{is_measuring, postgres};
use serde_json::{Value, json};

/// Every how many-th row is bad.
const BAD: usize = 50;
/// People who get the leads.
const AGENTS: usize = 20;
/// How often the job is looked at.
const GLANCE: Duration = Duration::from_millis(200);
/// When the bench gives up.
const PATIENCE: Duration = Duration::from_secs(600);

fn file(rows: usize) -> String {
    let mut text = String::from("Full name,Phone,E-mail,Priority,Requirements,Shoe size,Comments\n");
    for n in 1..=rows {
        let phone = if n.is_multiple_of(BAD) { "call me".to_owned() } else { format!("+1{}", 2_125_550_000 + n) };
        // Writing to a text does not fail.
        writeln!(
            text,
            "Lead Number{n},{phone},lead{n}@example.com,high,a house with {} rooms,{},met at the fair",
            n % 9,
            n % 47
        )
        .ok();
    }
    text
}

fn field(job: &Value, name: &str) -> u64 {
    job.pointer(&format!("/job/counts/{name}")).and_then(Value::as_u64).unwrap_or_default()
}

fn import(server: &Server, text: &str, duplicates: &str, subject: &str) -> io::Result<()> {
    let (start, used) = (Instant::now(), server.processor());
    let path = format!("/api/leads/import?fileName=fair.csv&duplicates={duplicates}");
    let begun = server.rest.send_as("text/csv", "POST", &path, text)?;
    let path = format!("/api/jobs/{}", Rest::text(&begun, "/job/id")?);
    let job = loop {
        let job = server.rest.send("GET", &path, None)?;
        if !["queued", "running"].contains(&Rest::text(&job, "/job/state")?.as_str()) {
            break job;
        }
        if start.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("the import does not end: {job}")));
        }
        std::thread::sleep(GLANCE);
    };
    let (took, used) = (start.elapsed().as_secs_f64(), server.processor() - used);
    let [created, updated, skipped, failed] = ["created", "updated", "skipped", "failed"].map(|name| field(&job, name));
    let rows = created + updated + skipped + failed;
    println!(
        "  {subject:34} {took:>6.1} s {:>8.0} rows/s {:>8.3} CPU s per 1,000 of the server; {created} created, {updated} updated, {skipped} skipped, {failed} failed; {} MB",
        rows as f64 / took,
        used * 1e3 / rows as f64,
        server.memory() >> 20,
    );
    Ok(())
}

fn measure(binary: &Path, store: &str, environment: &[(&str, &str)], text: &str) -> io::Result<()> {
    let server = Server::start(binary, environment)?;
    for n in 0..AGENTS {
        let agent = json!({ "name": format!("Agent {n}"), "email": format!("a{n}@example.com"), "password": PASSWORD, "role": "agent" });
        server.rest.send("POST", "/api/users", Some(&agent))?;
    }
    server.rest.send("PUT", "/api/settings/leads", Some(&json!({ "strategy": "round_robin", "onlineOnly": false })))?;
    println!("import of leads on {store}");
    import(&server, text, "skip", "into nothing, routed")?;
    import(&server, text, "skip", "the same again, all known: skipped")?;
    import(&server, text, "update", "the same again, all known: updated")
}

fn main() -> io::Result<()> {
    if !is_measuring() {
        return Ok(());
    }
    let words = Words::read();
    let rows = words.number("rows", 50_000);
    let Some(binary) = binary() else {
        println!("skipped: there is no binary to start; `cargo build --release` first");
        return Ok(());
    };
    let text = file(rows);
    println!("{rows} rows, {} of them bad, {} MB", rows / BAD, text.len() >> 20);
    if words.has("sqlite") {
        measure(&binary, "SQLite", &[], &text)?;
    }
    if words.has("postgres") {
        let Some(server) = postgres::server() else {
            println!("import of leads on PostgreSQL: skipped, as {} names no server", postgres::SERVER);
            return Ok(());
        };
        let runtime = tokio::runtime::Runtime::new()?;
        let database = runtime.block_on(postgres::Throwaway::create(&server)).map_err(io::Error::other)?;
        let measured = measure(&binary, "PostgreSQL", &[("DIALPLANE_DATABASE", database.url())], &text);
        runtime.block_on(database.remove()).map_err(io::Error::other)?;
        measured?;
    }
    Ok(())
}
