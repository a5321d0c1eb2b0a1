//! Conditions from tokens (`libs/pubsub/query/syntax/parser.go`).

use super::{
    Query,
    condition::{Argument, ArgumentKind, Condition, Operator},
    lexer::{ScanError, Scanner, Token},
};

/// Why a text is not a query. Offsets count bytes; the wording is CometBFT's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct QueryError(#[from] QueryErrorKind);

impl QueryError {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &QueryErrorKind {
        &self.0
    }
}

/// What is wrong with the text of a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryErrorKind {
    /// Longer than [`Query::MAX_LENGTH`] bytes.
    #[error("maximum query length exceeded")]
    TooLong,
    /// More than [`Query::MAX_CONDITIONS`] conditions.
    #[error("offset {offset}: a query has at most {} conditions", Query::MAX_CONDITIONS)]
    TooManyConditions {
        /// Where the first one too many begins.
        offset: usize,
    },
    /// No token can be read.
    #[error("offset {offset}: {reason}")]
    Scan {
        /// Where it would begin.
        offset: usize,
        /// Why.
        reason: String,
    },
    /// Another token was needed.
    #[error("offset {offset}: got {got}, {wanted}")]
    Unexpected {
        /// Where it begins.
        offset: usize,
        /// What it is.
        got: String,
        /// What may stand there.
        wanted: String,
    },
}

pub(super) fn parse(text: &str) -> Result<Vec<Condition>, QueryError> {
    if text.len() > Query::MAX_LENGTH {
        return Err(QueryErrorKind::TooLong.into());
    }
    let mut scanner = Scanner::new(text);
    let mut conditions = vec![condition(&mut scanner)?];
    loop {
        // A string without its closing quote is read as the end too: `a=1 'b` is `a=1`, as in CometBFT. Any other failure
        // shows as an invalid token.
        if scanner.advance() == Err(ScanError::End) {
            return Ok(conditions);
        }
        if scanner.token() != Token::And {
            let got = scanner.token().to_string();
            let wanted = format!("want {}", Token::And);
            return Err(QueryErrorKind::Unexpected { offset: scanner.start(), got, wanted }.into());
        }
        if conditions.len() == Query::MAX_CONDITIONS {
            return Err(QueryErrorKind::TooManyConditions { offset: scanner.start() }.into());
        }
        conditions.push(condition(&mut scanner)?);
    }
}

fn condition(scanner: &mut Scanner<'_>) -> Result<Condition, QueryError> {
    require(scanner, &[Token::Tag])?;
    let tag = scanner.text().to_owned();
    let operators = [Token::Leq, Token::Geq, Token::Lt, Token::Gt, Token::Eq, Token::Contains, Token::Exists];
    let (operator, arguments): (_, &[Token]) = match require(scanner, &operators)? {
        Token::Leq => (Operator::AtMost, &[Token::Number, Token::Time, Token::Date]),
        Token::Geq => (Operator::AtLeast, &[Token::Number, Token::Time, Token::Date]),
        Token::Lt => (Operator::Less, &[Token::Number, Token::Time, Token::Date]),
        Token::Gt => (Operator::Greater, &[Token::Number, Token::Time, Token::Date]),
        Token::Eq => (Operator::Equal, &[Token::Number, Token::Time, Token::Date, Token::String]),
        Token::Contains => (Operator::Contains, &[Token::String]),
        _ => return Ok(Condition::new(tag, Operator::Exists, None)),
    };
    let kind = match require(scanner, arguments)? {
        Token::Number => ArgumentKind::Number,
        Token::Time => ArgumentKind::Time,
        Token::Date => ArgumentKind::Date,
        _ => ArgumentKind::String,
    };
    Ok(Condition::new(tag, operator, Some(Argument::new(kind, scanner.text().to_owned()))))
}

/// The next token, which must be one of these.
fn require(scanner: &mut Scanner<'_>, tokens: &[Token]) -> Result<Token, QueryError> {
    if let Err(error) = scanner.advance() {
        return Err(QueryErrorKind::Scan { offset: scanner.start(), reason: error.to_string() }.into());
    }
    let got = scanner.token();
    if tokens.contains(&got) {
        return Ok(got);
    }
    let wanted = match tokens.split_last() {
        Some((last, [])) => format!("wanted {last}"),
        Some((last, others)) => {
            let others: Vec<_> = others.iter().map(Token::to_string).collect();
            format!("wanted {} or {last}", others.join(", "))
        }
        None => String::new(),
    };
    Err(QueryErrorKind::Unexpected { offset: scanner.start(), got: got.to_string(), wanted }.into())
}
