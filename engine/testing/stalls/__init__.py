"""How stalls are handled, measured: answers at a stated pace, with stated odds of trouble, in virtual time.

`gaps` says how words come, `mishaps` what goes wrong, `speaker` plays both to an engine, `plain` to a client that
starts over; `record` is what was seen of one answer, `measures` what is told of many, and `measure` runs it all.
"""
