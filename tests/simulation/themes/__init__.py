"""The statements by theme: what proves each of them, and how often."""
