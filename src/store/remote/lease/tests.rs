use std::sync::Arc;

use super::super::memory::Memory;
use super::*;
use crate::cloud::{Fence, Objects as _};
use crate::run::{Clock, Entry, Later, LaterLists as _, Lifetime, RunId, SystemClock, due};
use crate::store::Claim;

fn holder(number: u128) -> Holder {
    Holder {
        run: RunId::new(jiff::Timestamp::UNIX_EPOCH, number),
        host: "agent-7".to_owned(),
        process: 42,
        since: SystemClock.now(),
    }
}

fn store(memory: &Arc<Memory>) -> Remote {
    Remote::new(Arc::clone(memory) as _, Fence::default())
}

fn taken(store: &Remote, number: u128) -> RemoteLease {
    store.take("web", &holder(number)).ok().unwrap()
}

fn is_held_by(store: &Remote, number: u128) -> bool {
    let Err(Held::By(by)) = store.take("web", &holder(99)) else {
        return false;
    };
    by.run == holder(number).run
}

fn intend(slot: usize) -> Entry<String> {
    Entry::Intend {
        slot,
        lifetime: Lifetime::Scratch,
        undo: format!("thing {slot}"),
    }
}

#[test]
fn one_holder_at_a_time_and_the_other_learns_who() {
    let memory = Arc::default();
    let (one, other) = (store(&memory), store(&memory));
    let lease = taken(&one, 1);
    assert!(is_held_by(&other, 1));
    other
        .begin::<String>(holder(1).run, "web", &SystemClock)
        .note(&intend(0))
        .unwrap();
    assert_eq!(other.runs("web").unwrap(), [(holder(1).run, true)]);
    assert!(other.take("api", &holder(2)).is_ok());
    drop(lease);
    let lease = taken(&other, 2);
    assert!(is_held_by(&one, 2));
    drop(lease);
}

#[test]
fn a_lease_that_nobody_can_read_is_held_until_somebody_removes_it() {
    let memory: Arc<Memory> = Arc::default();
    let store = store(&memory);
    let text = r#"{"later":"words"}"#;
    memory.put("leases/web", text, When::Absent).unwrap();
    let run = holder(1).run;
    let journal = store.begin::<String>(run, "web", &SystemClock);
    journal.note(&intend(0)).unwrap();
    for wait in [0, 3600] {
        memory.wait(Duration::from_secs(wait));
        let Err(held @ Held::Unreadable { .. }) = store.take("web", &holder(2)) else {
            panic!("nobody knows that it is free after {wait} s");
        };
        let mend = "`aws s3 rm s3://memory/leases/web`";
        assert!(held.to_string().contains(mend), "{held}");
        assert_eq!(store.runs("web").unwrap(), [(run, true)], "it may live");
    }
    memory.remove("leases/web").unwrap();
    drop(taken(&store, 3));
    drop(taken(&store, 4));
}

#[test]
fn a_first_answer_that_is_lost_does_not_lock_the_holder_out() {
    let memory: Arc<Memory> = Arc::default();
    let one = store(&memory);
    memory.repeat_next();
    let lease = taken(&one, 1);
    drop(lease);
    memory.repeat_next();
    drop(taken(&one, 2));
}

#[test]
fn a_beat_that_is_never_answered_does_not_lock_the_holder_out() {
    let memory: Arc<Memory> = Arc::default();
    let one = store(&memory);
    memory.lose_next_answer();
    let lease = taken(&one, 1);
    let Object { text, mut mark, .. } = memory.get("leases/web").unwrap().unwrap();
    for beat in 1..5 {
        if beat % 2 == 1 {
            memory.lose_next_answer();
        }
        one.renew("leases/web", &beaten(&text, beat), &mut mark);
        assert_eq!(one.fence.check(), Ok(()), "beat {beat}");
    }
    // So is the last one before it is given back.
    memory.lose_next_answer();
    one.renew("leases/web", &beaten(&text, 5), &mut mark);
    one.give_back("leases/web", &text, &mark);
    assert_eq!(memory.get("leases/web").unwrap().unwrap().text, FREE);
    drop(lease);
}

/// An older beat that went through stands there for as long as it is old.
#[test]
fn a_beat_that_was_never_answered_does_not_pass_for_a_later_one() {
    let memory: Arc<Memory> = Arc::default();
    let one = store(&memory);
    let lease = taken(&one, 1);
    let Object { text, mut mark, .. } = memory.get("leases/web").unwrap().unwrap();
    memory.lose_next_answer();
    one.renew("leases/web", &beaten(&text, 1), &mut mark);
    for beat in 2..4 {
        memory.wait(BEAT);
        memory.set_down(beat == 2);
        one.renew("leases/web", &beaten(&text, beat), &mut mark);
    }
    assert!(memory.get("leases/web").unwrap().unwrap().age < BEAT);
    drop(lease);
}

#[test]
fn a_lease_that_another_takes_and_gives_back_meanwhile_is_asked_for_again() {
    let memory: Arc<Memory> = Arc::default();
    let one = store(&memory);
    memory.be_ahead_of_next("{}\n");
    let lease = taken(&one, 1);
    assert!(is_held_by(&store(&memory), 1));
    drop(lease);
}

#[test]
fn a_note_that_is_never_answered_is_no_taking_over() {
    let memory: Arc<Memory> = Arc::default();
    let store = store(&memory);
    let journal = store.begin::<String>(holder(1).run, "web", &SystemClock);
    for slot in 0..4 {
        if slot % 2 == 0 {
            memory.lose_next_answer();
        }
        assert_eq!(journal.note(&intend(slot)).is_err(), slot % 2 == 0);
    }
    let key = memory.keys().remove(0);
    let text = memory.get(&key).unwrap().unwrap().text;
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn a_lease_that_ran_out_is_taken_over_and_its_old_holder_stops_writing() {
    let memory: Arc<Memory> = Arc::default();
    let (dead, next) = (store(&memory), store(&memory));
    let old = taken(&dead, 1);
    memory.wait(LASTS.saturating_sub(Duration::from_secs(1)));
    assert!(is_held_by(&next, 1), "not a second early");
    memory.wait(Duration::from_secs(1));
    let new = taken(&next, 2);
    assert!(dead.fence.check().is_ok(), "nobody has told it yet");
    let there = memory.get("leases/web").unwrap().unwrap();
    dead.renew(
        "leases/web",
        "its own text",
        &mut Mark("of its own".to_owned()),
    );
    let why = dead.fence.check().unwrap_err();
    assert!(why.contains(&holder(2).run.to_string()), "{why}");
    assert_eq!(memory.get("leases/web").unwrap().unwrap().mark, there.mark);
    drop(old);
    assert!(is_held_by(&dead, 2), "what is another's is not given back");
    assert!(dead.fence.check().is_err(), "and it stays lost");
    drop(new);
}

#[test]
fn a_renewal_is_seen_by_whoever_read_the_lease_before_it() {
    let memory: Arc<Memory> = Arc::default();
    let one = store(&memory);
    let text = serde_json::to_string(&holder(1)).unwrap();
    let Ok(Put::Done(mut mark)) = memory.put("leases/web", &text, When::Absent) else {
        panic!("nobody has it");
    };
    for beat in 1..4 {
        let read = memory.get("leases/web").unwrap().unwrap();
        one.renew("leases/web", &beaten(&text, beat), &mut mark);
        let late = memory.put("leases/web", "another", When::Is(&read.mark));
        assert_eq!(late.unwrap(), Put::Refused, "beat {beat}");
        assert!(is_held_by(&store(&memory), 1));
    }
}

#[test]
fn a_holder_that_slept_too_long_does_not_renew() {
    let memory: Arc<Memory> = Arc::default();
    let one = store(&memory);
    let lease = taken(&one, 1);
    let before = memory.get("leases/web").unwrap().unwrap();
    one.fence.extend(Fence::now());
    one.renew("leases/web", "renewed", &mut before.mark.clone());
    assert_eq!(memory.get("leases/web").unwrap().unwrap().text, before.text);
    assert!(one.fence.check().is_err());
    drop(lease);
}

#[test]
fn a_holder_that_cannot_renew_stops_before_anybody_may_take_over() {
    let memory: Arc<Memory> = Arc::default();
    let one = store(&memory);
    let _lease = taken(&one, 1);
    memory.set_down(true);
    one.renew("leases/web", "text", &mut Mark("any".to_owned()));
    assert!(one.fence.check().is_ok(), "one beat that fails is no loss");
    one.fence.extend(Fence::now());
    assert!(one.fence.check().is_err());
    const { assert!(LASTS.as_secs() >= WRITES.as_secs() + 35 && WRITES.as_secs() > 3 * BEAT.as_secs()) };
}

#[test]
fn a_journal_is_there_before_what_it_announces_and_goes_away_when_all_is_well() {
    let memory: Arc<Memory> = Arc::default();
    let store = store(&memory);
    let run = holder(1).run;
    let journal = store.begin::<String>(run, "web", &SystemClock);
    let fact = Entry::Fact {
        key: "service".to_owned(),
        value: "web".into(),
    };
    journal.note(&fact).unwrap();
    assert_eq!(memory.keys(), [""; 0], "nothing is to be made yet");
    memory.repeat_next();
    journal.note(&intend(0)).unwrap();
    let claimed = store.claim::<String>(Some("web"), &SystemClock).unwrap();
    let Some(Claim::Dead(dead)) = claimed.into_iter().next() else {
        panic!("it is there");
    };
    let entries = dead.lines.iter().map(|line| line.entry.clone());
    assert_eq!(due(entries).len(), 1);
    assert!(
        store
            .claim::<String>(Some("api"), &SystemClock)
            .unwrap()
            .is_empty()
    );
    journal.note(&Entry::Undone { slot: 0 }).unwrap();
    journal.note(&Entry::End { ok: true }).unwrap();
    assert_eq!(store.runs("web").unwrap(), [(run, false)]);
    assert_eq!(memory.keys(), [format!("ended/web/{run}.jsonl")]);
    let text = memory
        .get(&format!("ended/web/{run}.jsonl"))
        .unwrap()
        .unwrap()
        .text;
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn a_run_that_found_nothing_to_do_leaves_nothing() {
    let memory: Arc<Memory> = Arc::default();
    let store = store(&memory);
    let journal = store.begin::<String>(holder(1).run, "web", &SystemClock);
    journal
        .note(&Entry::Step {
            name: "look up".to_owned(),
        })
        .unwrap();
    journal.note(&Entry::End { ok: true }).unwrap();
    assert_eq!(memory.keys(), [""; 0]);
}

#[test]
fn whoever_takes_a_journal_over_first_has_it() {
    let memory: Arc<Memory> = Arc::default();
    let store = store(&memory);
    let journal = store.begin::<String>(holder(1).run, "web", &SystemClock);
    journal.note(&intend(0)).unwrap();
    let claim = || {
        let claimed = store.claim::<String>(Some("web"), &SystemClock).unwrap();
        let Some(Claim::Dead(dead)) = claimed.into_iter().next() else {
            panic!("it is there");
        };
        dead
    };
    let (first, second) = (claim(), claim());
    // The run lives, and goes on: those who read it before have an old picture of it.
    journal.note(&intend(1)).unwrap();
    assert!(first.journal.note(&intend(2)).is_err());
    let third = claim();
    third.journal.note(&intend(2)).unwrap();
    assert!(second.journal.note(&intend(3)).is_err());
    assert!(journal.note(&intend(4)).is_err(), "the run is told as well");
}

#[test]
fn a_note_is_refused_once_the_lease_is_lost() {
    let memory: Arc<Memory> = Arc::default();
    let store = store(&memory);
    let journal = store.begin::<String>(holder(1).run, "web", &SystemClock);
    journal.note(&intend(0)).unwrap();
    store.fence.lose("run 2 has taken it");
    assert!(journal.note(&intend(1)).is_err());
    let list: [Later<String>; 0] = [];
    assert!(store.replace("web", &list).is_err());
}

#[test]
fn a_due_list_is_read_back_as_it_was_written() {
    let memory: Arc<Memory> = Arc::default();
    let store = store(&memory);
    let read = || crate::run::LaterLists::<String>::read(&store, "web").unwrap();
    assert_eq!(read(), []);
    let list = [Later {
        run: holder(1).run,
        undo: "group web-v041".to_owned(),
        at: jiff::Timestamp::UNIX_EPOCH,
        why: "kept to roll back to".to_owned(),
    }];
    store.replace("web", &list).unwrap();
    store.replace("web", &list).unwrap();
    assert_eq!(read(), list);
    assert_eq!(store.services_due().unwrap(), ["web"]);
}
