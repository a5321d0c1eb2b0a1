use std::io::{self, BufRead, IsTerminal, Write};

use zeroize::Zeroizing;

/// Shortest password taken for something new, in bytes; the SDK's.
pub const MIN_PASSWORD_LENGTH: usize = 8;

/// Where passwords come from.
pub trait Prompt {
    /// Asks for the password that `text` describes.
    ///
    /// # Errors
    /// Whatever reading fails with, the end of the input included.
    fn password(&mut self, text: &str) -> io::Result<Zeroizing<String>>;

    /// Asks for a password that does not exist yet, if possible twice.
    ///
    /// # Errors
    /// As [`Prompt::password`]; [`io::ErrorKind::InvalidInput`] if it is shorter than [`MIN_PASSWORD_LENGTH`] or the two
    /// differ.
    fn new_password(&mut self, text: &str) -> io::Result<Zeroizing<String>> {
        let password = self.password(text)?;
        require_long_enough(&password)?;
        Ok(password)
    }
}

fn require_long_enough(password: &str) -> io::Result<()> {
    if password.len() < MIN_PASSWORD_LENGTH {
        let text = format!("password must be at least {MIN_PASSWORD_LENGTH} characters");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
}

/// Asks on the terminal without echo; without a terminal it reads one line of standard input per password, so that
/// scripts can pipe them in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal;

impl Prompt for Terminal {
    fn password(&mut self, text: &str) -> io::Result<Zeroizing<String>> {
        if io::stdin().is_terminal() {
            // Standard output is for the answer; prompts would spoil a pipe.
            let mut stderr = io::stderr();
            write!(stderr, "{text}: ")?;
            stderr.flush()?;
            return rpassword::read_password().map(Zeroizing::new);
        }
        let mut line = Zeroizing::new(String::new());
        if io::stdin().lock().read_line(&mut line)? == 0 {
            let text = format!("no password on standard input ({text})");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn new_password(&mut self, text: &str) -> io::Result<Zeroizing<String>> {
        let password = self.password(text)?;
        require_long_enough(&password)?;
        if io::stdin().is_terminal() && self.password("Repeat it")? != password {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the two passwords differ"));
        }
        Ok(password)
    }
}

/// Always answers the same, for tests and for tools that got the password elsewhere.
pub struct FixedPassword(Zeroizing<String>);

impl FixedPassword {
    /// A prompt that answers `password`.
    pub fn new(password: &str) -> Self {
        Self(Zeroizing::new(password.to_owned()))
    }
}

impl Prompt for FixedPassword {
    fn password(&mut self, _: &str) -> io::Result<Zeroizing<String>> {
        Ok(self.0.clone())
    }
}
