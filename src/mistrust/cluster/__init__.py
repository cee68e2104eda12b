"""Where a snapshot comes from: folder, file, dump, saved snapshot, live API."""
