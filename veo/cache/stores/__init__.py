"""The stores of the shared tier: their protocol, the Redis protocol, and Upstash over REST."""
