//! Reads the proxy's `show stat` table: one row for each target of each backend.

/// What the proxy says of one target in one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The target group's name.
    pub backend: String,
    pub server: String,
    /// Requests in flight.
    pub sessions: u64,
    /// It gets requests as far as its health goes.
    pub up: bool,
    /// The kind of the last check's result (`INI`, `L7OK`, `L7STS`, `L4CON`, …), without the mark of one under way.
    pub check: String,
    pub code: Option<u16>,
}

/// Reads the rows of servers out of the answer; columns are found by name.
pub(super) fn read(answer: &str) -> Vec<Row> {
    let mut lines = answer.lines().skip_while(|line| !line.starts_with("# "));
    let Some(header) = lines.next() else {
        return Vec::new();
    };
    let names: Vec<&str> = header.trim_start_matches("# ").split(',').collect();
    lines
        .filter_map(|line| row(&names, &line.split(',').collect::<Vec<_>>()))
        .collect()
}

fn row(names: &[&str], values: &[&str]) -> Option<Row> {
    let value = |name: &str| {
        values
            .get(names.iter().position(|known| *known == name)?)
            .copied()
    };
    Some(Row {
        backend: value("pxname")?.to_owned(),
        server: value("svname")?.to_owned(),
        sessions: value("scur")?.parse().ok()?,
        up: value("status")?.starts_with("UP"),
        check: value("check_status")?.trim_start_matches("* ").to_owned(),
        code: value("check_code")?.parse().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_by_the_names_of_its_columns() {
        let answer = "# pxname,svname,scur,status,check_status,check_code\n\
                      web,i-1:10.0.0.1:80,3,DOWN 1/2,* L7STS,503\n\
                      web,open:i-1:10.0.0.1:80,0,no check,,\n";
        let rows = read(answer);
        assert_eq!(rows.len(), 2);
        let expected = Row {
            backend: "web".into(),
            server: "i-1:10.0.0.1:80".into(),
            sessions: 3,
            up: false,
            check: "L7STS".into(),
            code: Some(503),
        };
        assert_eq!(rows[0], expected);
        assert_eq!((rows[1].up, rows[1].code), (false, None));
    }
}
