"""The operator's pages: rendered here, kept live by one event stream, no build step and nothing from elsewhere."""
