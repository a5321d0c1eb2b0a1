//! The command line.

pub const USAGE: &str = "\
query_speed [--grpc HOST:PORT] [--rest HOST:PORT] [options]
  --address ADDRESS    account to ask for, several times for several; else the first 1000 that REST lists
  --denom DENOM        denomination [uplume]
  --connections N      connections at a time [16]
  --seconds N          length of each measurement [10]
  --rate N             calls a second where latency is measured [500]
  --threads N          threads of this program [1]
  --json               JSON instead of a table";

pub struct Settings {
    pub grpc: Option<String>,
    pub rest: Option<String>,
    pub addresses: Vec<String>,
    pub denom: String,
    pub connections: usize,
    pub seconds: u64,
    pub rate: u64,
    pub threads: usize,
    pub json: bool,
}

impl Settings {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self {
            grpc: None,
            rest: None,
            addresses: Vec::new(),
            denom: "uplume".to_owned(),
            connections: 16,
            seconds: 10,
            rate: 500,
            threads: 1,
            json: false,
        };
        while let Some(flag) = arguments.next() {
            if flag == "--json" {
                settings.json = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let number = || match value.parse::<u64>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("{flag}: {value:?} is no number above 0")),
            };
            let size = || number().and_then(|number| usize::try_from(number).map_err(|error| error.to_string()));
            match flag.as_str() {
                "--grpc" => settings.grpc = Some(host(&value)),
                "--rest" => settings.rest = Some(host(&value)),
                "--address" => settings.addresses.push(value),
                "--denom" => settings.denom = value,
                "--connections" => settings.connections = size()?,
                "--seconds" => settings.seconds = number()?,
                "--rate" => settings.rate = number()?,
                "--threads" => settings.threads = size()?,
                _ => return Err(format!("unknown flag {flag}")),
            }
        }
        if settings.grpc.is_none() && settings.rest.is_none() {
            return Err("name a door: --grpc or --rest".to_owned());
        }
        Ok(settings)
    }
}

/// `HOST:PORT` of an address that may be a URL.
fn host(address: &str) -> String {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    bare.trim_end_matches('/').to_owned()
}
