"""What tests stand on: real servers, a faulty store, virtual time."""
