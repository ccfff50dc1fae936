//! Python bindings of `alvh-core`: conversion only, no maths.

mod arrays;
mod backtest;
mod calendar;
mod capi;
mod chain;
mod dbn;
mod detector;
mod door;
mod episodes;
mod errors;
mod feeds;
mod flow_measures;
mod history;
mod ignition;
mod margin;
mod marks;
mod model;
mod order_flow;
mod policy;
mod pricing;
mod signals;
mod simulate;
mod statistics;
mod surface;
mod surface_vix;
mod tables;
mod tape;

use pyo3::prelude::*;

/// The compiled core of alvh.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    backtest::register(module)?;
    calendar::register(module)?;
    chain::register(module)?;
    history::register(module)?;
    margin::register(module)?;
    marks::register(module)?;
    model::register(module)?;
    policy::register(module)?;
    pricing::register(module)?;
    signals::register(module)?;
    simulate::register(module)?;
    episodes::register(module)?;
    statistics::register(module)?;
    surface::register(module)?;
    surface_vix::register(module)?;
    tables::register(module)?;
    tape::register(module)?;
    dbn::register(module)?;
    feeds::register(module)?;
    ignition::register(module)?;
    flow_measures::register(module)?;
    detector::register(module)?;
    capi::register(module)?;
    order_flow::register(module)?;
    // The stub lists the names; a second list at run time would only have to be kept equal to it.
    module.delattr("__all__")?;
    Ok(())
}
