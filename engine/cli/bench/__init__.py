"""`riverrun bench`: what a policy does to answers. The arguments are apart from what they run."""
