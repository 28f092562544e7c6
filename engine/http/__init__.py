"""The only place that knows httpx: sends requests, hands over whole reads, keeps connections honest."""
