//! Modules and their methods, from a descriptor pool and a table of options.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor, Value,
};

use super::options::{AppOptions, MethodOptions, ServiceOptions};

/// All commands below `tx` and below `query`.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Messages, by module.
    pub tx: BTreeMap<String, Group>,
    /// Queries, by module.
    pub query: BTreeMap<String, Group>,
}

/// The methods of one service, and services below it.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Full name of the service.
    pub service: String,
    /// Methods by the name of the command.
    pub methods: BTreeMap<String, Method>,
    /// Groups below this one.
    pub groups: BTreeMap<String, Group>,
}

/// One method as a command.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its descriptor.
    pub descriptor: MethodDescriptor,
    /// Its options; those that nobody wrote are empty.
    pub options: MethodOptions,
    /// The field whose address signs, for messages that have exactly one.
    pub signer: Option<FieldDescriptor>,
}

impl Method {
    /// `/cosmos.bank.v1beta1.Query/Balance`.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.descriptor.parent_service().full_name(), self.descriptor.name())
    }

    /// The request.
    pub fn input(&self) -> MessageDescriptor {
        self.descriptor.input()
    }

    /// How help calls the positional argument at `index`: as `use` has it, else as the field.
    pub fn argument_name(&self, index: usize, field: &str) -> String {
        let named = self.options.usage.split_whitespace().skip(1).nth(index);
        let name = named.map(|name| name.trim_matches(['[', ']', '<', '>', '.'])).filter(|name| !name.is_empty());
        name.unwrap_or(field).replace('_', "-").to_uppercase()
    }
}

impl Catalog {
    /// Sorts the services of `pool` into modules: those that `options` name go where it says, all others where their
    /// package and name lead.
    pub fn new(pool: &DescriptorPool, options: &AppOptions) -> Self {
        let mut catalog = Self::default();
        let mut placed = BTreeSet::new();
        for (module, options) in &options.module_options {
            for (tree, service) in [(&mut catalog.tx, &options.tx), (&mut catalog.query, &options.query)] {
                if let Some(group) = service.as_ref().and_then(|service| group(pool, service, &mut placed)) {
                    tree.insert(module.clone(), group);
                }
            }
        }
        let mut others: Vec<_> = pool.services().filter(|service| !placed.contains(service.full_name())).collect();
        // The newest stable version of a package takes the module's plain name, and the SDK's packages before others.
        others.sort_by_key(|service| (!service.full_name().starts_with("cosmos."), std::cmp::Reverse(age(service))));
        for service in others {
            let derived = ServiceOptions { service: service.full_name().to_owned(), ..ServiceOptions::default() };
            let Some(group) = group(pool, &derived, &mut placed) else { continue };
            let tree = if is_msg_service(&service) { &mut catalog.tx } else { &mut catalog.query };
            let name = names(&service).into_iter().find(|name| !tree.contains_key(name));
            tree.insert(name.unwrap_or_else(|| service.full_name().to_owned()), group);
        }
        catalog
    }
}

/// The service's methods; `None` if the pool does not have it, or nothing that a single request answers.
fn group(pool: &DescriptorPool, options: &ServiceOptions, placed: &mut BTreeSet<String>) -> Option<Group> {
    let groups: BTreeMap<_, _> = options
        .sub_commands
        .iter()
        .filter_map(|(name, options)| Some((name.clone(), group(pool, options, placed)?)))
        .collect();
    let service = pool.get_service_by_name(&options.service)?;
    placed.insert(options.service.clone());
    let is_msg = is_msg_service(&service);
    let methods: BTreeMap<_, _> = service
        .methods()
        .filter(|method| !method.is_client_streaming() && !method.is_server_streaming())
        .filter_map(|descriptor| {
            let written = options.rpc_command_options.iter().find(|options| options.rpc_method == descriptor.name());
            let options = written.cloned().unwrap_or_default();
            if options.skip {
                return None;
            }
            let name = options.usage.split_whitespace().next().map_or_else(|| kebab(descriptor.name()), str::to_owned);
            let signer = if is_msg { signer(pool, &descriptor.input()) } else { None };
            Some((name, Method { descriptor, options, signer }))
        })
        .collect();
    (!methods.is_empty() || !groups.is_empty()).then(|| Group { service: options.service.clone(), methods, groups })
}

fn is_msg_service(service: &ServiceDescriptor) -> bool {
    let pool = service.parent_pool();
    let Some(extension) = pool.get_extension_by_name("cosmos.msg.v1.service") else { return false };
    service.options().get_extension(&extension).as_bool() == Some(true)
}

/// The text field that `cosmos.msg.v1.signer` names, if it names a single one of the message itself.
fn signer(pool: &DescriptorPool, message: &MessageDescriptor) -> Option<FieldDescriptor> {
    let options = message.options();
    let names = options.get_extension(&pool.get_extension_by_name("cosmos.msg.v1.signer")?).into_owned();
    let [Value::String(name)] = names.as_list()? else { return None };
    let field = message.get_field_by_name(name)?;
    (field.kind() == Kind::String && !field.is_list()).then_some(field)
}

/// Names that a service may have, the best first: `bank`, for another package of that name `plume-bank`, for another
/// version `bank-v1beta1`. A service that is neither `Msg` nor `Query` has its own name in it: `tx-service`.
fn names(service: &ServiceDescriptor) -> Vec<String> {
    let package: Vec<&str> = service.package_name().split('.').collect();
    let (version, path) = match package.split_last() {
        Some((last, path)) if version_of(last).is_some() => (Some(*last), path),
        _ => (None, package.as_slice()),
    };
    let module = path.last().copied().unwrap_or_default().replace('_', "-");
    let own = match service.name() {
        "Msg" | "Query" => module.clone(),
        name => {
            let name = kebab(name);
            if name.starts_with(&module) { name } else { format!("{module}-{name}") }
        }
    };
    let origin = path.first().copied().unwrap_or_default();
    let mut names = vec![own.clone(), format!("{origin}-{own}")];
    names.extend(version.map(|version| format!("{own}-{version}")));
    names.extend(version.map(|version| format!("{origin}-{own}-{version}")));
    if origin == "cosmos" {
        names.retain(|name| !name.starts_with("cosmos-"));
    }
    names
}

/// `v1beta2` is (1, beta, 2); a stable version counts above all that are not.
fn version_of(text: &str) -> Option<(bool, u32, String)> {
    let rest = text.strip_prefix('v')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (major, stage) = rest.split_at(digits);
    Some((stage.is_empty(), major.parse().ok()?, stage.to_owned()))
}

fn age(service: &ServiceDescriptor) -> Option<(bool, u32, String)> {
    service.package_name().rsplit('.').next().and_then(version_of)
}

/// `AccountAddressByID` becomes `account-address-by-id`, `to_address` `to-address`.
pub fn kebab(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut words = String::new();
    for (i, letter) in letters.iter().enumerate() {
        if *letter == '_' {
            words.push('-');
            continue;
        }
        let before = i.checked_sub(1).and_then(|i| letters.get(i));
        let after = letters.get(i.saturating_add(1));
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if begins {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use plume_codec::pool;

    #[test]
    fn every_service_of_the_chain_has_a_command_for_each_method() {
        let options = AppOptions::read(plume_proto::AUTOCLI).unwrap();
        let catalog = Catalog::new(pool(), &options);
        let mut paths = Vec::new();
        fn collect(group: &Group, paths: &mut Vec<String>) {
            paths.extend(group.methods.values().map(Method::path));
            group.groups.values().for_each(|group| collect(group, paths));
        }
        catalog.tx.values().chain(catalog.query.values()).for_each(|group| collect(group, &mut paths));
        for method in pool().services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            if method.is_server_streaming() || method.is_client_streaming() {
                continue;
            }
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            assert!(paths.contains(&path), "{path} has no command");
        }
        assert_eq!(catalog.query["bank"].methods["balances"].path(), "/cosmos.bank.v1beta1.Query/AllBalances");
        assert_eq!(catalog.tx["bank"].methods["send"].signer.as_ref().unwrap().name(), "from_address");
        assert!(catalog.tx["bank"].methods["multi-send"].signer.is_none());
        assert_eq!(catalog.query["tx-service"].methods["simulate"].path(), "/cosmos.tx.v1beta1.Service/Simulate");
    }

    #[test]
    fn every_option_names_a_method_and_fields_that_exist() {
        let options = AppOptions::read(plume_proto::AUTOCLI).unwrap();
        fn check(options: &ServiceOptions) {
            options.sub_commands.values().for_each(check);
            // Options may be there before their service is.
            let Some(service) = pool().get_service_by_name(&options.service) else { return };
            for options in &options.rpc_command_options {
                let method = service.methods().find(|method| method.name() == options.rpc_method);
                let method = method.unwrap_or_else(|| panic!("{} {}", service.full_name(), options.rpc_method));
                let positional = options.positional_args.iter().map(|argument| &argument.proto_field);
                for field in positional.chain(options.flag_options.keys()) {
                    assert!(method.input().get_field_by_name(field).is_some(), "{} {field}", options.rpc_method);
                }
            }
        }
        options.module_options.values().flat_map(|module| module.tx.iter().chain(&module.query)).for_each(check);
    }

    #[test]
    fn names_are_kebab_case() {
        for (name, kebabed) in [
            ("AllBalances", "all-balances"),
            ("AccountAddressByID", "account-address-by-id"),
            ("ABCIQuery", "abci-query"),
            ("from_address", "from-address"),
            ("GetV2Block", "get-v2-block"),
        ] {
            assert_eq!(kebab(name), kebabed);
        }
    }
}
