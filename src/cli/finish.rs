//! `kiln roll --finish`: what is due is retired, what has run out is restored, and nothing is rolled.

use std::path::Path;

use serde_json::json;

use crate::aws::{Access, Aws};
use crate::cli::approve::Desk;
use crate::cli::roll::holder;
use crate::cli::{Context, Exit, doctor, failure, state};
use crate::roll::doctor::{Doctor, Known, heal};
use crate::roll::{Retiring, Verdict, Wait, work_off_alone};
use crate::run::{Clock as _, Held, Leases as _, MemoryJournal, Stop, with_causes};
use crate::template::service::Service;

/// Finishes a service by its name alone. A folder is refused on an agent of continuous integration, unless it `is_meant`.
pub fn by_name(service: &str, is_meant: bool, context: &Context) -> Exit {
    let refuse = |state: &Path| state::refuse_folder(state, context).filter(|_| !is_meant);
    if let Some(refused) = refuse(&context.state).filter(|_| context.state_is_named) {
        return failure::say(&refused, Exit::Usage, context);
    }
    context.block_on(async {
        let access = Access::default();
        let aws = match Aws::connect(&access).await {
            Ok(aws) => aws,
            Err(error) => return failure::say(&with_causes(&error), Exit::Usage, context),
        };
        let state = match state::of_name(service, &aws, context).await {
            Ok(state) => state,
            Err(error) => return failure::say(&error, Exit::Failed, context),
        };
        if let Some(refused) = refuse(&state) {
            return failure::say(&refused, Exit::Usage, context);
        }
        finish((service, None), &state, &access, &aws, context).await
    })
}

/// Restores what has run out, then retires what is due, under the service's lease.
pub async fn finish(
    (service, file): (&str, Option<&Service>),
    state: &Path,
    access: &Access,
    aws: &Aws,
    context: &Context,
) -> Exit {
    let store = match state::open(state, access) {
        Ok(store) => store,
        Err(refused) => return failure::say(&refused, Exit::Usage, context),
    };
    let report = context.report(service, true);
    let stop = Stop::default();
    let holder = holder(context.run_id(), context);
    let known = doctor::known(Some(&store), service, None, context);
    let lease = match store.take(service, &holder) {
        Ok(lease) => lease,
        Err(held) => return not_held(&held, context),
    };
    let look = Doctor {
        service,
        known: Known {
            holder: None,
            ..known
        },
        clock: &context.clock,
        events: &report,
        journal: &MemoryJournal::default(),
        stop: stop.clone(),
    };
    let goes_on = format!("`kiln roll --finish {service}` goes on");
    let healed = context
        .until_killed(&stop, &goes_on, heal(&look, aws))
        .await;
    drop(lease);
    let Some(healed) = healed else {
        return Exit::Stopped;
    };
    let desk = Desk(context);
    let by = file.map(|service| Retiring {
        service,
        region: aws.region().to_string(),
        run: holder.run,
        probe: &desk,
        stop: stop.clone(),
    });
    let by = (context.clock.now(), by.as_ref());
    let wait = Wait {
        events: &report,
        stop: &stop,
        is_needed: false,
    };
    let work = work_off_alone(service, &holder, by, aws, &store, &wait);
    let worked = context.until_killed(&stop, &goes_on, work).await;
    report.close();
    let worked = match worked {
        None => return Exit::Stopped,
        Some(Err(held)) => return not_held(&held, context),
        Some(Ok(Err(error))) => return failure::say(&with_causes(&error), Exit::Failed, context),
        Some(Ok(Ok(worked))) => worked,
    };
    let mut left = healed.left;
    let of = |left: &crate::run::Left<_>| format!("{}: {}", left.undo, left.reason);
    left.extend(worked.left.iter().map(of));
    for text in &left {
        context.say(text);
    }
    let text = match (worked.gone, healed.restored.len()) {
        (0, 0) => "nothing is due".to_owned(),
        (gone, restored) => format!("{gone} group(s) retired, {restored} change(s) restored"),
    };
    let document = json!({
        "service": service,
        "retired": worked.gone,
        "restored": healed.restored,
        "left": left,
    });
    context.document(&text, &document);
    match healed.verdict {
        Verdict::Done | Verdict::NothingToDo if left.is_empty() => Exit::Done,
        Verdict::Done | Verdict::NothingToDo if stop.asked.is_cancelled() => Exit::Stopped,
        Verdict::Done | Verdict::NothingToDo => Exit::CleanUpDue,
        verdict => Exit::of_code(verdict.code()),
    }
}

/// Another run has the lease, or there is no telling.
pub(super) fn not_held(held: &Held, context: &Context) -> Exit {
    let exit = match held {
        Held::By(_) | Held::Unreadable { .. } => Exit::Busy,
        Held::Io(_) => Exit::Failed,
    };
    failure::say(&with_causes(held), exit, context)
}
