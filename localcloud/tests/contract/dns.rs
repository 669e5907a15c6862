//! Route 53: batches, weights, lists, and when a change is everywhere.

use localcloud::model::Service::Route53;

use super::rows::{Row, Stage, is, row};

pub const ROWS: &[Row] = &[
    row(
        "a batch of record changes is made whole or not at all",
        whole,
    )
    .but_moto("refused as InvalidInput"),
    row("a record that is there is not made again", again),
    row(
        "a record is deleted with the very values that it has",
        very_values,
    )
    .but_moto("refused as InvalidInput"),
    row(
        "a weighted record is deleted with the very weight that it has",
        very_weight,
    )
    .but_moto("with any"),
    row("a weight of 0 is kept, one of 256 is refused", weights).but_moto("256 is kept too"),
    row(
        "a weighted record does not stand beside a simple one",
        mixed,
    )
    .but_moto("accepted"),
    row(
        "weighted records of one name and type have one TTL",
        one_ttl,
    )
    .but_moto("accepted"),
    row(
        "one batch puts weighted records in a simple one's place",
        turned,
    ),
    row(
        "records come by their labels from the last, then by type",
        order,
    ),
    row(
        "pages of records go on at name, type and set identifier",
        pages,
    )
    .but_moto("at name and type"),
    row(
        "a change is on its way first and everywhere a while later",
        everywhere,
    )
    .but_moto("at once"),
    row("a caller's reference makes one zone", reference).but_moto("several"),
    row("a zone with records is not deleted", not_empty),
];

/// A zone `example.com`.
fn zone(stage: &mut Stage) -> Result<String, String> {
    let made = stage.ok(
        Route53,
        "CreateHostedZone",
        "Name=example.com CallerReference=one",
    )?;
    Ok(made.text("HostedZone.Id").to_owned())
}

/// A batch of changes like `CREATE www CNAME TTL=30 to=blue.example.net`.
fn batch(zone: &str, changes: &[&str]) -> String {
    let changes = (1..).zip(changes).map(|(at, change)| {
        let at = format!("ChangeBatch.Changes.{at}");
        let set = format!("{at}.ResourceRecordSet");
        let words = change.split_whitespace().enumerate();
        let fields = words.map(|(place, word)| match place {
            0 => format!("{at}.Action={word}"),
            1 => format!("{set}.Name={word}.example.com"),
            2 => format!("{set}.Type={word}"),
            _ => match word.strip_prefix("to=") {
                Some(value) => format!("{set}.ResourceRecords.1.Value={value}"),
                None => format!("{set}.{word}"),
            },
        });
        fields.collect::<Vec<_>>().join(" ")
    });
    let changes: Vec<String> = changes.collect();
    format!("HostedZoneId={zone} {}", changes.join(" "))
}

fn change(stage: &mut Stage, zone: &str, changes: &[&str]) -> Result<String, String> {
    let made = stage.ok(Route53, "ChangeResourceRecordSets", &batch(zone, changes))?;
    Ok(made.text("ChangeInfo.Id").to_owned())
}

fn refused(stage: &mut Stage, zone: &str, changes: &[&str], code: &str) -> Result<(), String> {
    stage.refused(
        Route53,
        "ChangeResourceRecordSets",
        &batch(zone, changes),
        code,
    )
}

/// Names, types, set identifiers and weights of a zone's records, but for its own.
fn records(stage: &mut Stage, zone: &str) -> Result<Vec<String>, String> {
    let seen = stage.ok(
        Route53,
        "ListResourceRecordSets",
        &format!("HostedZoneId={zone}"),
    )?;
    let all = (0..seen.count("ResourceRecordSets")).map(|at| {
        let of = |field: &str| {
            seen.text(&format!("ResourceRecordSets.{at}.{field}"))
                .to_owned()
        };
        let name = of("Name").replace(".example.com.", "");
        let words = [name, of("Type"), of("SetIdentifier"), of("Weight")];
        words.join(" ").trim().to_owned()
    });
    Ok(all
        .filter(|record| !record.starts_with("example.com."))
        .collect())
}

const BLUE: &str = "www CNAME SetIdentifier=blue TTL=30 to=blue.example.net";
const GREEN: &str = "www CNAME SetIdentifier=green TTL=30 to=green.example.net";

fn whole(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    let both = [
        "CREATE a A TTL=60 to=192.0.2.1",
        "DELETE b A TTL=60 to=192.0.2.2",
    ];
    refused(stage, &zone, &both, "InvalidChangeBatch")?;
    is("records", records(stage, &zone)?, vec![])
}

fn again(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    let create = "CREATE a A TTL=60 to=192.0.2.1";
    change(stage, &zone, &[create])?;
    refused(stage, &zone, &[create], "InvalidChangeBatch")
}

fn very_values(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    change(stage, &zone, &["CREATE a A TTL=60 to=192.0.2.1"])?;
    for other in ["TTL=61 to=192.0.2.1", "TTL=60 to=192.0.2.2"] {
        let delete = format!("DELETE a A {other}");
        refused(stage, &zone, &[&delete], "InvalidChangeBatch")?;
    }
    change(stage, &zone, &["DELETE a A TTL=60 to=192.0.2.1"])?;
    is("records", records(stage, &zone)?, vec![])
}

fn very_weight(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    change(stage, &zone, &[&format!("CREATE {BLUE} Weight=1")])?;
    let other = format!("DELETE {BLUE} Weight=2");
    refused(stage, &zone, &[&other], "InvalidChangeBatch")
}

fn weights(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    change(stage, &zone, &[&format!("CREATE {BLUE} Weight=0")])?;
    is(
        "records",
        records(stage, &zone)?,
        vec!["www CNAME blue 0".to_owned()],
    )?;
    let heavy = format!("UPSERT {BLUE} Weight=256");
    refused(stage, &zone, &[&heavy], "InvalidInput")
}

fn mixed(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    change(
        stage,
        &zone,
        &["CREATE www CNAME TTL=30 to=blue.example.net"],
    )?;
    let beside = format!("CREATE {BLUE} Weight=1");
    refused(stage, &zone, &[&beside], "InvalidChangeBatch")
}

fn one_ttl(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    change(stage, &zone, &[&format!("CREATE {BLUE} Weight=1")])?;
    let slower = format!("CREATE {GREEN} Weight=1").replace("TTL=30", "TTL=60");
    refused(stage, &zone, &[&slower], "InvalidChangeBatch")
}

fn turned(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    let simple = "www CNAME TTL=30 to=blue.example.net";
    change(stage, &zone, &[&format!("CREATE {simple}")])?;
    let batch = [
        format!("DELETE {simple}"),
        format!("CREATE {BLUE} Weight=255"),
        format!("CREATE {GREEN} Weight=0"),
    ];
    change(stage, &zone, &batch.each_ref().map(String::as_str))?;
    let weighted = ["www CNAME blue 255", "www CNAME green 0"].map(ToOwned::to_owned);
    is("records", records(stage, &zone)?, weighted.to_vec())
}

fn order(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    let made = [
        "www A to=192.0.2.1",
        "a.b A to=192.0.2.1",
        "b TXT to=\"x\"",
        "b A to=192.0.2.1",
    ];
    let made = made.map(|record| format!("CREATE {record} TTL=60"));
    change(stage, &zone, &made.each_ref().map(String::as_str))?;
    let sorted = ["b A", "b TXT", "a.b A", "www A"].map(ToOwned::to_owned);
    is("records", records(stage, &zone)?, sorted.to_vec())
}

fn pages(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    let both = [
        format!("CREATE {GREEN} Weight=1"),
        format!("CREATE {BLUE} Weight=1"),
    ];
    change(stage, &zone, &both.each_ref().map(String::as_str))?;
    let ask = format!(
        "HostedZoneId={zone} MaxItems=1 StartRecordName=www.example.com StartRecordType=CNAME"
    );
    let first = stage.ok(Route53, "ListResourceRecordSets", &ask)?;
    let identifier = "ResourceRecordSets.0.SetIdentifier";
    is("the first", first.text(identifier), "blue")?;
    is("what is next", first.text("NextRecordIdentifier"), "green")?;
    let next = stage.ok(
        Route53,
        "ListResourceRecordSets",
        &format!("{ask} StartRecordIdentifier=green"),
    )?;
    is("the next", next.text(identifier), "green")?;
    is("more", next.text("IsTruncated"), "false")
}

fn everywhere(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    let id = change(stage, &zone, &["CREATE a A TTL=60 to=192.0.2.1"])?;
    let mut status = || -> Result<String, String> {
        let seen = stage.ok(Route53, "GetChange", &format!("Id={id}"))?;
        stage.pass(60);
        Ok(seen.text("ChangeInfo.Status").to_owned())
    };
    is("at first", status()?.as_str(), "PENDING")?;
    is("a minute later", status()?.as_str(), "INSYNC")
}

fn reference(stage: &mut Stage) -> Result<(), String> {
    zone(stage)?;
    let other = "Name=example.net CallerReference=one";
    stage.refused(
        Route53,
        "CreateHostedZone",
        other,
        "HostedZoneAlreadyExists",
    )
}

fn not_empty(stage: &mut Stage) -> Result<(), String> {
    let zone = zone(stage)?;
    change(stage, &zone, &["CREATE a A TTL=60 to=192.0.2.1"])?;
    let ask = format!("Id={zone}");
    stage.refused(Route53, "DeleteHostedZone", &ask, "HostedZoneNotEmpty")?;
    change(stage, &zone, &["DELETE a A TTL=60 to=192.0.2.1"])?;
    stage.ok(Route53, "DeleteHostedZone", &ask)?;
    stage.refused(Route53, "GetHostedZone", &ask, "NoSuchHostedZone")
}
