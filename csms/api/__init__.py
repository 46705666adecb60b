"""The REST surface: resources, commands with their life cycle, a live stream, and a bridge to a broker."""
