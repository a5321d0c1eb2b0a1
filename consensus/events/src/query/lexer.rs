//! Tokens of the query language (`libs/pubsub/query/syntax/scanner.go`).

use std::fmt;

use super::moment;

/// Kinds of tokens; the names are those of CometBFT's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    Invalid,
    Tag,
    String,
    Number,
    Time,
    Date,
    And,
    Contains,
    Exists,
    Eq,
    Lt,
    Leq,
    Gt,
    Geq,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid token",
            Self::Tag => "tag",
            Self::String => "string",
            Self::Number => "number",
            Self::Time => "timestamp",
            Self::Date => "datestamp",
            Self::And => "AND operator",
            Self::Contains => "CONTAINS operator",
            Self::Exists => "EXISTS operator",
            Self::Eq => "= operator",
            Self::Lt => "< operator",
            Self::Leq => "<= operator",
            Self::Gt => "> operator",
            Self::Geq => ">= operator",
        })
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("EOF")]
    End,
    #[error("invalid input {character} at offset {offset}")]
    Character { character: char, offset: usize },
    #[error("invalid {label} value: {text:?} is not like {layout}")]
    Format { label: &'static str, text: String, layout: &'static str },
    #[error("{label} year {year} out of range")]
    Year { label: &'static str, year: i64 },
}

/// Reads tokens one after the other. Offsets count bytes.
pub(crate) struct Scanner<'a> {
    input: &'a str,
    start: usize,
    end: usize,
    token: Token,
    text: String,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self { input, start: 0, end: 0, token: Token::Invalid, text: String::new() }
    }

    /// Kind of the token; invalid after an error.
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Where the token begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Text of the token, without quotes and labels.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Moves on to the next token.
    pub(crate) fn advance(&mut self) -> Result<(), ScanError> {
        self.text.clear();
        self.token = Token::Invalid;
        self.start = self.end;
        let first = loop {
            let character = self.take().ok_or(ScanError::End)?;
            if !character.is_whitespace() {
                break character;
            }
            self.start = self.end;
        };
        self.token = match first {
            '0'..='9' => self.number(first),
            '\'' => self.string()?,
            '<' | '>' | '=' => self.comparison(first),
            _ if first == '_' || first.is_alphanumeric() => self.word(first)?,
            _ => return Err(ScanError::Character { character: first, offset: self.end }),
        };
        Ok(())
    }

    fn number(&mut self, first: char) -> Token {
        self.text.push(first);
        self.take_while(|character| character.is_ascii_digit());
        if self.peek() == Some('.') {
            self.take();
            self.text.push('.');
            self.take_while(|character| character.is_ascii_digit());
        }
        Token::Number
    }

    /// There is no escape: a string ends at the next quote.
    fn string(&mut self) -> Result<Token, ScanError> {
        loop {
            match self.take().ok_or(ScanError::End)? {
                '\'' => return Ok(Token::String),
                character => self.text.push(character),
            }
        }
    }

    fn comparison(&mut self, first: char) -> Token {
        self.text.push(first);
        if first != '=' && self.peek() == Some('=') {
            self.take();
            self.text.push('=');
            return if first == '<' { Token::Leq } else { Token::Geq };
        }
        match first {
            '=' => Token::Eq,
            '<' => Token::Lt,
            _ => Token::Gt,
        }
    }

    fn word(&mut self, first: char) -> Result<Token, ScanError> {
        self.text.push(first);
        self.take_while(|character| matches!(character, '.' | '_' | '-') || character.is_alphanumeric());
        // TIME and DATE are labels only when a space follows; it belongs to the label.
        let has_space = self.peek() == Some(' ');
        match self.text.as_str() {
            "TIME" if has_space => self.moment(
                Token::Time,
                |character| matches!(character, '-' | 'T' | ':' | '+' | 'Z'),
                moment::time,
                ("TIME", "timestamp", "2006-01-02T15:04:05Z07:00"),
            ),
            "DATE" if has_space => self.moment(
                Token::Date,
                |character| character == '-',
                moment::date,
                ("DATE", "datestamp", "2006-01-02"),
            ),
            "AND" => Ok(Token::And),
            "EXISTS" => Ok(Token::Exists),
            "CONTAINS" => Ok(Token::Contains),
            _ => Ok(Token::Tag),
        }
    }

    fn moment(
        &mut self,
        token: Token,
        is_mark: fn(char) -> bool,
        read: fn(&str) -> Option<moment::Moment>,
        (label, name, layout): (&'static str, &'static str, &'static str),
    ) -> Result<Token, ScanError> {
        self.take();
        self.text.clear();
        self.take_while(|character| character.is_ascii_digit() || is_mark(character));
        let moment = read(&self.text).ok_or_else(|| ScanError::Format { label, text: self.text.clone(), layout })?;
        if !(1_900..=2_999).contains(&moment.year) {
            return Err(ScanError::Year { label: name, year: moment.year });
        }
        Ok(token)
    }

    fn peek(&self) -> Option<char> {
        self.input.get(self.end..)?.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.end += character.len_utf8();
        Some(character)
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) {
        while let Some(character) = self.peek().filter(|character| is_part(*character)) {
            self.end += character.len_utf8();
            self.text.push(character);
        }
    }
}
