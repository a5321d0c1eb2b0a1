/// The messages of one module, decoded.
///
/// Implemented by [`crate::msgs!`].
pub trait MsgSet: Sized + Send + Sync + 'static {
    /// Every type URL of the set.
    const TYPE_URLS: &'static [&'static str];

    /// Decodes `value` as the message of `type_url`.
    ///
    /// # Errors
    /// [`MsgDecodeError`] when the type URL is not of this set or the bytes are not that message.
    fn decode(type_url: &str, value: &[u8]) -> Result<Self, MsgDecodeError>;

    /// The message's own type URL.
    fn type_url(&self) -> &'static str;
}

/// Why [`MsgSet::decode`] failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MsgDecodeError {
    /// Not a message of the set.
    #[error("unable to resolve type URL {0}")]
    Unknown(String),
    /// Not the encoding of the message.
    #[error("{0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Declares the messages of a module once: an enum, and its [`MsgSet`] implementation.
///
/// ```text
/// msgs! {
///     /// Messages of bank.
///     pub enum BankMsg {
///         Send(MsgSend) = "/cosmos.bank.v1beta1.MsgSend",
///     }
/// }
/// ```
/// expands to
/// ```text
/// /// Messages of bank.
/// #[derive(Debug, Clone, PartialEq)]
/// pub enum BankMsg { Send(MsgSend) }
/// impl MsgSet for BankMsg {
///     const TYPE_URLS: &'static [&'static str] = &["/cosmos.bank.v1beta1.MsgSend"];
///     fn decode(type_url: &str, value: &[u8]) -> Result<Self, MsgDecodeError> { /* match */ }
///     fn type_url(&self) -> &'static str { /* match */ }
/// }
/// ```
#[macro_export]
macro_rules! msgs {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident($msg:ty) = $url:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis enum $name {
            $(
                #[doc = concat!("`", $url, "`")]
                $(#[$vmeta])*
                $variant($msg),
            )*
        }

        impl $crate::MsgSet for $name {
            const TYPE_URLS: &'static [&'static str] = &[$($url),*];

            fn decode(type_url: &str, value: &[u8]) -> Result<Self, $crate::MsgDecodeError> {
                match type_url {
                    $($url => Ok(Self::$variant(<$msg as $crate::prost::Message>::decode(value)?)),)*
                    other => {
                        let _ = value;
                        Err($crate::MsgDecodeError::Unknown(other.to_owned()))
                    }
                }
            }

            fn type_url(&self) -> &'static str {
                match *self {
                    $(Self::$variant(_) => $url,)*
                }
            }
        }
    };
}
