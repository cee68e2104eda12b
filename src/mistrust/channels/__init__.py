"""One verdict for each connection: may it be opened, how is it protected, is its identity authorised."""
