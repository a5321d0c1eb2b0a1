//! `cosmos.autocli.v1.Query`: commands for command lines that know nothing of the chain.

use plume_engine::Reader;
use plume_kit::QueryFailure;
use plume_primitives::Height;
use plume_proto::cosmos::autocli::v1::{AppOptionsRequest, AppOptionsResponse, ServiceCommandDescriptor};

use super::Services;

impl<R: Reader> Services<R> {
    /// Every package with queries is a module, called by the part of its name before the version; what the settings say
    /// of a module replaces what the descriptors give.
    pub(super) fn app_options(&self, _: AppOptionsRequest, _: Height) -> Result<AppOptionsResponse, QueryFailure> {
        let command = |service: String| ServiceCommandDescriptor { service, ..ServiceCommandDescriptor::default() };
        let mut response = AppOptionsResponse::default();
        for path in self.reader.query_paths() {
            let Some((package, _)) = path.trim_start_matches('/').split_once(".Query/") else { continue };
            let Some(module) = package.rsplit('.').nth(1) else { continue };
            let options = response.module_options.entry(module.to_owned()).or_default();
            options.query.get_or_insert_with(|| command(format!("{package}.Query")));
            let messages = format!("{package}.Msg");
            if options.tx.is_none() && self.descriptors.pool().get_service_by_name(&messages).is_some() {
                options.tx = Some(command(messages));
            }
        }
        response.module_options.extend(self.settings.commands.module_options.clone());
        Ok(response)
    }
}
