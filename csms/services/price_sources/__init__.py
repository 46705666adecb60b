"""Day-ahead prices from ENTSO-E and Nord Pool, kept on disk, with a second source when the first fails."""
