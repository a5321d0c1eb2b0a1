//! `grpc.reflection` in both versions, which have the same messages but for the package's name.

use std::sync::Arc;

use bytes::Bytes;
use plume_proto::Message;
use plume_proto::grpc::reflection::v1::server_reflection_request::MessageRequest;
use plume_proto::grpc::reflection::v1::server_reflection_response::MessageResponse;
use plume_proto::grpc::reflection::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
};

use crate::{Code, Descriptors, Status};

/// A version of the service. Both have the same encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V1Alpha,
}

impl Version {
    const SERVICES: [(&'static str, Self); 2] = [
        ("grpc.reflection.v1.ServerReflection", Self::V1),
        ("grpc.reflection.v1alpha.ServerReflection", Self::V1Alpha),
    ];

    /// The version whose method has this path.
    pub(super) fn of(path: &str) -> Option<Self> {
        let service = path.strip_prefix('/')?.strip_suffix("/ServerReflectionInfo")?;
        Self::SERVICES.iter().find(|(name, _)| *name == service).map(|(_, version)| *version)
    }

    /// Whether this is the service's name in some version.
    pub(super) fn is_service(name: &str) -> bool {
        Self::SERVICES.iter().any(|(service, _)| *service == name)
    }
}

/// Answers questions about the descriptors.
pub(super) struct Reflection {
    descriptors: Arc<Descriptors>,
    services: Arc<[String]>,
}

impl Reflection {
    /// `services` are what [`MessageRequest::ListServices`] answers.
    pub(super) fn new(descriptors: Arc<Descriptors>, services: Arc<[String]>) -> Self {
        Self { descriptors, services }
    }

    /// Answers one question; one that cannot be answered gets an answer that says so.
    ///
    /// # Errors
    /// A message that does not decode, or asks nothing.
    pub(super) fn answer(&self, _: Version, request: &[u8]) -> Result<Bytes, Status> {
        let request = ServerReflectionRequest::decode(request)
            .map_err(|e| Status::new(Code::Internal, format!("the request does not decode: {e}")))?;
        let Some(question) = &request.message_request else {
            return Err(Status::new(Code::InvalidArgument, "invalid MessageRequest: <nil>"));
        };
        let answer = self.find(question).unwrap_or_else(|missing| {
            // # Units
            // Codes of gRPC are small.
            let error_code = i32::try_from(Code::NotFound.number()).unwrap_or_default();
            MessageResponse::ErrorResponse(ErrorResponse { error_code, error_message: missing })
        });
        let response = ServerReflectionResponse {
            valid_host: request.host.clone(),
            message_response: Some(answer),
            original_request: Some(request),
        };
        Ok(Bytes::from(response.encode_to_vec()))
    }

    /// `Err` names what is missing.
    fn find(&self, question: &MessageRequest) -> Result<MessageResponse, String> {
        let pool = self.descriptors.pool();
        match question {
            MessageRequest::FileByFilename(name) => self.file(name),
            MessageRequest::FileContainingSymbol(symbol) => {
                let name = self.descriptors.file_of(symbol.trim_start_matches('.'));
                self.file(&name.ok_or_else(|| format!("symbol {symbol} not found"))?)
            }
            MessageRequest::FileContainingExtension(asked) => {
                let number = u32::try_from(asked.extension_number).ok();
                let message = pool.get_message_by_name(&asked.containing_type);
                let extension = message.and_then(|message| message.get_extension(number?));
                let missing = || format!("extension {} of {} not found", asked.extension_number, asked.containing_type);
                self.file(extension.ok_or_else(missing)?.parent_file().name())
            }
            MessageRequest::AllExtensionNumbersOfType(name) => {
                let message = pool.get_message_by_name(name).ok_or_else(|| format!("message {name} not found"))?;
                let numbers = message.extensions().filter_map(|extension| i32::try_from(extension.number()).ok());
                Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: numbers.collect(),
                }))
            }
            MessageRequest::ListServices(_) => {
                let service = self.services.iter().map(|name| ServiceResponse { name: name.clone() }).collect();
                Ok(MessageResponse::ListServicesResponse(ListServiceResponse { service }))
            }
        }
    }

    /// A file and everything that it imports: some clients ask for imports one by one, others expect them here.
    fn file(&self, name: &str) -> Result<MessageResponse, String> {
        let missing = || format!("file {name} not found");
        let mut wanted = vec![self.descriptors.pool().get_file_by_name(name).ok_or_else(missing)?];
        let mut at = 0;
        while let Some(file) = wanted.get(at).cloned() {
            for import in file.dependencies() {
                if wanted.iter().all(|known| known.name() != import.name()) {
                    wanted.push(import);
                }
            }
            at += 1;
        }
        let files = wanted.iter().filter_map(|file| self.descriptors.file(file.name()));
        let file_descriptor_proto = files.map(|file| file.to_vec()).collect();
        Ok(MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto }))
    }
}
