"""TOML on this machine <-> typed settings. Files are hand-editable; comments survive every edit of ours."""
