//! Black-76 and Black-Scholes prices and greeks.
