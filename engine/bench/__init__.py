"""The benchmark of broken streams on real sockets: its faults, its server, the clients it judges, and its report."""
