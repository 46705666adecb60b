"""One use case a file: an event becomes state and a reply, a command lives its life."""
