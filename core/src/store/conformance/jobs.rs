//! Jobs are kept, and given to one at a time.

use chrono::TimeDelta;
use serde_json::json;

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, begin, founded, read, retried, write,
};
use crate::job::{CellFault, Job, JobCounts, JobFault, JobKind, JobState, LEASE};
use crate::scope::Scope;
use crate::store::{Access, JobFilter, Page, Store, StoreError};

fn fault(rows: &Rows, job: &Job, row: u32) -> JobFault {
    let faults = vec![CellFault { column: UNICODE.to_owned(), message: format!("{row}\0") }];
    let cells = vec![rows.user(job.company).email, UNICODE.into(), "".into()];
    JobFault { job: job.id, company: job.company, row, cells, faults }
}

/// Every field comes back as it was, the input byte for byte; only the next version replaces.
pub async fn a_job_reads_back_with_what_it_works_on(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (job, empty) = (rows.job(company.id), rows.job(company.id));
    let input: Vec<u8> = (0..100_000u32).map(|n| (n % 251 * n % 256) as u8).collect();
    let next = Job {
        state: JobState::Failed,
        params: json!({"text": UNICODE, "none": null}),
        total: u64::from(u32::MAX),
        counts: JobCounts { created: 1, updated: 2, skipped: 3, failed: 4 },
        result: Some(json!(["\0"])),
        reason: Some(UNICODE.to_owned()),
        is_cancelling: true,
        attempt: 7,
        takeovers: 2,
        lease_until: Some(rows.now()),
        announced_at: Some(rows.now()),
        version: 2,
        started_at: Some(rows.now()),
        ended_at: Some(rows.now()),
        ..job.clone()
    };
    write!(store, scope, tx => {
        tx.insert_job(&job, &input).await.unwrap();
        tx.insert_job(&empty, b"").await.unwrap();
        assert_duplicate(tx.insert_job(&job, b"").await, "job", "id");
        assert_eq!(tx.job(job.id).await.unwrap().as_ref(), Some(&job));
        tx.update_job(&next).await.unwrap();
        assert_stale(tx.update_job(&next).await);
        assert_stale(tx.update_job(&Job { version: 2, ..rows.job(company.id) }).await);
        assert_eq!(tx.job_for_update(job.id).await.unwrap().as_ref(), Some(&next));
    });
    write!(store, scope, tx => {
        assert_eq!(tx.job_input(job.id).await.unwrap(), Some(input));
        assert_eq!(tx.job_input(empty.id).await.unwrap(), Some(Vec::new()));
        assert!(tx.delete_job_input(job.id).await.unwrap());
        assert!(!tx.delete_job_input(job.id).await.unwrap());
        assert_eq!(tx.job_input(job.id).await.unwrap(), None);
        assert_eq!(tx.job(job.id).await.unwrap(), Some(next));
        assert_eq!(tx.job_for_update(rows.id()).await.unwrap(), None);
    });
}

/// Of several jobs of a company one runs at a time; the oldest comes first, and one whose lease has run out is there again.
pub async fn one_job_of_a_company_runs_at_a_time(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (first, second, theirs) = (rows.job(company.id), rows.job(company.id), rows.job(other.id));
    let now = rows.now();
    let running = first.take(now).unwrap();
    let later = now + LEASE;
    write!(store, Scope::System, tx => {
        for job in [&first, &second, &theirs] {
            tx.insert_job(job, b"x").await.unwrap();
        }
        let all = [(company.id, first.id), (company.id, second.id), (other.id, theirs.id)];
        assert_eq!(tx.jobs_to_run(now, 10).await.unwrap(), all);
        assert_eq!(tx.jobs_to_run(now, 1).await.unwrap(), all[..1]);
        tx.update_job(&running).await.unwrap();
        assert_eq!(tx.jobs_to_run(now, 10).await.unwrap(), all[2..]);
        assert_duplicate(tx.update_job(&second.take(now).unwrap()).await, "job", "company");
        assert_eq!(tx.jobs_to_run(later - TimeDelta::microseconds(1), 10).await.unwrap(), all[2..]);
        assert_eq!(tx.jobs_to_run(later, 10).await.unwrap(), [all[0], all[2]]);
        let (done, _) = running.advance(JobCounts { created: 3, ..JobCounts::default() }, |_| json!({}), now);
        tx.update_job(&done).await.unwrap();
        tx.update_job(&second.take(now).unwrap()).await.unwrap();
        assert_eq!(tx.jobs_to_run(now, 10).await.unwrap(), all[2..]);
    });
    assert_eq!(read!(store, Scope::Company(company.id), tx => tx.jobs_to_run(now, 10).await.unwrap()), []);
}

/// Several who ask for the same job at once: one gets it.
pub async fn a_job_is_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let (job, now) = (rows.job(company.id), rows.now());
    write!(store, Scope::System, tx => tx.insert_job(&job, b"").await.unwrap());
    let take = async || {
        retried(async || {
            let mut tx = begin(store, Scope::System, Access::Write).await;
            let stored = tx.job_for_update(job.id).await?.ok_or(StoreError::Stale)?;
            let Ok(taken) = stored.take(now) else { return Ok(false) };
            tx.update_job(&taken).await?;
            tx.commit().await.map(|()| true)
        })
        .await
        .unwrap()
    };
    let taken = futures::future::join_all((0..8).map(|_| take())).await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
    assert_eq!(read!(store, Scope::System, tx => tx.job(job.id).await.unwrap()).unwrap().attempt, 1);
}

/// Refused items come back in their order, page by page, and are there once.
pub async fn refused_items_come_in_their_order(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let (job, other) = (rows.job(company.id), rows.job(company.id));
    let faults: Vec<JobFault> = [9, 2, 300, u32::MAX].map(|row| fault(&rows, &job, row)).to_vec();
    let elsewhere = fault(&rows, &other, 2);
    write!(store, Scope::Company(company.id), tx => {
        tx.insert_job(&job, b"").await.unwrap();
        tx.insert_job(&other, b"").await.unwrap();
        tx.insert_job_faults(&[]).await.unwrap();
        tx.insert_job_faults(&faults).await.unwrap();
        tx.insert_job_faults(std::slice::from_ref(&elsewhere)).await.unwrap();
        assert_duplicate(tx.insert_job_faults(&[fault(&rows, &job, 5), faults[0].clone()]).await, "job_fault", "row");
        assert_out_of_scope(tx.insert_job_faults(&[fault(&rows, &job, 6), fault(&rows, &rows.job(company.id), 1)]).await);
    });
    read!(store, Scope::Company(company.id), tx => {
        let [nine, two, many, last] = [0, 1, 2, 3].map(|at| faults[at].clone());
        assert_eq!(tx.job_faults(job.id, 0, 2).await.unwrap(), [two, nine]);
        assert_eq!(tx.job_faults(job.id, 9, 10).await.unwrap(), [many, last]);
        assert_eq!(tx.job_faults(job.id, u32::MAX, 10).await.unwrap(), []);
        assert_eq!(tx.job_faults(other.id, 0, 10).await.unwrap(), std::slice::from_ref(&elsewhere));
    });
}

/// Jobs are narrowed by every field, and those that ended long ago go with all that is theirs.
pub async fn jobs_are_narrowed_and_cleared_away(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let now = rows.now();
    let job = || Job { created_by: Some(rows.id()), ..rows.job(company.id) };
    let (queued, running) = (job(), job().take(now).unwrap());
    let (old, fresh) = (job().failed(now, "x"), job().cancel(now + TimeDelta::microseconds(1)).unwrap());
    let all = [&queued, &running, &old, &fresh];
    write!(store, scope, tx => {
        for job in all {
            tx.insert_job(job, b"x").await.unwrap();
        }
        tx.insert_job_faults(&[fault(&rows, &old, 1)]).await.unwrap();
    });
    let filters = [
        (JobFilter::default(), vec![&fresh, &old, &running, &queued]),
        (JobFilter { kind: Some(JobKind::LeadImport), ..JobFilter::default() }, vec![&fresh, &old, &running, &queued]),
        (JobFilter { state: Some(JobState::Failed), ..JobFilter::default() }, vec![&old]),
        (JobFilter { open: Some(true), ..JobFilter::default() }, vec![&running, &queued]),
        (JobFilter { open: Some(false), ..JobFilter::default() }, vec![&fresh, &old]),
        (JobFilter { created_by: queued.created_by, ..JobFilter::default() }, vec![&queued]),
    ];
    read!(store, scope, tx => {
        for (filter, wanted) in filters {
            let found = tx.jobs(&filter, Page::FIRST).await.unwrap();
            assert_eq!((found.total, found.items.iter().collect::<Vec<_>>()), (wanted.len() as u64, wanted), "{filter:?}");
        }
        let second = tx.jobs(&JobFilter::default(), Page { offset: 1, limit: 2 }).await.unwrap();
        assert_eq!((second.total, second.items), (4, vec![old.clone(), running.clone()]));
    });
    write!(store, scope, tx => {
        assert_eq!(tx.purge_jobs(now).await.unwrap(), 0);
        assert_eq!(tx.purge_jobs(now + TimeDelta::microseconds(1)).await.unwrap(), 1);
        assert_eq!(tx.job(old.id).await.unwrap(), None);
        assert_eq!((tx.job_input(old.id).await.unwrap(), tx.job_faults(old.id, 0, 9).await.unwrap()), (None, Vec::new()));
        assert_eq!(tx.jobs(&JobFilter::default(), Page::FIRST).await.unwrap().total, 3);
        tx.insert_job(&old, b"").await.unwrap();
        assert_eq!(tx.job_faults(old.id, 0, 9).await.unwrap(), []);
    });
}

/// Another company's jobs are absent, and stay as they are.
pub async fn another_companys_jobs_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let (job, now) = (rows.job(theirs.id), rows.now() + TimeDelta::days(1));
    let own_fault = fault(&rows, &job, 1);
    write!(store, Scope::System, tx => {
        tx.insert_job(&job, b"secret").await.unwrap();
        tx.insert_job_faults(std::slice::from_ref(&own_fault)).await.unwrap();
    });
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.job(job.id).await.unwrap(), None);
        assert_eq!(tx.job_for_update(job.id).await.unwrap(), None);
        assert_eq!(tx.job_input(job.id).await.unwrap(), None);
        assert_eq!(tx.jobs(&JobFilter::default(), Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.jobs_to_run(now, 10).await.unwrap(), []);
        assert_eq!(tx.job_faults(job.id, 0, 10).await.unwrap(), []);
        assert!(!tx.delete_job_input(job.id).await.unwrap());
        assert_eq!(tx.purge_jobs(now).await.unwrap(), 0);
        assert_stale(tx.update_job(&Job { version: 2, ..job.clone() }).await);
        assert_stale(tx.update_job(&Job { version: 2, company: ours.id, ..job.clone() }).await);
        assert_out_of_scope(tx.insert_job(&rows.job(theirs.id), b"").await);
        assert_out_of_scope(tx.insert_job_faults(&[JobFault { row: 2, ..own_fault.clone() }]).await);
        assert_out_of_scope(tx.insert_job_faults(&[JobFault { row: 2, company: ours.id, ..own_fault.clone() }]).await);
    });
    read!(store, Scope::System, tx => {
        assert_eq!(tx.job(job.id).await.unwrap(), Some(job.clone()));
        assert_eq!(tx.job_input(job.id).await.unwrap().as_deref(), Some(&b"secret"[..]));
        assert_eq!(tx.job_faults(job.id, 0, 10).await.unwrap(), [own_fault]);
    });
}
