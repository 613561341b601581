"""What is asked of the proxy itself: the control API, model lists, metrics, nodes, shadow checks, clients."""
