"""The real engine in virtual time under drawn faults, judged by exact oracles."""
