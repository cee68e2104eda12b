"""All pairs at once: classes of pods, blocks of addresses, one row for each destination, and what an event changes."""
