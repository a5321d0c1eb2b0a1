//! TLS 1.3 with raw public keys (RFC 7250) on any stream: both sides prove their node key.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig,
    SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::{BoxStream, NodeKey, PeerId};

/// Application protocol; both sides insist on it.
const ALPN: &[u8] = b"plume/1";

/// SubjectPublicKeyInfo of an ed25519 key (RFC 8410), without the key.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// A stream on which the other side has proved its key.
pub(crate) type SecureStream = TlsStream<BoxStream>;

/// This node's side of every TLS handshake.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    key: Arc<CertifiedKey>,
    acceptor: TlsAcceptor,
}

impl Tls {
    pub(crate) fn new(key: &NodeKey) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let public = CertificateDer::from([&SPKI[..], key.public()].concat());
        let key = Arc::new(CertifiedKey::new(vec![public], Arc::new(key.clone())));
        let verifier = Arc::new(Verifier { expected: None, algorithms: provider.signature_verification_algorithms });
        let mut config = ServerConfig::builder_with_details(provider.clone(), Arc::new(NoTime))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // # Security
        // No resumption and no early data: each connection proves both keys anew, and nothing of it can be replayed.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { provider, key, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Proves this node's key on a stream it dialled, and requires the key of `expected` in return.
    pub(crate) async fn dial(&self, stream: BoxStream, expected: PeerId) -> io::Result<SecureStream> {
        let algorithms = self.provider.signature_verification_algorithms;
        let verifier = Arc::new(Verifier { expected: Some(expected), algorithms });
        let mut config = ClientConfig::builder_with_details(self.provider.clone(), Arc::new(NoTime))
            .with_protocol_versions(&[&TLS13])
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(self.key.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from("plume").map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let stream = TlsStream::Client(stream);
        proved(&stream).map(|_| stream)
    }

    /// Proves this node's key on a stream it accepted; gives the identity that the other side proved.
    pub(crate) async fn accept(&self, stream: BoxStream) -> io::Result<(SecureStream, PeerId)> {
        let stream = TlsStream::Server(self.acceptor.accept(stream).await?);
        proved(&stream).map(|id| (stream, id))
    }
}

fn proved(stream: &SecureStream) -> io::Result<PeerId> {
    let (_, connection) = stream.get_ref();
    if connection.alpn_protocol() != Some(ALPN) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "peer does not speak plume/1"));
    }
    let key = connection.peer_certificates().and_then(<[_]>::first);
    key.and_then(|key| identity(key))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "peer has proved no ed25519 key"))
}

/// The identity behind a raw public key, when that is an ed25519 key in its only encoding.
fn identity(spki: &[u8]) -> Option<PeerId> {
    spki.strip_prefix(&SPKI).and_then(|key| key.try_into().ok()).map(PeerId::of_key)
}

/// Time for a library that uses it for certificates and tickets only; raw keys have no dates.
#[derive(Debug)]
struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(core::time::Duration::ZERO))
    }
}

/// Accepts one ed25519 key or, on the accepting side, any; who may stay is decided after the handshake.
#[derive(Debug)]
struct Verifier {
    expected: Option<PeerId>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn check(&self, key: &[u8], chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        let id = identity(key).filter(|_| chain.is_empty());
        let id = id.ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if self.expected.is_some_and(|expected| expected != id) {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(())
    }

    fn signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signature.scheme != SignatureScheme::ED25519 {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme));
        }
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(key, chain).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(key, chain).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
