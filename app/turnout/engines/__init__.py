"""The only place that talks to models: one file a provider kind, and the transport."""
