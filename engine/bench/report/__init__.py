"""The report: a result of `riverrun bench` as one HTML file that asks nothing of any network."""
