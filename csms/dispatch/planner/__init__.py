"""Every quarter hour a schedule for each car, from prices, forecast, bids, wear and departures."""
