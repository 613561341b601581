"""The tray and the window: the only Qt."""
