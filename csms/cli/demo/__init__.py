"""The whole system on one machine: central system, chargers, feeder. The only package that may name both sides."""
