//! Prints the OpenAPI document of every interface in the descriptors: `cargo run -p plume-gateway --example openapi`.

use plume_gateway::rest::{RouteTable, openapi_document};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let routes = RouteTable::compile(plume_codec::pool(), |_| true)?;
    println!("{:#}", openapi_document(&routes, "plume"));
    Ok(())
}
