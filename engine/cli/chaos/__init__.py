"""`riverrun chaos`: the fault proxy as a command, with a live table or lines."""
