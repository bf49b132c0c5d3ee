"""The shared tier's stores: the protocol they keep, Redis, and Upstash over REST."""
