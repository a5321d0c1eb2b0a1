use proptest::prelude::*;

use super::*;

fn query(text: &str) -> Query {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn map(pairs: &[(&str, &str)]) -> EventMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn conditions_and_their_text_form() {
    let text = "tm.event='Tx' AND a.b_c-d>=5.5 AND x  <=  TIME 2013-05-03T14:45:00Z AND y = DATE 2013-05-03 \
                AND z EXISTS AND w CONTAINS 'a b' AND v < 10 AND u > 1.";
    let parsed = query(text);
    assert_eq!(
        parsed.to_string(),
        "tm.event = 'Tx' AND a.b_c-d >= 5.5 AND x <= TIME 2013-05-03T14:45:00Z AND y = DATE 2013-05-03 \
         AND z EXISTS AND w CONTAINS 'a b' AND v < 10 AND u > 1."
    );
    assert_eq!(query(&parsed.to_string()), parsed);
    let operators: Vec<_> = parsed.conditions().iter().map(Condition::operator).collect();
    use Operator::*;
    assert_eq!(operators, [Equal, AtLeast, AtMost, Equal, Exists, Contains, Less, Greater]);
    let kinds: Vec<_> = parsed.conditions().iter().map(|c| c.argument().map(Argument::kind)).collect();
    let (string, number) = (Some(ArgumentKind::String), Some(ArgumentKind::Number));
    let (time, date) = (Some(ArgumentKind::Time), Some(ArgumentKind::Date));
    assert_eq!(kinds, [string, number, time, date, None, string, number, number]);
    assert_eq!(Query::equals("tm.event", "Tx"), query("tm.event='Tx'"));
    assert_eq!(Query::all().to_string(), "<empty>");
}

/// Texts that CometBFT 0.38.25 takes, however odd.
#[test]
fn odd_texts_are_queries() {
    for (text, form) in [
        ("a=1AND b=2", "a = 1 AND b = 2"),
        ("a='x'AND b='y'", "a = 'x' AND b = 'y'"),
        ("\t a\n=\r1 ", "a = 1"),
        ("a=''", "a = ''"),
        ("_a.-b=1", "_a.-b = 1"),
        ("größe='ß'", "größe = 'ß'"),
        ("TIME EXISTS".replace(' ', "\t").as_str(), "TIME EXISTS"),
        ("AND.a=1", "AND.a = 1"),
        ("a=1 'open", "a = 1"),
        ("a CONTAINS 'x AND y'", "a CONTAINS 'x AND y'"),
    ] {
        assert_eq!(query(text).to_string(), form, "{text}");
    }
}

/// Messages of CometBFT 0.38.25, except for the reason of a bad time.
#[test]
fn errors_say_where_and_what() {
    let long = format!("a='{}'", "x".repeat(Query::MAX_LENGTH));
    let many = vec!["a=1"; Query::MAX_CONDITIONS + 1].join(" AND ");
    for (text, message) in [
        ("", "offset 0: EOF"),
        ("  ", "offset 2: EOF"),
        ("=", "offset 0: got = operator, wanted tag"),
        ("'a'=1", "offset 0: got string, wanted tag"),
        ("a", "offset 1: EOF"),
        (
            "a b",
            "offset 2: got tag, wanted <= operator, >= operator, < operator, > operator, = operator, \
             CONTAINS operator or EXISTS operator",
        ),
        ("a==1", "offset 2: got = operator, wanted number, timestamp, datestamp or string"),
        ("a<'x'", "offset 2: got string, wanted number, timestamp or datestamp"),
        ("a CONTAINS 5", "offset 11: got number, wanted string"),
        ("a='x", "offset 2: EOF"),
        ("a=-1", "offset 2: invalid input - at offset 3"),
        ("a=1 b=2", "offset 4: got tag, want AND operator"),
        ("a=1 OR b=2", "offset 4: got tag, want AND operator"),
        ("a=1 AND", "offset 7: EOF"),
        ("a=1 ; b=2", "offset 4: got invalid token, want AND operator"),
        ("a=1.2.3", "offset 5: got invalid token, want AND operator"),
        ("(a=1)", "offset 0: invalid input ( at offset 1"),
        ("a=TIME 2013-05-03", "offset 2: invalid TIME value: \"2013-05-03\" is not like 2006-01-02T15:04:05Z07:00"),
        ("a=DATE 2013-02-30", "offset 2: invalid DATE value: \"2013-02-30\" is not like 2006-01-02"),
        ("a=DATE 1899-12-31", "offset 2: datestamp year 1899 out of range"),
        ("a=TIME 3000-01-01T00:00:00Z", "offset 2: timestamp year 3000 out of range"),
        (&long, "maximum query length exceeded"),
        (&many, "offset 1020: a query has at most 128 conditions"),
    ] {
        assert_eq!(text.parse::<Query>().expect_err(text).to_string(), message, "{text}");
    }
    assert_eq!(long.parse::<Query>().expect_err("long").kind(), &QueryErrorKind::TooLong);
}

#[test]
fn values_meet_conditions() {
    let events = map(&[
        ("tm.event", "Tx"),
        ("transfer.amount", "8.045stake"),
        ("transfer.amount", "340282366920938463463374607431768211457"),
        ("transfer.to", "alice"),
        ("rewards.withdraw.when", "2013-05-03T14:45:00.5+02:00"),
        ("rewards.withdraw.day", "2013-05-03"),
        ("a.empty", ""),
    ]);
    for yes in [
        "tm.event='Tx'",
        "transfer.amount=8.045",
        "transfer.amount=8.0450",
        "transfer.amount>8 AND transfer.amount<9",
        "transfer.amount=340282366920938463463374607431768211457",
        "transfer.amount>340282366920938463463374607431768211456",
        "transfer.amount<=8.045",
        "transfer.amount='8.045stake'",
        "transfer.to CONTAINS 'lic'",
        "transfer.to CONTAINS ''",
        "transfer.to EXISTS",
        "transfer EXISTS",
        "transfer=''",
        "rewards.withdraw EXISTS",
        "rewards.withdraw.when > TIME 2013-05-03T12:45:00Z",
        "rewards.withdraw.when <= TIME 2013-05-03T12:45:01Z",
        "rewards.withdraw.day = DATE 2013-05-03",
        "rewards.withdraw.day < DATE 2013-05-04",
        "rewards.withdraw.day >= DATE 2013-05-03",
        "a.empty=''",
        // Conditions are met one by one, by whichever value.
        "transfer.amount < 9 AND transfer.amount > 9",
    ] {
        assert!(query(yes).matches(&events), "{yes}");
    }
    for no in [
        "tm.event='NewBlock'",
        "tm.event='tx'",
        "transfer.amount=8",
        "transfer.amount>340282366920938463463374607431768211457",
        "transfer.to=5",
        "transfer.to CONTAINS 'Alice'",
        "rewards EXISTS",
        "trans EXISTS",
        "transfer.t EXISTS",
        "transfer='x'",
        "transfer=0",
        "a.empty=0",
        "b EXISTS",
        "rewards.withdraw.when = DATE 2013-05-03",
        "rewards.withdraw.day = TIME 2013-05-03T00:00:00Z",
        "tm.event='Tx' AND transfer.to='bob'",
    ] {
        assert!(!query(no).matches(&events), "{no}");
    }
    assert!(Query::all().matches(&EventMap::new()));
    assert!(!query("a CONTAINS ''").matches(&EventMap::new()));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".{0,200}") {
        let _ = text.parse::<Query>().map(|query| query.matches(&EventMap::new()));
    }

    /// Texts close to queries reach further than random ones; what is read is read again from its text form.
    #[test]
    fn text_form_is_read_back(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("a.b"), Just("TIME"), Just("DATE"), Just("AND"), Just(" "), Just("="), Just("<"), Just(">="),
                Just("EXISTS"), Just("CONTAINS"), Just("'x y'"), Just("'"), Just("5"), Just("5."), Just("0.5"),
                Just("TIME 2013-05-03T14:45:00Z"), Just("DATE 2013-05-03"), Just("ü"), Just("٣"),
            ],
            0..20,
        ),
        value in "[0-9a-z.T:+-]{0,12}",
    ) {
        let text = parts.join(" ");
        if let Ok(parsed) = text.parse::<Query>() {
            let again: Query = parsed.to_string().parse().expect("the text form of a query is one");
            prop_assert_eq!(&again, &parsed);
            let events = map(&[("a.b", value.as_str())]);
            prop_assert_eq!(again.matches(&events), parsed.matches(&events));
        }
    }
}
