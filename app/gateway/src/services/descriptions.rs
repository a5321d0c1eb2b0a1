//! `cosmos.base.reflection` in both versions: interfaces, and what a client without knowledge of the chain needs.

use std::collections::BTreeMap;

use plume_engine::Reader;
use plume_kit::QueryFailure;
use plume_primitives::Height;
use plume_proto::Name;
use plume_proto::cosmos::base::reflection::v1beta1::{
    ListAllInterfacesRequest, ListAllInterfacesResponse, ListImplementationsRequest, ListImplementationsResponse,
};
use plume_proto::cosmos::base::reflection::v2alpha1::{
    AuthnDescriptor, ChainDescriptor, CodecDescriptor, ConfigurationDescriptor, GetAuthnDescriptorRequest,
    GetAuthnDescriptorResponse, GetChainDescriptorRequest, GetChainDescriptorResponse, GetCodecDescriptorRequest,
    GetCodecDescriptorResponse, GetConfigurationDescriptorRequest, GetConfigurationDescriptorResponse,
    GetQueryServicesDescriptorRequest, GetQueryServicesDescriptorResponse, GetTxDescriptorRequest,
    GetTxDescriptorResponse, InterfaceDescriptor, InterfaceImplementerDescriptor, MsgDescriptor, QueryMethodDescriptor,
    QueryServiceDescriptor, QueryServicesDescriptor, SigningModeDescriptor, TxDescriptor,
};
use plume_proto::cosmos::tx::v1beta1::Tx;

use super::{Services, engine_failure};

impl<R: Reader> Services<R> {
    pub(super) fn interfaces(
        &self,
        _: ListAllInterfacesRequest,
        _: Height,
    ) -> Result<ListAllInterfacesResponse, QueryFailure> {
        Ok(ListAllInterfacesResponse { interface_names: self.descriptors.interfaces().keys().cloned().collect() })
    }

    /// Nothing for an interface that is not known, as in the SDK.
    pub(super) fn implementations(
        &self,
        request: ListImplementationsRequest,
        _: Height,
    ) -> Result<ListImplementationsResponse, QueryFailure> {
        if request.interface_name.is_empty() {
            return Err(QueryFailure::invalid("invalid interface name"));
        }
        let names = self.descriptors.interfaces().get(&request.interface_name);
        let implementation_message_names = names.into_iter().flatten().map(|name| format!("/{name}")).collect();
        Ok(ListImplementationsResponse { implementation_message_names })
    }

    pub(super) fn authn(
        &self,
        _: GetAuthnDescriptorRequest,
        _: Height,
    ) -> Result<GetAuthnDescriptorResponse, QueryFailure> {
        let modes = self.settings.sign_modes.iter().map(|(name, number)| SigningModeDescriptor {
            name: name.clone(),
            number: *number,
            authn_info_provider_method_fullname: String::new(),
        });
        Ok(GetAuthnDescriptorResponse { authn: Some(AuthnDescriptor { sign_modes: modes.collect() }) })
    }

    pub(super) fn chain(
        &self,
        _: GetChainDescriptorRequest,
        _: Height,
    ) -> Result<GetChainDescriptorResponse, QueryFailure> {
        let id = self.engine.status().map_err(engine_failure)?.chain_id;
        Ok(GetChainDescriptorResponse { chain: Some(ChainDescriptor { id }) })
    }

    pub(super) fn codec(
        &self,
        _: GetCodecDescriptorRequest,
        _: Height,
    ) -> Result<GetCodecDescriptorResponse, QueryFailure> {
        let interfaces = self.descriptors.interfaces().iter().map(|(interface, messages)| InterfaceDescriptor {
            fullname: interface.clone(),
            interface_accepting_messages: Vec::new(),
            interface_implementers: messages
                .iter()
                .map(|name| InterfaceImplementerDescriptor { fullname: name.clone(), type_url: format!("/{name}") })
                .collect(),
        });
        Ok(GetCodecDescriptorResponse { codec: Some(CodecDescriptor { interfaces: interfaces.collect() }) })
    }

    pub(super) fn configuration(
        &self,
        _: GetConfigurationDescriptorRequest,
        _: Height,
    ) -> Result<GetConfigurationDescriptorResponse, QueryFailure> {
        let bech32_account_address_prefix = self.prefix()?.as_str().to_owned();
        Ok(GetConfigurationDescriptorResponse {
            config: Some(ConfigurationDescriptor { bech32_account_address_prefix }),
        })
    }

    pub(super) fn query_services(
        &self,
        _: GetQueryServicesDescriptorRequest,
        _: Height,
    ) -> Result<GetQueryServicesDescriptorResponse, QueryFailure> {
        let mut services: BTreeMap<&str, Vec<QueryMethodDescriptor>> = BTreeMap::new();
        for path in self.reader.query_paths() {
            let Some((service, method)) = path.trim_start_matches('/').split_once('/') else { continue };
            let described = QueryMethodDescriptor { name: method.to_owned(), full_query_path: path.to_owned() };
            services.entry(service).or_default().push(described);
        }
        let services = services.into_iter().map(|(fullname, methods)| QueryServiceDescriptor {
            fullname: fullname.to_owned(),
            is_module: false, // never filled in by the SDK
            methods,
        });
        let queries = QueryServicesDescriptor { query_services: services.collect() };
        Ok(GetQueryServicesDescriptorResponse { queries: Some(queries) })
    }

    pub(super) fn transactions(
        &self,
        _: GetTxDescriptorRequest,
        _: Height,
    ) -> Result<GetTxDescriptorResponse, QueryFailure> {
        let names = self.descriptors.transaction_messages();
        let msgs = names.map(|name| MsgDescriptor { msg_type_url: format!("/{name}") }).collect();
        Ok(GetTxDescriptorResponse { tx: Some(TxDescriptor { fullname: Tx::full_name(), msgs }) })
    }
}
