"""Messages to a run: they wait in its mailbox until its code handles them."""
