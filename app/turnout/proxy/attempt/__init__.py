"""One step of a plan carried out at one engine: the request made ready, the answer relayed, within its limits."""
