"""The shapes on the wire: requests, responses, and how recommendations are written."""
